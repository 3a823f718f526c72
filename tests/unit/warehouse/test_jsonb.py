"""What was measured goes into a jsonb column, whatever it is."""

from __future__ import annotations

import math
from datetime import date

import numpy as np

from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import open_session


def test_what_is_no_number_is_null_and_the_rest_is_as_it_was(warehouse_uri: str) -> None:
    content = {
        "limits": (math.inf, -math.inf, 0.3), "checks": [{"observed": math.nan, "is_passed": False, "count": 3}],
        "name": "a\0b 'quoted' ä", "day": date(2026, 3, 9), "nothing": None, "six": "\\u0000", "half": "x\ud800y",
        "numpy": [np.int64(3), np.bool_(True), np.float32("nan"), np.float64(0.5)],
    }  # fmt: skip
    with open_session(warehouse_uri) as session:
        kept = session.fetch_value("select %s::jsonb", (to_jsonb(content),))
        nothing = session.fetch_value("select %s::jsonb", (to_jsonb(None),))
    assert kept == {
        "limits": [None, None, 0.3], "checks": [{"observed": None, "is_passed": False, "count": 3}],
        "name": "a?b 'quoted' ä", "day": "2026-03-09", "nothing": None, "six": "\\u0000",
        "half": "x?y", "numpy": [3, True, None, 0.5],
    }  # fmt: skip
    assert nothing is None
