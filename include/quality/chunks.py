"""Validates a batch that comes in chunks: Great Expectations evaluates each, and the counts are added up.

Verdicts, words and rows are those of one frame of all chunks. Rows with doubled keys may be in two chunks: who has the
rows counts them (:class:`ChunkedRows`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, Protocol

from include.quality.score import RuleResult
from include.quality.statistics import ColumnStatistics
from include.quality.validate import EXAMPLES, Validator, find_exception, translate_result

if TYPE_CHECKING:
    import pandas as pd

_UNIQUE: Final = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
_MEAN: Final = "expect_column_mean_to_be_between"


class ChunkedRows(Protocol):
    """The rows of a batch, in chunks that are read again as often as they are asked for."""

    def read_chunks(self) -> Iterator[pd.DataFrame]:
        """All rows in their order; no chunk is without rows."""
        ...

    def count_doubled(self, key: Sequence[str]) -> int:
        """Rows whose key another row has too; a key is not compared where all of it is null."""
        ...

    def find_doubled(self, key: Sequence[str], count: int) -> list[int]:
        """The positions of the first ``count`` of these rows."""
        ...


def validate_chunks(
    source: str,
    rows: ChunkedRows,
    expectations: Sequence[Any],
    statistics: Mapping[str, ColumnStatistics],
    sample_rows: int,
    validator: Validator,
) -> tuple[list[RuleResult], pd.DataFrame]:
    """Check all chunks; one result for each expectation, and a sample.

    Args:
        statistics: of columns by name; every chunk is added to them.
        sample_rows: the sample has so many of the first rows of the batch, and of those that break each broken rule.

    Returns:
        the results in the order of the expectations, and the rows of the sample, whose index is their position in the
        batch; no rows where no rule is broken.
    """
    import pandas as pd

    items = _evaluate_chunks(rows, expectations, statistics, validator)
    broken = [place for place, item in enumerate(items) if not item["success"] and not _has_exception(item)]
    if not any(not item["success"] for item in items):
        return [translate_result(source, item) for item in items], pd.DataFrame()
    count = max(sample_rows, EXAMPLES)
    floats = [name for name, one in statistics.items() if one.null_count]
    doubled = {place: rows.find_doubled(_list_key(items[place]), count) for place in broken if _is_unique(items[place])}
    checked = [place for place in broken if place not in doubled and "element_count" in items[place]["result"]]
    found, sample = _find_rows(
        rows, {place: expectations[place] for place in checked}, doubled, count, floats, validator
    )
    for place, (positions, values) in found.items():
        items[place]["result"] |= {"partial_unexpected_list": values, "partial_unexpected_index_list": positions}
    for place, positions in doubled.items():
        # Each row twice: Great Expectations says in its own words what is doubled.
        twice = pd.concat([sample.loc[positions]] * 2, ignore_index=True)
        values = validator.evaluate(twice, [expectations[place]], count)[0]["result"]["partial_unexpected_list"]
        items[place]["result"] |= {"partial_unexpected_list": values, "partial_unexpected_index_list": positions}
    return [translate_result(source, item) for item in items], sample


def _evaluate_chunks(
    rows: ChunkedRows,
    expectations: Sequence[Any],
    statistics: Mapping[str, ColumnStatistics],
    validator: Validator,
) -> list[dict[str, Any]]:
    """One result for each expectation on all chunks, with counts and without rows."""
    import pandas as pd

    names = [expectation.configuration.type for expectation in expectations]
    by_chunk = [place for place, name in enumerate(names) if name not in (*_UNIQUE, _MEAN)]
    merged: dict[int, dict[str, Any]] = {}
    total = 0
    with ThreadPoolExecutor(1) as pool, _free_chunks() as free:
        # The database looks for doubled keys while the chunks are evaluated here.
        doubled = {
            place: pool.submit(
                copy_context().run, rows.count_doubled, _list_columns(expectations[place].configuration.kwargs)
            )
            for place, name in enumerate(names)
            if name in _UNIQUE
        }
        for chunk in rows.read_chunks():
            total += len(chunk)
            found = validator.evaluate(chunk, [expectations[place] for place in by_chunk])
            for place, item in zip(by_chunk, found, strict=True):
                merged[place] = merge_items(merged[place], item) if place in merged else item
            for name, one in statistics.items():
                one.add(chunk[name])
            nothing = chunk.head(0).copy()
            del chunk
            free()
    for place, name in enumerate(names):
        if name == _MEAN:
            column = expectations[place].configuration.kwargs["column"]
            frame = pd.DataFrame({column: [statistics[column].mean]}, dtype="float64")
            merged[place] = validator.evaluate(frame, [expectations[place]])[0]
        elif name in _UNIQUE:
            # On nothing, it says how its result looks.
            item = validator.evaluate(nothing, [expectations[place]])[0]
            count = doubled[place].result()
            item["result"] |= {"element_count": total, "unexpected_count": count}
            merged[place] = {**item, "success": count == 0}
    return [merged[place] for place in range(len(expectations))]


@contextmanager
def _free_chunks() -> Iterator[Callable[[], object]]:
    """What frees a chunk that was evaluated: Great Expectations leaves its frames in circles of references.

    It is called for each chunk, and looks at what was made in the block only.
    """
    gc.collect()
    gc.freeze()
    try:
        yield gc.collect
    finally:
        gc.unfreeze()


def merge_items(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The result of an expectation on two chunks; what could not be evaluated on one cannot be on both."""
    for item in (first, second):
        if _has_exception(item):
            return dict(item)
    one, other = first["result"], second["result"]
    if "element_count" not in one or "element_count" not in other:
        # On types or names of columns: a chunk with nulls has another type, and that is the type of all.
        last = second if not second["success"] or other.get("observed_value") == "float64" else first
        return dict(last if first["success"] else first)
    result = {name: one[name] + other[name] for name in ("element_count", "unexpected_count")}
    if "missing_count" in one:
        result["missing_count"] = one["missing_count"] + other["missing_count"]
    considered = result["element_count"] - result.get("missing_count", 0)
    mostly = first["expectation_config"]["kwargs"].get("mostly", 1.0)
    # The share as Great Expectations computes it: of nothing, every rule is kept.
    is_kept = not considered or (float(considered) - result["unexpected_count"]) / float(considered) >= mostly
    return {**first, "success": is_kept, "result": result}


