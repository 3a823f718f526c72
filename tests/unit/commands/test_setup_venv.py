"""Installing: pip's settings hold for uv, and only a fitting interpreter is used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from include.commands import setup_venv
from include.commands.setup_venv import is_fitting, read_pip_settings, translate_pip_settings


def test_pips_settings_are_told_to_uv() -> None:
    settings = {
        "index-url": "https://mirror/simple",
        "extra-index-url": "https://one/simple\nhttps://two/simple",
        "find-links": "/opt/wheels /srv/wheels",
        "cert": "/etc/ca.pem",
        "trusted-host": "mirror",
        "timeout": "60",
        "disable-pip-version-check": "1",
    }
    assert translate_pip_settings(settings, {}) == {
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "https://one/simple https://two/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/opt/wheels,/srv/wheels",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_INSECURE_HOST": "mirror",
        "UV_HTTP_TIMEOUT": "60",
    }


def test_what_uv_was_told_itself_wins() -> None:
    environment = translate_pip_settings({"index-url": "https://pip"}, {"UV_DEFAULT_INDEX": "https://uv"})
    assert environment["UV_DEFAULT_INDEX"] == "https://uv"


def test_an_empty_setting_is_none() -> None:
    assert translate_pip_settings({"index-url": " "}, {}) == {}


def test_the_environment_wins_over_pips_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tmp_path / "pip.py"
    listing.write_text(
        "print(\"global.index-url='https://file'\")\n"
        "print(\"install.find-links='/opt/wheels'\")\n"
        "print(\":env:.timeout='1'\")\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment")
    monkeypatch.setenv("PIP_TIMEOUT", "30")
    settings = read_pip_settings()
    assert settings["index-url"] == "https://environment"
    assert settings["find-links"] == "/opt/wheels"
    assert settings["timeout"] == "30"


def test_a_machine_without_pip_has_no_settings_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.py").write_text("raise ImportError('no pip here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PIP_CERT", "/etc/ca.pem")
    assert read_pip_settings()["cert"] == "/etc/ca.pem"


def test_an_interpreter_that_does_not_run_is_not_fitting(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert not is_fitting(broken)
    assert not is_fitting(tmp_path / "absent")
    assert is_fitting(Path(sys.executable))


def test_a_failed_installation_is_reported_and_not_stamped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "uv"
    broken.write_text("#!/bin/sh\necho 'no route to the index' >&2\nexit 2\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(setup_venv, "VENV", tmp_path / "venv")
    monkeypatch.setattr(setup_venv, "STAMP", tmp_path / "venv" / ".installed")
    assert setup_venv.main() == 1
    said = capfd.readouterr().err
    assert "no route to the index" in said
    assert "failed (exit code 2)" in said
    assert not (tmp_path / "venv" / ".installed").exists()
