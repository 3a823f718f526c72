"""Training: when to train, on what, how each family is fitted and tested, which candidate is best."""
