"""Settings of how the text files of a source are written: packing, encoding, delimiter, quotes, decimal mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Self

from pydantic import field_validator, model_validator

from include.settings.section import Section

FileFormat = Literal["parquet", "csv", "jsonl"]
Codec = Literal["gzip", "zstd"]

_SUFFIXES: Final[dict[str, Codec]] = {".gz": "gzip", ".zst": "zstd"}


class CsvSettings(Section):
    """How a CSV file is written; the defaults are those of RFC 4180, in UTF-8."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str | None = '"'
    decimal: Literal[".", ","] = "."

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, value: str) -> str:
        try:
            "1".encode(value)
        except (LookupError, ValueError) as error:
            raise ValueError("an encoding that Python knows, such as utf-8, utf-16, cp1252 or latin-1") from error
        return value

    @field_validator("delimiter", "quote")
    @classmethod
    def _check_character(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or not value.isascii() or value.isalnum() or value in "\r\n\0+-"):
            raise ValueError("one ASCII character that is no letter, digit or sign and does not end a line")
        return value

    @model_validator(mode="after")
    def _check_differences(self) -> Self:
        if self.decimal == self.delimiter:
            raise ValueError(f"a delimiter that is not the decimal mark; both are {self.decimal!r}")
        if self.quote in (self.delimiter, self.decimal):
            raise ValueError(f"a quote that is neither the delimiter nor the decimal mark; {self.quote!r} is")
        return self


@dataclass(frozen=True)
class FileOptions:
    """How a file is written.

    Attributes:
        codec: what it must be packed with; None: it is seen from the file.
    """

    format: FileFormat
    codec: Codec | None = None
    csv: CsvSettings = field(default_factory=CsvSettings)


def find_codec(path: str, compression: Codec | None) -> Codec | None:
    """What a source's files are packed with: as declared, else as the path ends.

    Raises:
        ValueError: the two contradict each other.
    """
    by_suffix = next((codec for suffix, codec in _SUFFIXES.items() if path.lower().endswith(suffix)), None)
    if compression and by_suffix and compression != by_suffix:
        raise ValueError(f"a compression that fits the path; {path} says {by_suffix}, compression {compression}")
    return compression or by_suffix


def check_format(file_format: FileFormat, path: str, compression: Codec | None, *, has_csv: bool) -> None:
    """Refuse options that the format does not have.

    Raises:
        ValueError: names the option.
    """
    if has_csv and file_format != "csv":
        raise ValueError(f"csv only with format: csv, not with {file_format}")
    if find_codec(path, compression) and file_format == "parquet":
        option = "compression" if compression else f"the ending {path[path.rindex('.') :]} of a path"
        raise ValueError(f"{option} only with csv and jsonl; Parquet is compressed within the file")
