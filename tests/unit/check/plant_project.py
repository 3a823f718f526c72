"""A plant that is right in all parts: its dbt project and settings as texts, which tests spoil one at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from include.settings.section import check_section
from include.settings.sources import SourceSettings

DBT_FILES = {
    "dbt_project.yml": """
name: plant
version: "1.0"
profile: plant
flags: {send_anonymous_usage_stats: false}
vars:
  failure_horizon_days: 7
  heat_limit: 80
models:
  plant:
    staging: {+materialized: view, +schema: staging}
    marts: {+materialized: table, +schema: features, +contract: {enforced: true}}
    online: {+materialized: view, +schema: latest}
""",
    "profiles.yml": """
plant:
  target: warehouse
  outputs:
    warehouse: {type: postgres, host: 127.0.0.1, port: 1, user: u, password: p, dbname: w, schema: features, threads: 1}
""",
    "macros/names.sql": """
{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}

{% macro is_hot(column) %}{{ column }} > {{ var('heat_limit') }}{% endmacro %}
""",
    "models/staging/_sources.yml": """
sources:
  - name: raw
    tables:
      - name: readings
        columns:
          - name: machine_id
          - name: heat
          - name: read_at
          - name: day
          - name: batch_day
      - name: partitions
""",
    "models/staging/stg_readings.sql": """
with source as (

    select * from {{ source('raw', 'readings') }}

),

renamed as (

    select
        machine_id,
        heat,
        day
    from source

)

select * from renamed
""",
    "models/staging/stg_days.sql": """
select batch_day as day from {{ source('raw', 'partitions') }} where source = 'readings'
""",
    "models/marts/machine_readings.sql": """
with readings as (

    select * from {{ ref('stg_readings') }}

)

select
    day + 1 as as_of_date,
    machine_id,
    max(heat)::double precision as heat_max,
    count(*)::integer as reading_count
from readings
group by day + 1, machine_id
""",
    "models/marts/machine_readings.yml": """
models:
  - name: machine_readings
    config:
      meta:
        feature_group:
          entity: machine
          keys: [machine_id]
          event_time: as_of_date
          owner: maintenance
          online: machine_readings_latest
    constraints:
      - type: primary_key
        columns: [as_of_date, machine_id]
    columns:
      - name: as_of_date
        data_type: date
      - name: machine_id
        data_type: text
      - name: heat_max
        data_type: double precision
      - name: reading_count
        data_type: integer
""",
    "models/online/machine_readings_latest.sql": """
{{ config(alias='machine_readings') }}

select distinct on (machine_id) *
from {{ ref('machine_readings') }}
order by machine_id asc, as_of_date desc
""",
    "models/marts/failure_labels.sql": """
select
    days.day - {{ var('failure_horizon_days') }} as as_of_date,
    readings.machine_id,
    bool_or({{ is_hot('readings.heat') }}) as failed
from {{ ref('stg_readings') }} as readings
inner join {{ ref('stg_days') }} as days on readings.day = days.day
group by days.day, readings.machine_id
""",
    "models/marts/failure_labels.yml": """
models:
  - name: failure_labels
    config:
      meta:
        label:
          entity: machine
          keys: [machine_id]
          event_time: as_of_date
          columns: {failed: binary}
          horizon_days: "{{ var('failure_horizon_days') }}"
          owner: maintenance
    constraints:
      - type: primary_key
        columns: [as_of_date, machine_id]
    columns:
      - name: as_of_date
        data_type: date
      - name: machine_id
        data_type: text
      - name: failed
        data_type: boolean
""",
}

SOURCES = """
time_zone: UTC
sources:
  readings:
    kind: files
    path: readings/{day}.csv
    format: csv
    grain: daily
    key: [machine_id, measured_at]
    event_column: measured_at
    columns:
      machine_id: {type: string}
      heat: {type: float64, nullable: true}
      measured_at: {type: timestamp, publish_as: read_at}
