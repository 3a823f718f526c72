"""What the README says is declared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from include.adopt.readme import write_readme
from include.settings import CONFIG_DIR, load_settings


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings of its own."""
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_every_source_and_model_has_its_row_before_the_first_heading(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# Ours\n\nA project.\n\n## Commands\n\nmake up\n")
    write_readme(path)
    text = path.read_text()
    settings = load_settings()
    for name in (*settings.sources.sources, *settings.models):
        assert f"| `{name}` |" in text
    assert text.index("A project.") < text.index("## What is declared here") < text.index("## Commands")
    assert text.endswith("## Commands\n\nmake up\n")


def test_written_again_it_follows_the_declarations(tmp_path: Path, config: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# Ours\n\n## Commands\n")
    write_readme(path)
    once = path.read_text()
    write_readme(path)
    assert path.read_text() == once
    gone = next(iter(load_settings().models))
    (config / "models" / f"{gone}.yml").unlink()
    load_settings.__globals__["_load"].cache_clear()
    write_readme(path)
    assert f"| `{gone}` |" not in path.read_text()
    assert path.read_text().count("## What is declared here") == 1
