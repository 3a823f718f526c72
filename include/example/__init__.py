"""The examples' data and traffic; no other part of the library knows them.

What the rest may use: :mod:`include.example.deliveries` writes the source files, :mod:`include.example.traffic`
sends requests to a model. ``python -m include.example`` does both, and loads the history, by hand.
"""