"""

MODEL = """
description: Machines that will fail in the next week.
owner: maintenance
task: binary
label: failure_labels.failed
features: {groups: [machine_readings]}
trainer: ada
training: {training_cutoff_spacing_days: 7}
governance: {approvers: [grace]}
"""

_SCHEMAS = {"staging": "staging", "marts": "features", "online": "latest"}


@dataclass
class PlantProject:
    """The files of a dbt project, by path."""

    files: dict[str, str] = field(default_factory=lambda: dict(DBT_FILES))

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a text that stands in a file once or more."""
        assert old in self.files[path], f"{path} holds no {old!r}"
        self.files[path] = self.files[path].replace(old, new)

    def write(self, folder: Path) -> Path:
        """Write the project."""
        for path, text in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    @property
    def variables(self) -> dict[str, Any]:
        """The vars of the project."""
        return dict(yaml.safe_load(self.files["dbt_project.yml"])["vars"])

    def parse(self) -> dict[str, Any]:
        """What dbt's manifest says of it, as far as checks look; ``test_run.py`` compares it with dbt's own."""
        ymls = {path: yaml.safe_load(self._render(text)) for path, text in self.files.items() if "models/" in path and
                path.endswith(".yml")}  # fmt: skip
        described = {one["name"]: (path, one) for path, yml in ymls.items() for one in yml.get("models", [])}
        tables = [(path, one, table) for path, yml in ymls.items() for one in yml.get("sources", [])
                  for table in one["tables"]]  # fmt: skip
        sources = {f"source.plant.{one['name']}.{table['name']}": _make_source(path, one, table)
                   for path, one, table in tables}  # fmt: skip
        nodes = {}
        for path, code in self.files.items():
            if path.startswith("models/") and path.endswith(".sql"):
                name = Path(path).stem
                nodes[f"model.plant.{name}"] = _make_node(path, code.strip(), *described.get(name, ("", {})))
        return {
            "metadata": {"project_name": "plant"},
            "nodes": nodes,
            "sources": sources,
            "macros": self._list_macros(),
        }

    def _render(self, text: str) -> str:
        return re.sub(r'"\{\{ var\(.(\w+).\) \}\}"', lambda match: str(self.variables[match[1]]), text)

    def _list_macros(self) -> dict[str, Any]:
        found = {}
        for path, text in self.files.items():
            for code in re.findall(r"\{% macro .+?\{% endmacro %\}", text, re.DOTALL):
                name = re.match(r"\{% macro (\w+)", code)[1]  # type: ignore[index]
                found[f"macro.plant.{name}"] = {
                    "name": name, "package_name": "plant", "macro_sql": code, "original_file_path": path,
                    "depends_on": {"macros": []},
                }  # fmt: skip
        return found


def load_sources(text: str = SOURCES) -> SourceSettings:
    """The settings of the plant's sources."""
    return check_section(yaml.safe_load(text), SourceSettings, "development", "sources.yml")


def _make_source(path: str, source: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source_name": source["name"], "name": table["name"], "identifier": table["name"],
        "schema": source.get("schema", source["name"]), "original_file_path": path,
        "columns": {column["name"]: column for column in table.get("columns", [])},
    }  # fmt: skip


def _make_node(path: str, code: str, yml: str, described: Mapping[str, Any]) -> dict[str, Any]:
    folder, name = Path(path).parent.name, Path(path).stem
    refs = [f"model.plant.{one}" for one in re.findall(r"ref\('(\w+)'\)", code)]
    read = [f"source.plant.{one}.{table}" for one, table in re.findall(r"source\('(\w+)', '(\w+)'\)", code)]
    alias = re.search(r"alias='(\w+)'", code)
    config = described.get("config", {})
    return {
        "name": name, "resource_type": "model", "package_name": "plant", "language": "sql",
        "schema": _SCHEMAS[folder], "alias": alias[1] if alias else name, "description": "",
        "raw_code": code, "original_file_path": path, "patch_path": f"plant://{yml}" if yml else None,
        "config": {"meta": config.get("meta", {}), "contract": {"enforced": folder == "marts"}},
        "columns": {
            column["name"]: {"data_type": None, "constraints": [], "config": {"meta": {}}, **column}
            for column in described.get("columns", [])
        },
        "constraints": described.get("constraints", []),
        "depends_on": {
            "nodes": [*refs, *read],
            "macros": ["macro.plant.is_hot"] if "is_hot" in code else [],
        },
    }  # fmt: skip
