FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12

# The image's ONBUILD steps install packages.txt and requirements.txt and copy the project, dbt/ included,
# to /usr/local/airflow. The line above stays literal, without ARG: the Astro CLI reads it.

# XCom pickling off: without it the Astro SDK fails at import. The deserialisation list: what the SDK
# passes through XCom. The transport: lineage goes to disk first, so that no task waits for its receiver.
# In a thread: by default each report forks the task's process. The two limits: Airflow's own, 30 and 50
# seconds, are too short for the Astro SDK's imports on a busy machine, also where `astro deploy` tests the image.
# The target: where dbt's manifest is; not below dbt/, which `astro dev start` mounts from the host. The rest:
# no library reports its use to its makers.
ENV AIRFLOW__CORE__ENABLE_XCOM_PICKLING="False" \
    AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES="airflow.* astro.*" \
    AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "include.governance.transport.SpoolTransport"}' \
    AIRFLOW__OPENLINEAGE__NAMESPACE="orrery" \
    AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD="True" \
    AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT="120" \
    AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT="150" \
    ORRERY_DBT_TARGET="/usr/local/airflow/dbt-target" \
    AIRFLOW__COSMOS__ENABLE_TELEMETRY="False" \
    DBT_SEND_ANONYMOUS_USAGE_STATS="False" \
    DO_NOT_TRACK="1" \
    GX_ANALYTICS_ENABLED="False" \
    MLFLOW_DISABLE_TELEMETRY="true" \
    SCARF_ANALYTICS="false" \
    SCARF_NO_ANALYTICS="true"

# The Astro SDK asks for flask-session<0.6 and never imports it. Airflow's FAB provider, which the base image
# may hold, needs 0.8: without it `airflow db migrate` ends with "No module named 'flask_session.sqlalchemy'",
# the Astro CLI reports success all the same, and no task ever runs. So 0.8 is put back, and the build stops
# where that is not enough.
USER root
RUN python -m pip install --no-cache-dir --no-deps flask-session==0.8.0 \
    && mkdir -p "$ORRERY_DBT_TARGET" && chown astro: "$ORRERY_DBT_TARGET"
USER astro
RUN python -c "import importlib.util as util; util.find_spec('airflow.providers.fab') and __import__('airflow.providers.fab.www.session')"

# dbt's manifest, from which DAG files and tasks learn features and labels; dbt parse needs no database.
RUN python -m include.features.manifest
