"""Quality: what a batch must be like (``suites``), whether it is (``validate``), what follows (``score``).

``profile`` describes each column of a batch, for history and for comparison with what comes later.
"""
