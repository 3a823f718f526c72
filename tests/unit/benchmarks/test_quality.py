"""The benchmark of quality measures every family at each cutoff, on the training set of its day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from benchmarks import quality
from benchmarks.catalog import BenchmarkError
from benchmarks.quality import CUTOFFS, choose_test_cutoffs, measure_model, read_cutoffs
from include.settings.training import TrainingSettings
from include.training.dataset import build_training_set
from include.warehouse.session import open_session
from tests.model.machines import TEST_DATE, load_training, make_frame, make_spec

NEWEST = date(2026, 11, 2)
WEEKLY = [NEWEST - timedelta(days=7 * week) for week in range(9)]


def test_cutoffs_are_four_weeks_apart() -> None:
    assert choose_test_cutoffs(WEEKLY) == [NEWEST, date(2026, 10, 5), date(2026, 9, 7)]


def test_where_a_date_is_missing_the_next_older_one_is_taken() -> None:
    known = [day for day in WEEKLY if day != date(2026, 10, 5)] + [date(2026, 8, 31)]
    assert choose_test_cutoffs(known) == [NEWEST, date(2026, 9, 28), date(2026, 8, 31)]


def test_too_few_dates_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="8 labelled dates hold 2 cutoffs"):
        choose_test_cutoffs(WEEKLY[:8])


@pytest.fixture
def limits() -> TrainingSettings:
    """Shipped settings, for few machines and short searches."""
    return load_training("binary", training_cutoffs=2, min_training_cutoffs=1)


def test_each_training_set_is_the_one_of_its_day(warehouse_uri: str, limits: TrainingSettings) -> None:
    spec = make_spec("binary")
    with open_session(warehouse_uri) as session:
        session.execute(
            f"create table {spec.groups[0].table.quoted} as select day::date as as_of_date, n::bigint as machine_id, "
            "n::real as wear, 'north' as site, n % 2 = 0 as is_covered, n as units_last, n as temperature, 'red' as "
            f"paint from generate_series(date '{NEWEST}' - 28 * 6, '{NEWEST}', interval '28 days') as day "
            "cross join generate_series(1, 200) as n"
        )
        session.execute(
            f"create table {spec.label.table.quoted} as select as_of_date, machine_id, "
            f"(machine_id % 3 = 0)::integer as failed from {spec.groups[0].table.quoted}"
        )

    whole = build_training_set(warehouse_uri, spec, limits)
    frames = read_cutoffs(warehouse_uri, spec, limits)

    assert list(frames) == [NEWEST - timedelta(days=28 * step) for step in range(CUTOFFS)]
    assert frames[NEWEST].equals(whole)
    for cutoff, frame in frames.items():
        days = {split: set(part["as_of_date"]) for split, part in frame.groupby("split")}
        assert days["test"] == {cutoff}
        assert days["validation"] == {cutoff - timedelta(days=28)}
        assert days["train"] == {cutoff - timedelta(days=56), cutoff - timedelta(days=84)}


def test_every_family_is_measured_with_its_interval_and_what_was_gained(
    limits: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "TRIALS", 2)
    told: list[str] = []

    figures = measure_model({TEST_DATE: make_frame("binary")}, make_spec("binary"), limits, told.append)

    where = f"machines at {TEST_DATE}: "
    scores = {one.figure.removeprefix(where).partition(";")[0]: one for one in figures if one.low is not None}
    families = quality.list_families("binary")
    names = [name.partition(",")[0] for name in scores]
    assert set(families) < set(names)
    assert "ridge" not in names
    shipped = {name: scores[name].ours for name in families}
    gain = scores["gain, search of lightgbm"]
    assert gain.ours == pytest.approx(scores["lightgbm, searched"].ours - shipped["lightgbm"], abs=1e-9)
    members = {name: score for name, score in shipped.items() if name in limits.parameters.ensemble.members}
    votes = [one for name, one in scores.items() if name.startswith("gain, ensemble over ")]
    chosen, best = (one.figure.rpartition(" ")[2] for one in votes)
    assert chosen in members
    assert best == max(members, key=lambda name: members[name])
    assert [one.ours for one in votes] == pytest.approx(
        [shipped["ensemble"] - members[chosen], shipped["ensemble"] - members[best]], abs=1e-9
    )
    assert all(
        one.low <= one.ours <= one.high for one in scores.values() if one.low is not None and one.high is not None
    )
    assert {one.figure.rpartition(" ")[2] for one in figures if one.unit == "s CPU"} == {"baseline", *families}
    assert len(told) == 1
