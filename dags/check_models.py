"""
### Check the models

Makes no DAG. It looks at every file of `include/config/models` and at what dbt's catalog has. If a model cannot
work, this file is in Airflow's list of import errors, with one line for each such model, and `astro dev parse`
fails. A model whose file is wrong has no DAGs meanwhile; those of all other models, and the shared ones, go on. A
model that names a label or a feature group which no dbt model declares keeps its DAGs, but they cannot do their work.

**When it fails**: the message names the file, the key and the nearest known name. Correct the file; at the next look
of the DAG processor the error is gone and the model's DAGs are back. See `docs/runbooks/model-broken.md`.
"""

from __future__ import annotations

from include.orchestration.models import check_models

check_models()
