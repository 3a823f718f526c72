"""Batch scoring: the champion's probability for every customer, one partition per as-of date."""
