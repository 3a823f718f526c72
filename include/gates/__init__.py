"""Gates: what a candidate must show before it goes anywhere, one pure rule per module."""
