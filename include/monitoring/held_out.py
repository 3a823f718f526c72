"""Which scored rows say how good a version is: those of entities that it has not learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.registry.contract import ModelContract
from include.training.entity_split import is_held_out
from include.warehouse.arrow import read_arrow
from include.warehouse.names import quote_column

if TYPE_CHECKING:
    import pyarrow as pa

_KEY: Final = "held out by key "


def read_held_out(uri: str, contract: ModelContract, columns: str, source: str) -> pa.Table:
    """Rows of ``ml.<model>_predictions``, without entities that the version was trained or validated on.

    Those are known by their keys where the version was split by entity. One that came later, and whose hash says that
    it would have been trained on, is left out, too: the next version learns from it. Of a version that was split by
    time, or does not say how, every row counts: it scores what came after its test.

    Args:
        columns: what is selected, as SQL.
        source: the query from its ``from`` on; the keys stand in it without a table's name.

    Raises:
        WarehouseError: the warehouse is away.
    """
    import pyarrow as pa

    rule = contract.split
    if rule is None or rule.test_share is None:
        return read_arrow(uri, f"select {columns} {source}", is_nan_missing=True)
    names = [f"{_KEY}{place}" for place in range(len(contract.entity.keys))]
    keys = ", ".join(
        f"{quote_column(key)} as {quote_column(name)}"
        for key, name in zip(contract.entity.key_names, names, strict=True)
    )
    table = read_arrow(uri, f"select {columns}, {keys} {source}", is_nan_missing=True)
    values = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    counts = pa.array([is_held_out(key, rule.test_share) for key in values], pa.bool_())
    return table.filter(counts).drop_columns(names)
