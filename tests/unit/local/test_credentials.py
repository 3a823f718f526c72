"""Passwords and keys: generated once, private, and never silently replaced."""

from __future__ import annotations

import base64
import json
import stat

import pytest

from include.errors import StackError
from include.local import credentials as credentials_module
from include.local.credentials import SERVER_CALLERS, ensure_credentials, find_credentials, list_users, read_credentials
from include.local.home import StackHome
from include.settings import load_settings


def test_the_files_are_readable_by_their_owner_only(home: StackHome) -> None:
    ensure_credentials(home)
    for path in (home.secrets_file, home.passwords_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_credentials_stay_the_same(home: StackHome) -> None:
    first = ensure_credentials(home)
    assert ensure_credentials(home) == first == read_credentials(home)


def test_the_trainers_and_approvers_of_all_models_are_users_with_passwords_of_their_own(home: StackHome) -> None:
    models = load_settings().models.values()
    users = list_users(models)

    passwords = ensure_credentials(home).airflow_passwords

    assert {users[model.trainer] for model in models} == {"user"}
    assert {users[name] for model in models for name in model.governance.approvers} == {"op", "admin"}
    assert set(passwords) == set(users)
    assert len(set(passwords.values())) == len(users)
    assert json.loads(home.passwords_file.read_text()) == passwords


def test_a_model_that_is_added_later_brings_its_people_and_nobody_loses_a_password(
    home: StackHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_credentials(home).airflow_passwords
    monkeypatch.setattr(credentials_module, "list_users", lambda _: {"newcomer": "op"})

    after = ensure_credentials(home).airflow_passwords

    assert set(after) == {*before, "newcomer"}
    assert {user: after[user] for user in before} == before


def test_each_caller_of_the_model_server_has_a_token_of_its_own(home: StackHome) -> None:
    tokens = ensure_credentials(home).server_tokens
    assert set(tokens) == set(SERVER_CALLERS)
    assert len(set(tokens.values())) == len(SERVER_CALLERS)


def test_a_stack_of_an_earlier_release_gets_tokens_once_and_keeps_its_keys(home: StackHome) -> None:
    keys = {name: key for name, key in vars(ensure_credentials(home)).items() if name != "airflow_passwords"}
    older = {name: key for name, key in keys.items() if name != "server_tokens"}
    home.secrets_file.write_text(json.dumps(older))
    after = ensure_credentials(home)
    assert set(after.server_tokens) == set(SERVER_CALLERS)
    assert ensure_credentials(home) == after == read_credentials(home)
    assert {name: getattr(after, name) for name in older} == older


def test_a_caller_that_a_release_adds_gets_a_token_and_the_others_keep_theirs(home: StackHome) -> None:
    before = ensure_credentials(home)
    keys = json.loads(home.secrets_file.read_text())
    del keys["server_tokens"]["traffic"]
    home.secrets_file.write_text(json.dumps(keys))
    after = ensure_credentials(home).server_tokens
    assert after == {**before.server_tokens, "traffic": after["traffic"]}
    assert after == read_credentials(home).server_tokens


def test_the_fernet_key_is_32_bytes(home: StackHome) -> None:
    assert len(base64.urlsafe_b64decode(ensure_credentials(home).fernet_key)) == 32


def test_nothing_secret_is_shown_when_credentials_are_printed(home: StackHome) -> None:
    credentials = ensure_credentials(home)
    shown = repr(credentials)
    assert credentials.postgres_password not in shown
    assert credentials.airflow_passwords["admin"] not in shown
    assert not [token for token in credentials.server_tokens.values() if token in shown]


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
