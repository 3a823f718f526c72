"""The library: plain Python, in rooms named after what happens in them, testable without Airflow."""
