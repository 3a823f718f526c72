"""Batch scoring: the champion's prediction for every entity, one partition per as-of date.

``entities`` reads features, runs the champion and publishes under a fence; ``predictions`` is the table of a
model's scores.
"""
