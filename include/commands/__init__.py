"""What the commands of the project share: how they speak and end, their environment, Airflow over HTTP."""
