"""The feature group that dbt builds, as the rest of the house sees it."""
