"""Passwords and keys: generated once, private, and never silently replaced."""

from __future__ import annotations

import base64
import json
import stat

import pytest

from include.errors import StackError
from include.local.credentials import USERS, ensure_credentials, find_credentials, read_credentials
from include.local.home import StackHome


def test_the_files_are_readable_by_their_owner_only(home: StackHome) -> None:
    ensure_credentials(home)
    for path in (home.secrets_file, home.passwords_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_credentials_stay_the_same(home: StackHome) -> None:
    first = ensure_credentials(home)
    assert ensure_credentials(home) == first == read_credentials(home)


def test_every_user_has_a_password_of_its_own(home: StackHome) -> None:
    passwords = ensure_credentials(home).airflow_passwords
    assert set(passwords) == set(USERS)
    assert len(set(passwords.values())) == len(USERS)
    assert json.loads(home.passwords_file.read_text()) == passwords


def test_the_fernet_key_is_32_bytes(home: StackHome) -> None:
    assert len(base64.urlsafe_b64decode(ensure_credentials(home).fernet_key)) == 32


def test_nothing_secret_is_shown_when_credentials_are_printed(home: StackHome) -> None:
    credentials = ensure_credentials(home)
    shown = repr(credentials)
    assert credentials.postgres_password not in shown
    assert credentials.airflow_passwords["admin"] not in shown


def test_lost_credentials_of_existing_data_are_not_made_up_anew(home: StackHome) -> None:
    home.postgres.mkdir()
    (home.postgres / "PG_VERSION").write_text("18\n")
    with pytest.raises(StackError, match=r"secrets\.json is gone"):
        ensure_credentials(home)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"unknown_key": 1}'])
def test_damaged_credentials_are_named(home: StackHome, damage: str) -> None:
    ensure_credentials(home)
    home.secrets_file.write_text(damage)
    with pytest.raises(StackError, match=r"secrets\.json .*cannot be read"):
        ensure_credentials(home)
    assert find_credentials(home) is None
