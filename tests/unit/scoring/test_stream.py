"""Scores in blocks: the same whatever their size, all of them or none, the same bytes again; and their reasons."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.errors import ServingError, WarehouseSchemaError
from include.explanations.shapley import Explainer
from include.features.columns import LATEST_COLUMNS
from include.features.matrix import from_table
from include.features.read import read_features
from include.registry.onnx import OnnxModel
from include.scoring.entities import find_unscored_dates, publish_scores
from include.scoring.scorer import Scorer
from include.settings.scoring import ScoringSettings
from include.warehouse.fence import take_fence
from include.warehouse.session import open_session
from tests.unit.scoring.registered_models import CASES, MACHINE, TEST_DAY, TICKET, ModelCase, make_onnx
from tests.unit.scoring.test_entities import ENTITIES, NEWEST, NOW, read_predictions

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """Twenty entities of each model at two as-of dates after the champion's test."""
    for case in CASES:
        case.create_tables(warehouse_uri)
        for day in (TEST_DAY, NEWEST):
            case.add_day(warehouse_uri, day, ENTITIES)
    return warehouse_uri


def score(uri: str, case: ModelCase, version: int = 1, onnx: bytes | None = None, **settings: int) -> int:
    """What the task does, with a model at hand instead of one in the registry."""
    model = OnnxModel(onnx or make_onnx(case))
    with open_session(uri) as session:
        token = take_fence(session, "test")
        dates = find_unscored_dates(session, model.contract, version)
    scorer = Scorer(model, version, NOW, ScoringSettings(**settings))
    return publish_scores(uri, model.contract, version, dates, scorer.score_dates(uri, dates), ("test", token))


def hash_partition(uri: str, case: ModelCase) -> Any:
    """One number of all scores with all their columns."""
    with open_session(uri) as session:
        return session.fetch_value(
            f"select md5(string_agg(row::text, ';' order by row::text)) from ml.{case.name}_predictions as row"
        )


@pytest.mark.parametrize("rows_at_once", [1, 7, 20, 21])
def test_blocks_of_any_size_give_the_same_scores(uri: str, case: ModelCase, rows_at_once: int) -> None:
    assert score(uri, case, rows_at_once=rows_at_once) == ENTITIES
    by_block = read_predictions(uri, case)
    assert score(uri, case, version=2, rows_at_once=1000) == ENTITIES
    whole = [row for row in read_predictions(uri, case) if row["model_version"] == 2]
    for one, other in zip(by_block, whole, strict=True):
        assert {**one, "model_version": 2, "prediction": 0, "scores": 0, "reasons": 0} == {
            **other, "prediction": 0, "scores": 0, "reasons": 0,
        }  # fmt: skip
        assert one["prediction"] == pytest.approx(other["prediction"], rel=1e-5)
        assert [reason["feature"] for reason in one["reasons"]] == [reason["feature"] for reason in other["reasons"]]


def test_scoring_again_writes_the_same_bytes(uri: str, case: ModelCase) -> None:
    score(uri, case, rows_at_once=7)
    before = hash_partition(uri, case)
    assert score(uri, case, rows_at_once=7) == ENTITIES
    assert before is not None
    assert hash_partition(uri, case) == before


