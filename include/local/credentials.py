"""Passwords and keys of one local stack: generated once, kept in files that only their owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from include.errors import StackError
from include.local.home import StackHome
from include.settings import load_settings
from include.settings.models import ModelSettings

HOUSE_USERS: Final[dict[str, str]] = {"admin": "admin", "analyst": "user", "reviewer": "viewer"}
"""User → role of Airflow's SimpleAuthManager (each role includes the ones below: admin, op, user, viewer)."""

SERVER_CALLERS: Final[dict[str, str]] = {"airflow": "stage", "traffic": "predict", "admin": "admin"}
"""Caller → role at the model server: Airflow's tasks, the requests of the project's commands, and people."""


def list_users(models: Iterable[ModelSettings]) -> dict[str, str]:
    """The stack's users and their roles: those of the house, and the trainers and approvers of all models."""
    models = list(models)
    approvers = {name: "op" for model in models for name in model.governance.approvers}
    return {**{model.trainer: "user" for model in models}, **approvers, **HOUSE_USERS}


def make_tokens() -> dict[str, str]:
    """A new token for each caller of the model server."""
    return {name: secrets.token_urlsafe(32) for name in SERVER_CALLERS}


@dataclass(frozen=True)
class Credentials:
    """What the parts of a stack prove themselves with.

    ``server_tokens`` maps caller of the model server to token, ``airflow_passwords`` user to password.
    """

    stack_token: str = field(repr=False, default_factory=lambda: secrets.token_hex(16))
    postgres_password: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    fernet_key: str = field(
        repr=False, default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    )
    jwt_secret: str = field(repr=False, default_factory=lambda: secrets.token_hex(64))
    api_secret_key: str = field(repr=False, default_factory=lambda: secrets.token_hex(32))
    server_tokens: dict[str, str] = field(repr=False, default_factory=make_tokens)
    airflow_passwords: dict[str, str] = field(repr=False, default_factory=dict)


def ensure_credentials(home: StackHome) -> Credentials:
    """Read the stack's credentials, or generate them; afterwards both files exist, and every user has a password.

    Raises:
        StackError: a file exists and cannot be read as what it should be, or it is gone and its database is not.
    """
    if home.secrets_file.exists():
        return _complete(home, read_credentials(home))
    if (home.postgres / "PG_VERSION").exists():
        raise StackError(
            f"{home.secrets_file} is gone, and with it the password of the database in {home.postgres}. "
            f"Restore the file, or delete {home.path} to start from nothing."
        )
    credentials = Credentials()
    write_private(home.passwords_file, {})
    _write_keys(home, credentials)
    return _complete(home, credentials)


def _write_keys(home: StackHome, credentials: Credentials) -> None:
    keys = asdict(credentials)
    del keys["airflow_passwords"]
    write_private(home.secrets_file, keys)


def _complete(home: StackHome, credentials: Credentials) -> Credentials:
    """Give a token to every caller and a password to every user that has none; those that there are stay."""
    tokens = {**make_tokens(), **credentials.server_tokens}
    if tokens != json.loads(home.secrets_file.read_text(encoding="utf-8")).get("server_tokens"):
        credentials = replace(credentials, server_tokens=tokens)
        _write_keys(home, credentials)
    users = list_users(load_settings().models.values())
    passwords = {**{user: secrets.token_urlsafe(12) for user in users}, **credentials.airflow_passwords}
    if passwords != credentials.airflow_passwords:
        write_private(home.passwords_file, passwords)
    return replace(credentials, airflow_passwords=passwords)


def read_credentials(home: StackHome) -> Credentials:
    """The credentials of a stack that was started before.

    Raises:
        StackError: there are none, or they are damaged.
    """
    try:
        keys: dict[str, Any] = json.loads(home.secrets_file.read_text(encoding="utf-8"))
        return Credentials(**keys, airflow_passwords=json.loads(home.passwords_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StackError(
            f"The stack's credentials in {home.secrets_file} and {home.passwords_file.name} cannot be read: "
            f"{error}. Restore the files, or delete {home.path} to start from nothing."
        ) from error


def find_credentials(home: StackHome) -> Credentials | None:
    """The credentials of a stack that was started before, or None if they are gone or damaged."""
    try:
        return read_credentials(home)
    except StackError:
        return None


def write_private(path: Path, content: Any) -> None:
    """Write JSON that only the owner may read, replacing the file at once."""
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    draft.replace(path)
