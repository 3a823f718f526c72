"""What a build has brought of a feature group: statistics, validation, drift, and publication.

``profile`` measures in the warehouse, ``rules`` decides, ``online`` writes the online table, ``publish`` does all of it
in one transaction. What they find is kept in ``quality.feature_*``.
"""
