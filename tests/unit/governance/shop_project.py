"""A small dbt project with everything that lineage must get right: a view, an ephemeral model, a seed, a failed
test and what it stops, a warning, and a model that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from include.warehouse.session import open_session

FILES: Final = {
    "dbt_project.yml": """
        name: shop
        version: "1.0"
        profile: shop
        flags: {send_anonymous_usage_stats: false}
        models: {shop: {+materialized: table, +schema: features}}
        seeds: {shop: {+schema: raw}}
    """,
    "macros/generate_schema_name.sql": """
        {% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}
    """,
    "seeds/regions.csv": "shop_id,region\n1,north\n2,south\n",
    "models/stg_sales.sql": """
        {{ config(materialized='view', schema='staging') }}
        select household_id, shop_id, sales_value as spend from {{ source('raw', 'sales') }}
    """,
    "models/int_sales.sql": """
        {{ config(materialized='ephemeral') }}
        select sales.*, regions.region
        from {{ ref('stg_sales') }} as sales left join {{ ref('regions') }} as regions using (shop_id)
    """,
    "models/customers.sql": """
        select household_id, sum(spend) as spend, max(region) as region, count(*) as lines
        from {{ ref('int_sales') }} group by household_id
    """,
    "models/stopped.sql": "select * from {{ ref('customers') }}",
    "models/broken.sql": "select 1 / (spend - spend) as nothing from {{ ref('stg_sales') }}",
    "models/models.yml": """
        sources:
          - name: raw
            tables: [{name: sales}]
        models:
          - name: customers
            description: Spend of each household.
            columns:
              - name: household_id
                data_tests: [unique, not_null]
              - name: spend
                data_tests:
                  - not_null: {config: {severity: warn}}
    """,
    "tests/customers_spend.sql": "select * from {{ ref('customers') }} where spend < 0",
}


def write_project(folder: Path) -> Path:
    """Write the project's files into ``folder``."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        path.write_text("\n".join(line[indent:] for line in lines) + "\n")
    return folder


def fill_source(uri: str) -> None:
    """The source's rows; one has no household, another no value."""
    with open_session(uri) as session:
        session.execute("create table raw.sales (household_id bigint, shop_id int, sales_value numeric(12, 2))")
        session.execute("insert into raw.sales values (1, 1, 2.5), (1, 2, 1), (null, 2, 3), (2, 1, null)")


def build_project(folder: Path, uri: str) -> Path:
    """Run ``dbt build``; its target folder. Whether everything succeeded is written there."""
    parts = urlsplit(uri)
    output = {
        "type": "postgres", "host": parts.hostname, "port": parts.port, "user": parts.username,
        "password": parts.password, "dbname": parts.path[1:], "schema": "features", "threads": 1,
    }  # fmt: skip
    profile = {"shop": {"target": "test", "outputs": {"test": output}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))
    command = [sys.executable, "-m", "dbt.cli.main", "build", "--project-dir", ".", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (folder / "target" / "run_results.json").exists(), done.stdout + done.stderr
    return folder / "target"
