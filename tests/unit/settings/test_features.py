"""The settings of the feature store: what a wrong file says, and what a folder without one gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import SettingsError
from include.settings import CONFIG_DIR, load_features
from include.settings.features import FeatureSettings


def test_the_file_says_what_the_defaults_are(tmp_path: Path) -> None:
    assert load_features(CONFIG_DIR / "features.yml", "production") == FeatureSettings()
    assert load_features(tmp_path / "features.yml", "production") == FeatureSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("validation: {minimum_scor: 0.9}", "did you mean 'minimum_score'"),
        ("validation: {minimum_score: 8}", "key 'validation.minimum_score'"),
        ("validation: {history_dates: 3}", "a history_dates of at least min_history_dates"),
        ("validation: {min_row_ratio: 9}", "a min_row_ratio that is not above max_row_ratio"),
        ("drift: {action: halt}", "key 'drift.action'"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "features.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        load_features(path, "development")
