"""What is measured about a batch."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.ingestion.facts import measure_facts, measure_volume
from include.warehouse.session import open_session

DAY = date(2026, 3, 9)


def measure(pipeline, items, source: str):
    item = next(one for one in items if one["source"] == source)
    with open_session(pipeline.uri) as session:
        return measure_facts(session, pipeline.settings, item, items)


class TestVolume:
    def test_deliveries_are_compared_with_the_median_of_history(self) -> None:
        facts = measure_volume({DAY: 50}, [100, 90, 110, 100, 5000], 5)

        assert facts["smallest_volume"].value == facts["largest_volume"].value == 0.5
        assert "50 rows on 2026-03-09, 0.50 times the usual 100" in facts["smallest_volume"].note

    def test_a_first_load_of_many_days_is_its_own_history(self) -> None:
        counts = {DAY + timedelta(days=offset): 100 for offset in range(7)} | {DAY: 10}

        facts = measure_volume(counts, [], 7)

        assert (facts["smallest_volume"].value, facts["largest_volume"].value) == (0.1, 1.0)

    def test_too_little_history_is_no_history(self) -> None:
        assert measure_volume({DAY: 1}, [100] * 6, 7) == {}


@pytest.fixture(autouse=True)
def deliveries(plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 9)


def test_facts_of_a_good_day(pipeline, day) -> None:
    pipeline.load(day, day + timedelta(days=7))
    items = pipeline.land(pipeline.plan(day + timedelta(days=8)))

    facts = measure(pipeline, items, "readings")

    assert {name: round(fact.value, 3) for name, fact in facts.items()} == {
        "smallest_volume": 1.0, "largest_volume": 1.0, "hours_behind": 0.083, "repeated_rows": 0,
        "known_part_id_in_parts": 1.0,
    }  # fmt: skip


def test_a_closed_day_has_no_facts(pipeline, plant, day) -> None:
    plant.write_readings(day, [], "the plant was closed")

    assert measure(pipeline, pipeline.land(pipeline.plan(day)), "readings") == {}


def test_a_snapshot_is_compared_with_the_one_before(pipeline, plant, day) -> None:
    pipeline.load(day)
    plant.write_snapshots(day + timedelta(days=1), parts=12)

    facts = measure(pipeline, pipeline.land(pipeline.plan(day + timedelta(days=1))), "parts")

    assert facts["largest_volume"].value == 4.0


def test_references_in_the_same_batch_count(pipeline, day) -> None:
    items = pipeline.land(pipeline.plan(day))

    facts = measure(pipeline, items, "repairs")

    assert facts["known_machine_id_day_in_readings"].value == 1.0
    assert facts["known_contract_id_machine_id_in_contracts"].value == 1.0


def test_unknown_references_are_counted(pipeline, plant, day) -> None:
    plant.write_snapshots(day, parts=2)

    facts = measure(pipeline, pipeline.land(pipeline.plan(day)), "readings")

    fact = facts["known_part_id_in_parts"]
    assert fact.value == pytest.approx(8 / 12)
    assert "4 of 12 rows with part_id unknown in parts" in fact.note


class TestReferencesToSnapshots:
    """Of the lists of parts, those count that counted on a day of the batch's events, or do later."""

    @pytest.fixture
    def replaced(self, pipeline, plant, day):
        """The list of the first day was replaced by a shorter one of the next day."""
        pipeline.load(day)
        plant.write_snapshots(day + timedelta(days=1), parts=2)
        pipeline.load(day + timedelta(days=1))

    def test_what_a_published_day_referred_to_is_known_for_good(self, pipeline, replaced, day) -> None:
        facts = measure(pipeline, pipeline.land(pipeline.plan(day)), "readings")

        assert facts["known_part_id_in_parts"].value == 1.0

    def test_a_list_that_was_replaced_before_counts_no_more(self, pipeline, plant, replaced, day) -> None:
        later = day + timedelta(days=9)
        plant.write_day(later)

        facts = measure(pipeline, pipeline.land(pipeline.plan(later)), "readings")

        assert "4 of 12 rows with part_id unknown in parts" in facts["known_part_id_in_parts"].note

    def test_the_first_list_counts_for_the_days_before_it(self, pipeline, plant, day) -> None:
        pipeline.load(day)
        plant.write_day(day - timedelta(days=20))

        facts = measure(pipeline, pipeline.land(pipeline.plan(day - timedelta(days=20))), "readings")

        assert facts["known_part_id_in_parts"].value == 1.0

    def test_a_correction_that_comes_too_late_to_count_does_not(self, pipeline, plant, replaced, day) -> None:
        plant.write_snapshots(day, parts=99)
        plant.write_day(day, lambda rows: [{**row, "part_id": 50} for row in rows])
        items = pipeline.land(pipeline.plan(day))
        assert "parts" in {item["source"] for item in items}

        facts = measure(pipeline, items, "readings")

        assert facts["known_part_id_in_parts"].value == 0.0


