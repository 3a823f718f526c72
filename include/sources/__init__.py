"""Reads what the sources deliver into Arrow, with the schema that sources.yml declares.

``deliveries`` knows which files there are, ``files`` reads them, ``columns`` holds them to their
declared types.
"""
