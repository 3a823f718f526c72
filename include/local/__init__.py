"""The embedded stack: everything that runs on a machine with Python and nothing else.

``python -m include.local up`` starts it, ``status`` shows it, ``down`` stops it.
"""
