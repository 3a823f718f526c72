"""Great Expectations derives the same objects from one another hundreds of times a validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def keep_configurations() -> Iterator[None]:
    """Derive configurations from expectations, expectations from configurations, and ids once for the block.

    A validation changes none of them, so what is derived stays the same. Deriving it anew is two thirds of the time
    that the validation of a day takes. Nor are the rows hashed, for a mark of the batch that nobody reads. For one
    thread at a time: the library's classes are changed for the block.
    """
    from great_expectations.core.id_dict import IDDict
    from great_expectations.execution_engine import pandas_execution_engine
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    configuration = Expectation.__dict__["configuration"]
    to_domain_obj, to_id = ExpectationConfiguration.to_domain_obj, IDDict.to_id
    hash_frame = pandas_execution_engine.hash_pandas_dataframe
    Expectation.configuration = property(_keep(configuration.fget))
    ExpectationConfiguration.to_domain_obj = _keep(to_domain_obj)
    IDDict.to_id = _keep_ids(to_id)
    pandas_execution_engine.hash_pandas_dataframe = lambda _: ""
    try:
        yield
    finally:
        Expectation.configuration = configuration
        ExpectationConfiguration.to_domain_obj, IDDict.to_id = to_domain_obj, to_id
        pandas_execution_engine.hash_pandas_dataframe = hash_frame


def _keep(derive: Callable[[Any], Any]) -> Callable[[Any], Any]:
    kept: dict[int, tuple[Any, Any]] = {}

    def read(source: Any) -> Any:
        # The source is kept beside what is derived from it, so that its id is not given to another object.
        if id(source) not in kept:
            kept[id(source)] = (source, derive(source))
        return kept[id(source)][1]

    return read


def _keep_ids(to_id: Callable[..., Any]) -> Callable[..., Any]:
    """Ids of dictionaries by what they hold, as it is written; to write it as JSON and hash that takes far longer."""
    kept: dict[str, Any] = {}
    plain = {bool, dict, float, int, list, str, tuple, type(None)}  # an array's text leaves out its middle

    def read(source: Any, id_keys: Any = None, id_ignore_keys: Any = None) -> Any:
        if id_keys is not None or id_ignore_keys is not None or not plain.issuperset(map(type, source.values())):
            return to_id(source, id_keys, id_ignore_keys)
        written = repr(source)
        if written not in kept:
            kept[written] = to_id(source)
        return kept[written]

    return read
