"""The examples' data, and the systems that it comes from; no other part of the library knows them.

:mod:`include.example.deliveries` writes the source files; ``python -m include.example`` does it by hand.
"""
