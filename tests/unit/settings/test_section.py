"""YAML that does not fit is named: the file, the key, what was expected and what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import SettingsError
from include.settings import CONFIG_DIR, load_settings, resolve_environment
from include.settings.section import Section, load_section


class Inner(Section):
    """A nested section."""

    limit: float
    names: tuple[str, ...] = ()


class Outer(Section):
    """A section with a nested one."""

    count: int
    inner: Inner


def write(tmp_path: Path, text: str) -> Path:
    """A YAML file with this text."""
    path = tmp_path / "some.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_load_in_every_environment() -> None:
    for environment in ("development", "staging", "production"):
        assert load_settings(environment=environment).environment == environment


def test_an_environment_overrides_key_by_key(tmp_path: Path) -> None:
    path = write(
        tmp_path, "count: 1\ninner: {limit: 0.5, names: [a]}\nenvironments: {staging: {inner: {limit: 0.9}}}\n"
    )
    assert load_section(path, Outer, "development").inner == Inner(limit=0.5, names=("a",))
    assert load_section(path, Outer, "staging").inner == Inner(limit=0.9, names=("a",))


GOOD = "count: 1\ninner: {limit: 1}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 1\ninner: {limt: 0.5, limit: 1}\n", r"unknown key 'inner\.limt'; did you mean 'limit'\?"),
        ("cuont: 1\ninner: {limit: 1}\n", r"unknown key 'cuont'; did you mean 'count'\?"),
        ("count: many\ninner: {limit: 1}\n", r"key 'count': expected a valid integer, found 'many'"),
        ("count: '1'\ninner: {limit: 1}\n", r"key 'count': expected a valid integer, found '1'"),
        ("count: true\ninner: {limit: 1}\n", r"key 'count': expected a valid integer, found True"),
        ("inner: {limit: 1}\n", r"key 'count' is missing"),
        ("count: 1\ninner: 3\n", r"key 'inner': expected .*found 3"),
        ("count: [\n", r"is not valid YAML"),
        ("- 1\n", r"should hold a mapping of keys, found list"),
        ("environments: 3\n", r"key 'environments' should be a mapping"),
        (f"{GOOD}environments: {{development: 7}}\n", r"key 'environments\.development': .*found 7"),
        (f"{GOOD}environments: {{prodution: {{count: 2}}}}\n", r"unknown environment 'environments\.prodution'"),
        (f"{GOOD}environments: {{production: {{cuont: 2}}}}\n", r"'production'.*\n.*unknown key 'cuont'"),
        (
            f"{GOOD}environments: {{staging: {{count: many}}}}\n",
            r"'staging'.*\n.*key 'count': expected a valid integer",
        ),
        ("count: x\ninner: {limit: 1}\nenvironments: {development: {count: 1}}\n", r"'staging'.*\n.*key 'count'"),
        (f"{GOOD}count: 2\n", r"key 'count' is given twice(.|\n)*line 3"),
        ("count: 1\ninner: {limit: 1, limit: 2}\n", r"key 'limit' is given twice"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError, match=message) as caught:
        load_section(path, Outer, "development")
    assert str(path) in str(caught.value)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "section.yml"
    path.write_bytes("count: 1 # für\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"section\.yml is not valid YAML: 'utf-8' codec"):
        load_section(path, Outer, "development")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.yml does not exist"):
        load_section(tmp_path / "gone.yml", Outer, "development")


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected one of development, staging, production"):
        resolve_environment("prod")


@pytest.mark.parametrize("path", sorted(CONFIG_DIR.glob("*.yml")), ids=lambda path: path.name)
def test_every_shipped_file_refuses_an_unknown_key(path: Path, tmp_path: Path) -> None:
    for other in CONFIG_DIR.glob("*.yml"):
        (tmp_path / other.name).write_text(other.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / path.name).write_text(path.read_text(encoding="utf-8") + "\nno_such_key: 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="no_such_key") as caught:
        load_settings(tmp_path)
    assert path.name in str(caught.value)
