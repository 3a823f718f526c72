FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12

# The image's ONBUILD steps install packages.txt and requirements.txt and copy the project, dbt/ included,
# to /usr/local/airflow. The line above stays literal, without ARG: the Astro CLI reads it.

# XCom pickling off: without it the Astro SDK fails at import. The deserialisation list: what the SDK
# passes through XCom. The transport: lineage goes to disk first, so that no task waits for its receiver.
ENV AIRFLOW__CORE__ENABLE_XCOM_PICKLING="False" \
    AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES="airflow.* astro.*" \
    AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "include.governance.transport.SpoolTransport"}' \
    AIRFLOW__OPENLINEAGE__NAMESPACE="orrery"
