"""The configuration of an expectation is derived less often, and the verdicts stay the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
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


def test_expectations_are_made_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_great_expectations()
    from great_expectations import expectations as gxe
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    made: list[ExpectationConfiguration] = []
    make = ExpectationConfiguration.to_domain_obj

    def count(configuration: ExpectationConfiguration) -> object:
        made.append(configuration)
        return make(configuration)

    monkeypatch.setattr(ExpectationConfiguration, "to_domain_obj", count)
    first, second = (gxe.ExpectColumnValuesToBeBetween(column="amount", max_value=most) for most in (1, 2))
    with keep_configurations():
        again = [one.configuration.to_domain_obj() for one in (first, second, first, second)]
    assert [one.max_value for one in again] == [1, 2, 1, 2]
    assert len(made) == 2


def test_ids_are_those_of_the_library() -> None:
    prepare_great_expectations()
    from great_expectations.core.id_dict import IDDict

    long = list(range(2_000))
    contents: list[dict[str, object]] = [
        {}, {"column": "amount"}, {"column": "amount", "batch_id": None}, {"column": "amount", "batch_id": "None"},
        {"least": 1, "most": 2}, {"least": 1.0, "most": 2}, {"least": True, "most": 2}, {"least": "1", "most": 2},
        {"value_set": ["a", "b"], "column": "kind"}, {"value_set": ["a, b"], "column": "kind"},
        {"values": np.array(long), "column": "n"}, {"values": np.array([*long[:999], 0, *long[1000:]]), "column": "n"},
    ]  # fmt: skip
    expected = [IDDict(content).to_id() for content in contents]
    with keep_configurations():
        assert [IDDict(content).to_id() for content in contents * 2] == expected * 2
        assert IDDict(contents[2]).to_id(id_ignore_keys={"batch_id"}) == IDDict(contents[1]).to_id()
    assert len(set(expected)) == len(contents)


def test_after_an_error_the_classes_are_as_they_were() -> None:
    prepare_great_expectations()
    from great_expectations.core.id_dict import IDDict
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    def read() -> list[object]:
        return [Expectation.__dict__["configuration"], ExpectationConfiguration.to_domain_obj, IDDict.to_id]

    before = read()

    with pytest.raises(KeyError), keep_configurations():
        raise KeyError

    assert read() == before
