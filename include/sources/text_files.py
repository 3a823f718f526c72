"""Opens text files: unpacks them, sees their encoding, and finds the byte that is not in it."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TextIO

from include.settings.file_formats import Codec

if TYPE_CHECKING:
    import pyarrow as pa

CODECS: Final[dict[bytes, Codec]] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""What a file is packed with, by its first bytes."""
# UTF-32 first: its mark starts with that of UTF-16.
_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_UTF8: Final = ("utf-8", "utf-8-sig")
_CHUNK_BYTES: Final = 1 << 20


class UnreadableFileError(Exception):
    """A file is not what its format asks for; the message says where and what to do. Callers add the file."""


@dataclass(frozen=True)
class TextFile:
    """A file of text, what it is packed with and what it is written in."""

    path: Path
    codec: Codec | None
    encoding: str

    def open_raw(self) -> pa.NativeFile:
        """The unpacked bytes, as they are written."""
        import pyarrow as pa

        return pa.input_stream(str(self.path), compression=self.codec)

    def open_utf8(self) -> pa.NativeFile:
        """The unpacked text in UTF-8, for Arrow."""
        import pyarrow as pa

        raw = self.open_raw()
        return raw if self.encoding in _UTF8 else pa.transcoding_input_stream(raw, self.encoding, "utf-8")

    def open_text(self, errors: Literal["strict", "replace"] = "replace") -> TextIO:
        """The unpacked text for Python, with its line ends as they are."""
        return io.TextIOWrapper(self.open_raw(), encoding=self.encoding, errors=errors, newline="")


def inspect_file(path: Path, codec: Codec | None, encoding: str) -> TextFile:
    """See from a file's first bytes what it is packed with and, where it says so, what it is written in.

    Args:
        codec: what it must be packed with; None: anything, or nothing.
        encoding: what it is written in if it has no byte-order mark.

    Raises:
        UnreadableFileError: it is packed otherwise, or there is nothing in it.
        OSError: the disk fails, or what is packed is damaged.
    """
    with path.open("rb") as packed:
        start = packed.read(4)
    found = next((name for magic, name in CODECS.items() if start.startswith(magic)), None)
    if codec and found != codec:
        raise UnreadableFileError(
            f"sources.yml says {codec}, by its path or compression; it is {found or 'not packed'}"
        )
    file = TextFile(path, found, codecs.lookup(encoding).name)
    with file.open_raw() as raw:
        start = raw.read(4)
    if not start:
        raise UnreadableFileError("it is empty when unpacked (0 bytes)")
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    return replace(file, encoding=marked or file.encoding)


def find_undecodable(file: TextFile) -> str | None:
    """The first byte that the encoding does not have, with its place; None if there is none."""
    decoder = codecs.getincrementaldecoder(file.encoding)()
    offset, line = 0, 1
    with file.open_raw() as raw:
        while True:
            chunk = raw.read(_CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                place = line + error.object[: error.start].decode(error.encoding, "replace").count("\n")
                end = "" if chunk else ", where the file ends: it may be truncated"
                return (
                    f"it is not in {file.encoding}: byte 0x{error.object[error.start]:02x} on line {place}, "
                    f"{offset - pending + error.start} bytes from the start of the text{end}"
                )
            offset += len(chunk)
            if not chunk:
                return None
