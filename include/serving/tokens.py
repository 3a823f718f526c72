"""Where the callers of the model server come from: an environment variable, or a file that may change."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from include.errors import SettingsError
from include.serving.access import AccessRules, Caller, Role

log = logging.getLogger(__name__)

TOKENS: Final = "ORRERY_SERVER_TOKENS"
TOKENS_FILE: Final = "ORRERY_SERVER_TOKENS_FILE"

LOOK_EVERY_S: Final = 1.0
_HASHED: Final = "sha256:"
ROLES: Final = {str(role): role for role in Role if role is not Role.NOBODY}
"""What an entry may say in its second place."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
# What RFC 6750 lets a bearer token consist of, and so many that nobody guesses it.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{24,}=*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

ReadRules = Callable[[], AccessRules]


def choose_rules(
    environment: Mapping[str, str], hosts: frozenset[str], host: str, *, is_open: bool = False
) -> ReadRules:
    """What gives the rules of this moment: the callers of the environment or of a file, or nobody but who is here.

    Args:
        hosts: see :class:`AccessRules`.
        host: the address that the server listens at.
        is_open: no token is asked for; only at an address of this machine alone.

    Raises:
        SettingsError: there are no tokens, two sources of them, or wrong ones.
    """
    text, file = environment.get(TOKENS, ""), environment.get(TOKENS_FILE, "")
    if text and file:
        raise SettingsError(f"Both {TOKENS} and {TOKENS_FILE} are set. Keep one of them.")
    if is_open:
        if text or file:
            raise SettingsError(f"--open asks for no tokens, and {TOKENS if text else TOKENS_FILE} is set. Keep one.")
        if not is_loopback(host):
            raise SettingsError(f"--open lets everybody in, and {host} is reached from elsewhere. Set {TOKENS_FILE}.")
        rules = AccessRules(hosts=hosts, is_open=True)
        return lambda: rules
    if file:
        return TokenFile(Path(file), hosts).read
    rules = AccessRules(parse_callers(text, TOKENS), hosts)
    return lambda: rules


class TokenFile:
    """The rules with the callers of a file; while it is wrong or absent, those of before stay."""

    def __init__(self, path: Path, hosts: frozenset[str]) -> None:
        """Read the file.

        Raises:
            SettingsError: it cannot be read, or its content is wrong.
        """
        self._path = path
        self._error = ""
        self._stamp = self._read_stamp()
        self._rules = AccessRules(self._parse(), hosts)
        self._next_look_at = time.monotonic() + LOOK_EVERY_S

    def read(self) -> AccessRules:
        """The rules of this moment; the file is looked at once a second at most."""
        if time.monotonic() >= self._next_look_at:
            self._look()
            self._next_look_at = time.monotonic() + LOOK_EVERY_S
        return self._rules

    def _look(self) -> None:
        try:
            stamp = self._read_stamp()
            if stamp != self._stamp:
                self._rules = replace(self._rules, callers=self._parse())
                log.info("%s has changed: %d tokens are known.", self._path, len(self._rules.callers))
            self._stamp, self._error = stamp, ""
        except SettingsError as error:
            if str(error) != self._error:
                log.error("The tokens of before stay until this is corrected: %s", error)
            self._error = str(error)

    def _read_stamp(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise _refuse_file(self._path, error) from error
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _parse(self) -> tuple[Caller, ...]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _refuse_file(self._path, error) from None
        return parse_callers(text, str(self._path))


def parse_callers(text: str, source: str) -> tuple[Caller, ...]:
    """The callers of a text: ``name:role:token`` or ``name:role:sha256:HEX``, apart by blanks or lines.

    What follows ``#`` on a line is a comment. A caller may have several tokens, so that one can take the place of
    another without a gap.

    Raises:
        SettingsError: an entry is wrong, or there is none; names the entry, never its token.
    """
    callers: list[Caller] = []
    for number, entry in enumerate(_split(text), start=1):
        place = f"{source}, entry {number}"
        caller = _parse_entry(entry, place)
        _check_known(caller, callers, place)
        callers.append(caller)
    if not callers:
        raise SettingsError(
            f"{source} names no caller of the model server. Set {TOKENS} to entries name:role:token, or {TOKENS_FILE} "
            "to a file of them. A server that only this machine reaches may also be started with --open."
        )
    return tuple(callers)


def write_entry(name: str, role: Role, token: str) -> str:
    """An entry with the token's hash in its place."""
    return f"{name}:{role}:{_HASHED}{hashlib.sha256(token.encode()).hexdigest()}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from line.partition("#")[0].split()


def _parse_entry(entry: str, place: str) -> Caller:
    name, _, rest = entry.partition(":")
    role, _, token = rest.partition(":")
    if not token or not _NAME.fullmatch(name):
        raise SettingsError(f"{place}: expected name:role:token, with a name such as 'billing-job'.")
    if role not in ROLES:
        raise SettingsError(f"{place}: {name!r} has no role of {', '.join(ROLES)} in its second place.")
    if token.startswith(_HASHED):
        digest = token.removeprefix(_HASHED).lower()
        if not _SHA256.fullmatch(digest):
            raise SettingsError(f"{place}: what follows {_HASHED} of {name!r} is no SHA-256 of 64 hexadecimal digits.")
        return Caller(name, ROLES[role], bytes.fromhex(digest))
    if not _TOKEN.fullmatch(token):
        raise SettingsError(
            f"{place}: the token of {name!r} has fewer than 24 characters, or others than letters, digits and ._~+/-. "
            "Make one with: openssl rand -hex 32"
        )
    return Caller(name, ROLES[role], hashlib.sha256(token.encode()).digest())


def _check_known(caller: Caller, before: list[Caller], place: str) -> None:
    for other in before:
        if other.sha256 == caller.sha256:
            raise SettingsError(f"{place}: {caller.name!r} has the token of {other.name!r}. Give each its own.")
        if other.name == caller.name and other.role != caller.role:
            raise SettingsError(
                f"{place}: {caller.name!r} has the role {caller.role}, and {other.role} before. Keep one."
            )


def _refuse_file(path: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
    return SettingsError(f"{TOKENS_FILE}: {path} cannot be read: {reason}.")
