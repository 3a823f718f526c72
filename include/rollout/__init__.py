"""Rollout: how a candidate becomes champion.

``staging`` asks a version real requests before any client does; ``canary`` gives it a growing share of
traffic; ``judge`` decides each step from numbers alone; ``state`` is the one row per model that says
who answers, changed by compare-and-set only; ``events`` is what happened to it.
"""