def _find_rows(
    rows: ChunkedRows,
    expectations: Mapping[int, Any],
    doubled: Mapping[int, Sequence[int]],
    count: int,
    floats: Sequence[str],
    validator: Validator,
) -> tuple[dict[int, tuple[list[int], list[Any]]], pd.DataFrame]:
    """The first rows that break each expectation, positions and values, and all rows of the sample.

    Args:
        floats: columns with nulls, whose whole numbers are floats in a frame of all rows.
    """
    import pandas as pd

    found: dict[int, tuple[list[int], list[Any]]] = {place: ([], []) for place in expectations}
    wanted = {*range(count), *(position for positions in doubled.values() for position in positions)}
    pieces, before = [], 0
    for read in rows.read_chunks():
        chunk = read.astype({name: "float64" for name in floats if read[name].dtype == "int64"})
        lacking = [place for place, (positions, _) in found.items() if len(positions) < count]
        items = validator.evaluate(chunk, [expectations[place] for place in lacking], count) if lacking else []
        here = {position - before for position in wanted if before <= position < before + len(chunk)}
        for place, item in zip(lacking, items, strict=True):
            positions, values = found[place]
            some = (item["result"].get("partial_unexpected_index_list") or [])[: count - len(positions)]
            here.update(some)
            values += (item["result"].get("partial_unexpected_list") or [])[: count - len(positions)]
            positions += [before + position for position in some]
        piece = chunk.iloc[sorted(here)]
        pieces.append(piece.set_axis(piece.index + before, axis="index"))
        before += len(chunk)
        if not lacking and before > max(wanted):
            break
    return found, pd.concat(pieces)


def _is_unique(item: Mapping[str, Any]) -> bool:
    return item["expectation_config"]["type"] in _UNIQUE


def _list_key(item: Mapping[str, Any]) -> list[str]:
    return _list_columns(item["expectation_config"]["kwargs"])


def _list_columns(arguments: Mapping[str, Any]) -> list[str]:
    return list(arguments.get("column_list") or [arguments["column"]])


def _has_exception(item: Mapping[str, Any]) -> bool:
    return bool(find_exception(item.get("exception_info") or {}))
