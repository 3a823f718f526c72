"""The flags of a build, and what dbt need not look up for them. Knows neither Airflow nor Cosmos."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

FLAGS: Final = ("--exclude-resource-type", "unit_test", "--log-level-file", "none")
"""Unit tests check the models' code, which CI does; a build checks data. dbt's log file would go with the task's
temporary folder; writing it was an eighth of the processor time of ``dbt build``."""


@contextlib.contextmanager
def skip_flag_lookup() -> Iterator[None]:
    """Spare dbt the search for the module that declares each of its adapter's flags, which it names in warnings only.

    It looks through the stack and all modules for it, which are thousands in an Airflow worker: 2.4 s of a run of 8 s,
    by samples of the stack.
    """
    from unittest.mock import patch

    from dbt_common.behavior_flags import BehaviorFlagRendered

    with patch.object(BehaviorFlagRendered, "_default_source", staticmethod(lambda: "the adapter of dbt")):
        yield
