"""The background rows of a version as text inside its ONNX file, covered by the file's SHA-256 as its contract is."""

from __future__ import annotations

import json
from typing import Final

from include.errors import ServingError
from include.features.matrix import FeatureMatrix

BACKGROUND_KEY: Final = "orrery.background"


def attach_background(onnx: bytes, rows: FeatureMatrix) -> bytes:
    """The file with the rows in its metadata; the same rows give the same bytes."""
    import onnx as onnx_library

    proto = onnx_library.load_model_from_string(onnx)
    entry = proto.metadata_props.add()
    entry.key, entry.value = BACKGROUND_KEY, write_background(rows)
    return bytes(proto.SerializeToString())


def write_background(rows: FeatureMatrix) -> str:
    """Rows of features as JSON text: a list of values for each feature, null for a missing number."""
    columns = {
        name: [None if value != value else float(value) for value in rows.column(name).tolist()]
        for name in rows.numeric_names
    }
    columns |= {name: list(rows.column(name).tolist()) for name in rows.categorical_names}
    return json.dumps(columns, sort_keys=True)


def read_background(text: str, numeric: tuple[str, ...], categorical: tuple[str, ...]) -> FeatureMatrix:
    """The inverse of :func:`write_background`.

    Raises:
        ServingError: the text does not hold the features.
    """
    import numpy as np

    try:
        columns = json.loads(text)
        numbers = [np.array(columns[name], dtype=np.float32) for name in numeric]
        texts = [np.array([str(value) for value in columns[name]], dtype=object) for name in categorical]
        count = len((numbers or texts)[0])
        rows = FeatureMatrix(
            np.stack(numbers, axis=1) if numbers else np.empty((count, 0), dtype=np.float32),
            np.stack(texts, axis=1) if texts else np.empty((count, 0), dtype=object),
            numeric,
            categorical,
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ServingError(
            f"The version's background rows cannot be read ({error!r}). Train and register it again."
        ) from error
    if not count or columns.keys() != {*numeric, *categorical}:
        raise ServingError(
            f"The version's background rows are {count} of {', '.join(sorted(columns))}, which are not its features. "
            "Train and register it again."
        )
    return rows
