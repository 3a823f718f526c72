"""The command: it prints, it writes if asked, and it ends with a sentence where it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.adopt.new_source import main
from include.errors import SourceError
from include.settings import PROJECT_ROOT, load_settings, reload_settings


@pytest.fixture
def config_dir(inbox):
    """The settings of the house as shipped, beside the sources of the test."""
    for path in (PROJECT_ROOT / "include" / "config").glob("*.yml"):
        if path.name != "sources.yml":
            (inbox.config.parent / path.name).write_bytes(path.read_bytes())
    return inbox.config.parent


def test_nothing_is_written_unless_asked(inbox, write_days, capsys) -> None:
    write_days()
    before = inbox.config.read_bytes()

    assert main([str(inbox.folder)]) == 0

    assert inbox.config.read_bytes() == before
    assert "  orders:\n    kind: files\n" in capsys.readouterr().out


def test_what_is_written_is_loaded_with_all_settings(inbox, write_days, config_dir, capsys) -> None:
    write_days()
    assert "orders" not in load_settings(config_dir).sources.sources

    assert main([str(inbox.folder), "--name", "incoming", "--write"]) == 0

    assert reload_settings(config_dir).sources.sources["incoming"].key == ("order_id",)
    assert f"incoming is declared in {inbox.config}" in capsys.readouterr().out


def test_a_folder_of_several_sources_declares_each(inbox, write_days, config_dir, capsys) -> None:
    write_days()
    inbox.write_csv("stores/2026-03-02.csv", "store_id,town", ["1,Ulm", "2,Bonn"])

    assert main([str(inbox.folder), "--write"]) == 0

    assert {"orders", "stores"} <= set(reload_settings(config_dir).sources.sources)
    assert capsys.readouterr().out.count("is declared in") == 2


def test_of_several_sources_none_is_declared_where_one_cannot_be_read(inbox, write_days, config_dir) -> None:
    write_days()
    inbox.write_csv("stores/stores.csv", "store_id,town", ["1,Ulm", "2,Bonn"])
    before = inbox.config.read_bytes()

    with pytest.raises(SourceError, match="no day would be found"):
        main([str(inbox.folder), "--write"])

    assert inbox.config.read_bytes() == before


def test_without_files_it_says_how_it_is_called(inbox) -> None:
    with pytest.raises(SourceError, match="make new-source FROM=folder_or_file"):
        main([])


def test_a_failure_is_a_sentence_and_an_exit_code(inbox, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.adopt.new_source", str(tmp_path / "nothing")],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout == f"✘ {tmp_path / 'nothing'} does not exist; give a folder or a file that does.\n"
    assert done.stderr == ""
