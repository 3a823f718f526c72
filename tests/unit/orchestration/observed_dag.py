"""A DAG of every kind of task whose lineage the project reports; run by ``test_observed_run.py`` in Airflow itself."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import pandas as pd
from airflow.sdk import dag, task
from cosmos import ProfileConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping

from include.orchestration.astro_sdk import Metadata, Table, dataframe
from include.orchestration.connections import warehouse_uri
from include.orchestration.dbt_build import DbtBuild
from include.orchestration.dbt_lineage import emit_dbt_lineage
from include.orchestration.lineage import traced

SALES = Table("sales", conn_id="warehouse", metadata=Metadata(schema="raw"))
TRAINING_SET = Table("training_set", conn_id="warehouse", metadata=Metadata(schema="ml"))


def audited_batch() -> Any:
    """Two rules of one day, the broken one last."""
    from include.quality.report import BatchQuality

    rule = {"dimension": "range", "rule": "between", "column": "shop_id", "is_critical": True, "expected": "1 or more"}
    rules = ({**rule, "has_passed": True, "observed": "none"}, {**rule, "has_passed": False, "observed": "2 rows"})
    return BatchQuality(date(2026, 3, 9), date(2026, 3, 9), 4, rules, ())


@dag(dag_id="observed", schedule=None)
def observed() -> None:
    """Plain tasks, dataframe tasks, mapped ones, one that fails, and a dbt build with a failing test."""

    @task
    @traced
    def publish() -> int:
        """Read the source, write a copy, touch a table of the listener's own, and note what an audit found."""
        from include.warehouse.session import open_session
        from include.warehouse.trace import record_note

        record_note("raw.sales", audited_batch())

        with open_session(warehouse_uri()) as session:
            session.execute("insert into governance.migrations (name) values ('publish')")
            session.execute("create table ml.copy (household_id bigint)")
            return session.execute("insert into ml.copy select household_id from raw.sales")

    @dataframe(output_table=TRAINING_SET)
    def assemble(sales: pd.DataFrame, factor: int = 2) -> pd.DataFrame:
        """A Table in, a Table out."""
        return sales.assign(shop_id=sales["shop_id"] * factor)

    @dataframe(map_index_template="{{ task.op_kwargs['family'] }}")
    def fit(frame: pd.DataFrame, family: str) -> dict[str, Any]:
        """Mapped over families, each with the whole Table as a frame."""
        return {"family": family, "rows": len(frame), "largest": int(frame["shop_id"].max())}

    @task
    @traced
    def judge(results: list[dict[str, Any]]) -> None:
        """Touches no table."""
        assert sorted(result["family"] for result in results) == ["forest", "logistic"]
        assert {(result["rows"], result["largest"]) for result in results} == {(4, 4)}

    @task
    @traced
    def fail() -> None:
        """Writes, then fails."""
        from include.warehouse.session import open_session

        with open_session(warehouse_uri()) as session:
            session.execute("create table ml.debris as select 1 as a")
        raise RuntimeError("on purpose")

    @task
    @traced
    def roll_back() -> None:
        """Reads, commits one table, and loses another with its transaction."""
        from include.warehouse.session import open_session

        with open_session(warehouse_uri()) as session:
            session.execute("create table ml.kept as select household_id from raw.sales")
            session.commit()
            session.execute("create table ml.lost as select 1 as a")
            raise RuntimeError("on purpose")

    frame = assemble(SALES)
    publish() >> frame
    judge(fit.partial(frame=frame).expand(family=["logistic", "forest"]))
    fail()
    roll_back()
    DbtBuild(
        task_id="dbt_producer_watcher",
        project_dir=os.environ["OBSERVED_DBT_PROJECT"],
        profile_config=ProfileConfig(
            profile_name="shop",
            target_name="airflow",
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id="warehouse", profile_args={"schema": "features", "threads": 1}
            ),
        ),
        callback=emit_dbt_lineage,
        install_deps=False,
    )


instance = observed()

if __name__ == "__main__":
    instance.test()  # type: ignore[attr-defined]
