"""Reads what the sources deliver into Arrow, with the schema that sources.yml declares.

``deliveries`` knows which files there are; ``files`` reads those of a window, ``formats`` one of them:
``text_files`` unpacks and decodes it, ``csv_files`` and ``json_lines`` part it into columns, ``columns`` and
``conversion`` hold these to their declared types.
"""
