"""One message, many channels: who hears of an event, the event log, and delivery that is tried again.

Nothing here knows Airflow; ``include/orchestration/notifications.py`` says what happened and resolves connections.
"""
