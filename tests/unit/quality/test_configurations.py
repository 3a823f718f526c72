"""The configuration of an expectation is derived less often, and the verdicts stay the same."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from include.quality.configurations import keep_configurations
from include.quality.validate import prepare_great_expectations


def test_configurations_are_derived_less_often_and_the_verdicts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_great_expectations()
    import great_expectations as gx
    from great_expectations import expectations as gxe
    from great_expectations.expectations.expectation import Expectation

    derive, derived = Expectation.__dict__["configuration"], Counter[str]()

    def count(expectation: Expectation) -> object:
        derived[expectation.column] += 1
        return derive.fget(expectation)

    counted = property(count)
    monkeypatch.setattr(Expectation, "configuration", counted)
    data_source = gx.get_context(mode="ephemeral").data_sources.add_pandas("landing")
    batch = data_source.add_dataframe_asset("sales").add_batch_definition_whole_dataframe("batch").get_batch(
        {"dataframe": pd.DataFrame({"amount": [1.0, -2.0], "units": [1.0, 2.0]})}
    )  # fmt: skip
    rules = [gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0) for column in ("amount", "units")]
    suite = gx.ExpectationSuite(name="sales", expectations=rules)

    plain = [result.success for result in batch.validate(suite).results]
    often = derived.copy()
    derived.clear()
    with keep_configurations():
        kept = [result.success for result in batch.validate(suite).results]

    assert plain == kept == [False, True]
    assert set(derived) == set(often) == {"amount", "units"}
    assert all(10 * derived[column] < often[column] for column in often)  # copies that the library makes have their own
    assert Expectation.__dict__["configuration"] is counted


def test_after_an_error_the_class_is_as_it_was() -> None:
    prepare_great_expectations()
    from great_expectations.expectations.expectation import Expectation

    before = Expectation.__dict__["configuration"]

    with pytest.raises(KeyError), keep_configurations():
        raise KeyError

    assert Expectation.__dict__["configuration"] is before
