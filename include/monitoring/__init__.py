"""Monitoring: does the champion still fit the entities that it speaks of?

``outcomes`` joins what happened to what was predicted; ``performance`` and ``drift`` measure; ``decision``
says from their numbers alone whether to train again; ``monitor`` does it all and writes it down.
"""
