"""The kinds of label."""

from __future__ import annotations

from typing import Literal

TaskName = Literal["binary", "multiclass", "regression"]
