"""The names of columns that keys and features cannot have, against the tables that are made with them."""

from __future__ import annotations

from include.features.catalog import Catalog, Entity
from include.features.columns import KEY_NAMES_TAKEN
from include.features.spec import ModelSpec
from include.monitoring.outcomes import ensure_outcomes_table
from include.scoring.predictions import ensure_predictions_table
from include.warehouse.session import open_session


def test_no_key_may_be_called_as_a_column_of_a_models_own_tables(warehouse_uri: str, catalog: Catalog) -> None:
    label = catalog.labels["outage_labels"]
    entity: Entity = label.entity
    spec = ModelSpec("outages", "binary", entity, label, "failed", (), ())
    with open_session(warehouse_uri) as session:
        tables = [ensure_predictions_table(session, "outages", entity), ensure_outcomes_table(session, spec)]
        rows = session.fetch_all(
            "select column_name from information_schema.columns where table_schema = 'ml' and table_name = any(%s)",
            ([table.name for table in tables],),
        )

    made = {row["column_name"] for row in rows} - set(entity.key_names)
    assert "model_version" in made
    assert made <= KEY_NAMES_TAKEN
