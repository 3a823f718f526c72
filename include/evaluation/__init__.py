"""Evaluation: measures of a candidate's served form what the gates judge, one kind of evidence in each module."""