def test_no_more_than_a_block_is_read_at_once(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    score_block = Scorer.score

    def note(scorer: Scorer, table: pa.Table, day: Any) -> pa.Table:
        sizes.append(table.num_rows)
        return score_block(scorer, table, day)

    monkeypatch.setattr(Scorer, "score", note)
    score(uri, MACHINE, rows_at_once=6)
    assert sizes == [6, 6, 6, 2]


def test_an_invalid_answer_in_the_last_block_publishes_nothing(uri: str, case: ModelCase) -> None:
    score(uri, case)
    before = hash_partition(uri, case)
    model = OnnxModel(make_onnx(case))
    scorer = Scorer(model, 1, NOW, ScoringSettings(rows_at_once=6))
    answer, asked = model.predict, []

    def answer_badly(matrix: Any) -> Any:
        asked.append(len(matrix))
        return np.full_like(answer(matrix), np.nan) if len(matrix) == 2 else answer(matrix)

    model.predict = answer_badly  # type: ignore[method-assign]
    with open_session(uri) as session:
        token = take_fence(session, "test")
    with pytest.raises(ServingError, match=f"nan.* and 1 more answers of 2 on {NEWEST}"):
        publish_scores(uri, model.contract, 1, [NEWEST], scorer.score_dates(uri, [NEWEST]), ("test", token))
    assert asked == [6, 6, 6, 2]
    assert hash_partition(uri, case) == before


def test_readers_see_the_old_scores_until_all_new_ones_are_there(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    score(uri, MACHINE)
    with open_session(uri) as session:
        session.execute(f"update {MACHINE.group.table.quoted} set hours = hours + 1")
    before, seen = hash_partition(uri, MACHINE), []
    score_block = Scorer.score

    def look(scorer: Scorer, table: pa.Table, day: Any) -> pa.Table:
        seen.append(hash_partition(uri, MACHINE))
        return score_block(scorer, table, day)

    monkeypatch.setattr(Scorer, "score", look)
    score(uri, MACHINE, rows_at_once=6)
    assert seen == [before] * 4
    assert hash_partition(uri, MACHINE) != before


def test_a_worker_that_is_killed_leaves_the_old_scores(uri: str, tmp_path: Path) -> None:
    # given a worker that hangs at its last block, the others being in its transaction
    score(uri, MACHINE)
    before = hash_partition(uri, MACHINE)
    (tmp_path / "hang.onnx").write_bytes(make_onnx(MACHINE))
    program = (
        "import sys, time\n"
        "from tests.unit.scoring.test_stream import Scorer, score, MACHINE\n"
        "answer, seen = Scorer.score, []\n"
        "def hang(scorer, table, day):\n"
        "    seen.append(day)\n"
        "    if len(seen) == 4:\n"
        "        print('hangs', flush=True)\n"
        "        time.sleep(3600)\n"
        "    return answer(scorer, table, day)\n"
        "Scorer.score = hang\n"
        "score(sys.argv[1], MACHINE, rows_at_once=6)\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", program, uri], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert worker.stdout is not None
    assert worker.stdout.readline() == "hangs\n"
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    assert hash_partition(uri, MACHINE) == before
    assert score(uri, MACHINE, rows_at_once=6) == ENTITIES
    assert hash_partition(uri, MACHINE) == before


def test_the_transaction_of_a_worker_that_hangs_ends_by_itself(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(
        "include.scoring.entities.add_predictions",
        lambda session, *_: found.append(session.fetch_value("show idle_in_transaction_session_timeout")) or 0,
    )
    score(uri, MACHINE)
    assert found == ["1h"]


def test_reasons_are_the_farthest_moves_of_what_serves(uri: str, case: ModelCase) -> None:
    score(uri, case, reasons=2)

    contract, model = case.contract, OnnxModel(make_onnx(case))
    assert model.background is not None
    table = read_features(uri, contract.entity, contract.groups, contract.features, [NEWEST])
    matrix = from_table(table, contract.features)
    expected = Explainer(model.predict, model.background).explain(matrix)
    keys = table.select(list(case.keys)).to_pylist()
    rows = {str([row[key] for key in case.keys]): row for row in read_predictions(uri, case)}
    for place, key in enumerate(keys):
        reasons = rows[str(list(key.values()))]["reasons"]
        moves = dict(zip(expected.names, expected.values[place].tolist(), strict=True))
        farthest = sorted(moves, key=lambda name: -abs(moves[name]))[: len(reasons)]
        assert [reason["feature"] for reason in reasons] == farthest
        for reason in reasons:
            assert reason["contribution"] == pytest.approx(moves[reason["feature"]], rel=1e-5)
    assert max(len(row["reasons"]) for row in rows.values()) == min(2, len(contract.features))


def test_all_reasons_and_the_base_add_up_to_the_score(uri: str) -> None:
    score(uri, MACHINE, reasons=100)
    model = OnnxModel(make_onnx(MACHINE))
    assert model.background is not None
    base = model.predict(model.background).mean()
    for row in read_predictions(uri, MACHINE):
        assert base + sum(one["contribution"] for one in row["reasons"]) == pytest.approx(row["prediction"], abs=1e-5)


def test_reasons_hold_the_values_of_the_entity(uri: str) -> None:
    score(uri, TICKET, reasons=3)
    with open_session(uri) as session:
        rows = session.fetch_all(
            "select p.reasons, f.weight, f.region, f.channel from ml.ticket_color_predictions as p "
            "join features.ticket_color_facts as f using (as_of_date, ticket_id, opened)"
        )
    assert len(rows) == ENTITIES
    for row in rows:
        for reason in row["reasons"]:
            assert reason["value"] == row[reason["feature"]]
    assert {reason["value"] for row in rows for reason in row["reasons"] if reason["feature"] == "region"} > {"north"}


@pytest.mark.parametrize("how", ["off", "a version without background"])
def test_without_reasons_there_are_none(uri: str, how: str) -> None:
    from include.registry.onnx import export_onnx
    from tests.unit.scoring.registered_models import _fit_binary

    bare = export_onnx(_fit_binary(), MACHINE.contract)
    assert OnnxModel(bare).background is None
    score(uri, MACHINE, **({"reasons": 0} if how == "off" else {"onnx": bare}))
    assert {row["reasons"] for row in read_predictions(uri, MACHINE)} == {None}


def test_a_table_of_an_earlier_release_gets_the_column(uri: str) -> None:
    score(uri, MACHINE)
    with open_session(uri) as session:
        session.execute("drop view ml.machine_failure_latest_predictions")
        session.execute("alter table ml.machine_failure_predictions drop column reasons")
    assert score(uri, MACHINE) == ENTITIES
    assert all(row["reasons"] for row in read_predictions(uri, MACHINE) if row["prediction"] > 0.5)


def read_latest(uri: str, case: ModelCase) -> list[dict[str, Any]]:
    with open_session(uri) as session:
        return session.fetch_all(f"select * from ml.{case.name}_latest_predictions order by prediction desc")


def test_the_newest_scores_are_a_list_to_act_on(uri: str, case: ModelCase) -> None:
    score(uri, case)
    rows = read_latest(uri, case)
    assert len(rows) == ENTITIES
    assert list(rows[0]) == [
        "as_of_date", *case.keys, "prediction", "decision", "reasons", "model_version", "scored_at"
    ]  # fmt: skip
    assert rows[0]["prediction"] > rows[-1]["prediction"]


def test_the_list_shows_the_newest_date_by_the_version_that_scored_it_last(uri: str) -> None:
    score(uri, MACHINE, version=3)
    with open_session(uri) as session:
        session.execute("update ml.machine_failure_predictions set scored_at = scored_at - interval '1 hour'")
    score(uri, MACHINE, version=2)
    assert {row["model_version"] for row in read_latest(uri, MACHINE)} == {2}
    MACHINE.add_day(uri, NEWEST.replace(day=NEWEST.day + 1), 5)
    score(uri, MACHINE, version=2)
    assert [row["as_of_date"].day for row in read_latest(uri, MACHINE)] == [NEWEST.day + 1] * 5


def test_a_list_of_a_table_that_was_moved_away_is_made_anew(uri: str) -> None:
    score(uri, MACHINE)
    with open_session(uri) as session:
        session.execute("alter table ml.machine_failure_predictions rename to machine_failure_before")
        session.execute("alter table ml.machine_failure_predictions_20240313 rename to machine_failure_before_0313")
    score(uri, MACHINE, version=2)
    assert {row["model_version"] for row in read_latest(uri, MACHINE)} == {2}


def test_a_list_that_others_read_is_not_taken_from_them(uri: str) -> None:
    score(uri, MACHINE)
    with open_session(uri) as session:
        session.execute("create view ml.mine as select * from ml.machine_failure_latest_predictions")
        session.execute("alter view ml.machine_failure_latest_predictions rename column decision to answer")
    with pytest.raises(WarehouseSchemaError, match=r"other views read it: view ml\.mine"):
        score(uri, MACHINE)


def test_the_columns_of_the_list_are_described(uri: str) -> None:
    score(uri, MACHINE)
    with open_session(uri) as session:
        told = session.fetch_all(
            "select attname, col_description(attrelid, attnum) as text from pg_catalog.pg_attribute "
            "where attrelid = 'ml.machine_failure_latest_predictions'::regclass"
        )
    assert {row["attname"]: row["text"] for row in told if row["text"]} == LATEST_COLUMNS
