"""The figures of the README, each measured against its peer in one run: ``make bench`` (``NAME=seam`` for one)."""
