"""The kinds of sources, told apart by ``kind`` in ``sources.yml``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.settings.http_source import HttpSource
from include.settings.postgres_source import PostgresSource
from include.settings.source_base import ConnectedSource, DatedFiles


class FileSource(DatedFiles):
    """Files in a folder that tasks see: one a day (``daily``), or whole copies now and then (``snapshot``)."""

    kind: Literal["files"]


class ObjectStoreSource(DatedFiles, ConnectedSource):
    """Objects of a bucket, as files are of a folder; ``path`` is the whole key."""

    kind: Literal["object_store"]
    store: Literal["s3", "gcs"]
    bucket: str = Field(min_length=3, max_length=222)

    @model_validator(mode="after")
    def _check_bucket(self) -> Self:
        if "/" in self.bucket or ":" in self.bucket:
            raise ValueError(f"bucket: the name alone, not {self.bucket!r}; store says the protocol, path the key")
        if self.path.startswith("/"):
            raise ValueError("a path without '/' at its start: keys of a bucket have none")
        return self


# One line for each kind.
Source = Annotated[
    FileSource
    | ObjectStoreSource
    | HttpSource
    | PostgresSource,
    Field(discriminator="kind"),
]  # fmt: skip
"""A source of any kind."""