def test_rows_that_another_run_has_left_in_landing_are_not_asked(pipeline, day) -> None:
    pipeline.land(pipeline.plan(day))
    own = [item for item in pipeline.land(pipeline.plan(day)) if item["source"] in ("readings", "repairs")]

    assert measure(pipeline, own, "readings")["known_part_id_in_parts"].value == 0.0
    assert measure(pipeline, own, "repairs")["known_machine_id_day_in_readings"].value == 1.0
    assert measure(pipeline, own[1:], "repairs")["known_machine_id_day_in_readings"].value == 0.0


def test_published_rows_that_the_run_replaces_are_not_asked(pipeline, plant, day) -> None:
    pipeline.load(day)
    plant.write_readings(day, [row for row in plant.list_lines(day) if row["machine_id"] != 1])

    items = pipeline.land(pipeline.plan(day))

    assert measure(pipeline, items, "repairs")["known_machine_id_day_in_readings"].value == 0.0


def test_references_to_nothing_are_all_unknown(pipeline, day) -> None:
    items = [item for item in pipeline.plan(day) if item["source"] == "readings"]

    facts = measure(pipeline, pipeline.land(items), "readings")

    assert facts["known_part_id_in_parts"].value == 0.0


def test_a_row_of_an_earlier_delivery_is_a_repeat_and_a_redelivery_is_not(pipeline, plant, day) -> None:
    pipeline.load(day, day + timedelta(days=1))
    assert measure(pipeline, pipeline.land(pipeline.plan(day)), "readings")["repeated_rows"].value == 0

    tomorrow = day + timedelta(days=2)
    again = plant.list_lines(day + timedelta(days=1))[:3]
    again[2]["measured_at"] += timedelta(days=1)
    plant.write_day(tomorrow, lambda rows: rows + again)
    facts = measure(pipeline, pipeline.land(pipeline.plan(tomorrow)), "readings")

    assert facts["repeated_rows"].value == 3


def test_a_row_of_a_later_delivery_is_a_repeat_in_a_redelivery(pipeline, plant, day) -> None:
    pipeline.load(day, day + timedelta(days=1))
    (moved, *_) = plant.list_lines(day + timedelta(days=1))
    moved["measured_at"] -= timedelta(days=1)
    plant.write_day(day, lambda rows: [*rows, moved])

    facts = measure(pipeline, pipeline.land(pipeline.plan(day)), "readings")

    assert facts["repeated_rows"].value == 1


def test_only_old_events_show_in_the_age(pipeline, plant, day) -> None:
    plant.write_readings(day + timedelta(days=1), plant.list_lines(day))

    facts = measure(pipeline, pipeline.land(pipeline.plan(day + timedelta(days=1))), "readings")

    assert facts["hours_behind"].value == pytest.approx(24 + 5 / 60)


def test_an_event_on_the_last_day_of_all_has_an_age(pipeline, plant, day) -> None:
    repair = {"machine_id": 1, "order_id": 77, "contract_id": 1, "repaired_on": date.max}
    plant.write_csv("repairs", day, list(repair), [repair])

    facts = measure(pipeline, pipeline.land(pipeline.plan(day)), "repairs")

    # Winter time ends between the two.
    assert facts["hours_behind"].value == -24 * (date.max - day).days - 1


def test_a_snapshot_with_events_has_an_age_and_no_repeats(pipeline, plant, day) -> None:
    sources = pipeline.settings.sources
    contracts = sources["contracts"].model_copy(update={"event_column": "start_date"})
    pipeline.settings = pipeline.settings.model_copy(update={"sources": {**sources, "contracts": contracts}})
    pipeline.load(day)
    plant.write_snapshots(day + timedelta(days=1))

    facts = measure(pipeline, pipeline.land(pipeline.plan(day + timedelta(days=1))), "contracts")

    assert facts["hours_behind"].value == 0
    assert "repeated_rows" not in facts
