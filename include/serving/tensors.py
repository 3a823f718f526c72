"""Tensors of the Open Inference Protocol as columns of plain values, in JSON and in Triton's binary form."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from include.serving.refusal import RequestRefusedError
from include.serving.rows import name_kind, require_list, require_object

BINARY_SIZE: Final = "binary_data_size"
_LENGTH_BYTES: Final = 4
_NUMPY_TYPES: Final[Mapping[str, str]] = {
    "BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
    "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {"B": (bool,), "F": (float, int), "I": (int,), "U": (int,)}
DATATYPES: Final = (*_NUMPY_TYPES, "BYTES")


def read_tensor(tensor: Any, place: str, buffer: io.BytesIO, rows_max: int) -> tuple[str, list[Any]]:
    """The name and the values of one input of shape [n] or [n, 1]; null is undefined.

    Args:
        buffer: what followed the JSON; the bytes of each binary tensor are taken from it in turn.

    Raises:
        RequestRefusedError: 422 that names the input and what is wrong with it.
    """
    content = require_object(tensor, place)
    name, datatype = content.get("name"), content.get("datatype")
    if not isinstance(name, str):
        raise RequestRefusedError(422, f"{place} should have a name that is text, found {name_kind(name)}.")
    what = f"Input {name[:40]!r}"
    if datatype not in DATATYPES:
        raise RequestRefusedError(
            422, f"{what} has datatype {str(datatype)[:40]!r}; it should be one of {', '.join(DATATYPES)}."
        )
    count = _read_count(content.get("shape"), what, rows_max)
    parameters = require_object(content.get("parameters", {}), f"{what}: parameters")
    shared = [key for key in parameters if key.startswith("shared_memory")]
    if shared:
        raise RequestRefusedError(422, f"{what}: shared memory is not supported; send the data.")
    if BINARY_SIZE in parameters:
        values = _read_binary(parameters[BINARY_SIZE], datatype, what, buffer)
    else:
        values = _read_json(content.get("data"), datatype, what)
    if len(values) != count:
        raise RequestRefusedError(422, f"{what} has {len(values)} values, its shape says {count}.")
    return name, values


def _read_count(shape: Any, what: str, rows_max: int) -> int:
    is_list = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not is_list or len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise RequestRefusedError(422, f"{what} has shape {str(shape)[:40]}; it should be [n] or [n, 1].")
    count: int = shape[0]
    if count > rows_max:
        raise RequestRefusedError(422, f"The batch has {count} requests, at most {rows_max} are taken. Split it.")
    return count


def _read_json(data: Any, datatype: str, what: str) -> list[Any]:
    values = [
        value[0] if isinstance(value, list) and len(value) == 1 else value
        for value in require_list(data, f"{what}: data")
    ]
    kinds = (str,) if datatype == "BYTES" else _KINDS[datatype[0]]
    for value in values:
        if value is not None and type(value) not in kinds:
            raise RequestRefusedError(422, f"{what} is declared as {datatype} and holds {name_kind(value)}.")
    return values


def _read_binary(size: Any, datatype: str, what: str, buffer: io.BytesIO) -> list[Any]:
    if type(size) is not int or size < 0:
        raise RequestRefusedError(422, f"{what}: {BINARY_SIZE} should be a number of bytes.")
    content = buffer.read(size)
    if len(content) < size:
        raise RequestRefusedError(
            422,
            f"{what} should have {size} bytes after the JSON, found {len(content)}. Send them, and the length of the "
            "JSON in the header Inference-Header-Content-Length.",
        )
    if datatype == "BYTES":
        return _split_texts(content, what)
    kind = np.dtype(_NUMPY_TYPES[datatype])
    if size % kind.itemsize:
        raise RequestRefusedError(422, f"{what} has {size} bytes, which are no whole number of {datatype}.")
    values: list[Any] = np.frombuffer(content, kind).tolist()
    return values


def _split_texts(content: bytes, what: str) -> list[str]:
    """Texts that each follow their length, four bytes of it."""
    texts, position = [], 0
    while position < len(content):
        begin = position + _LENGTH_BYTES
        position = begin + int.from_bytes(content[position:begin], "little")
        if position > len(content):
            raise RequestRefusedError(422, f"{what} ends in the middle of a text.")
        try:
            texts.append(content[begin:position].decode())
        except UnicodeDecodeError as error:
            raise RequestRefusedError(422, f"{what} holds bytes that are no UTF-8 text.") from error
    return texts


def write_tensor(
    name: str, datatype: str, values: Sequence[Any], *, is_binary: bool, width: int | None = None
) -> tuple[dict[str, Any], bytes]:
    """One output as its JSON, and the bytes that follow the JSON, none where it is not binary.

    Args:
        values: one for each row; where there is a ``width``, so many numbers for each.
    """
    shape = [len(values)] if width is None else [len(values), width]
    flat = list(values) if width is None else [number for row in values for number in row]
    head = {"name": name, "datatype": datatype, "shape": shape}
    if not is_binary:
        return {**head, "data": flat}, b""
    content = _join_texts(flat) if datatype == "BYTES" else np.array(flat, _NUMPY_TYPES[datatype]).tobytes()
    return {**head, "parameters": {BINARY_SIZE: len(content)}}, content


def _join_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(len(text).to_bytes(_LENGTH_BYTES, "little") + text for text in encoded)
