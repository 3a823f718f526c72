"""Who may ask the model server what: decided from the head of a request, without effects."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Literal

from include.rollout.staging import VERSION_HEADER


class Role(IntEnum):
    """What a caller may do; each role may also do what those before it may."""

    NOBODY = 0
    """Whoever reaches the port."""
    PREDICT = 1
    """Ask for predictions, and read what models there are."""
    STAGE = 2
    """Ask one explicit version, which loads it."""
    ADMIN = 3
    """Everything."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """One who may ask, known by the SHA-256 of the token."""

    name: str
    role: Role
    sha256: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class AccessRules:
    """Whom the server knows, and by which names it is asked.

    Attributes:
        hosts: names in a Host header, without a port; ``*.name`` stands for every name below.
        is_open: no token is asked for.
    """

    callers: Sequence[Caller] = ()
    hosts: frozenset[str] = frozenset()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class AccessRefusal:
    """Why a request is refused unread; ``caller`` is '' where none is known."""

    status: int
    cause: Literal["host", "origin", "token", "role"]
    detail: str
    caller: str = ""


UNKNOWN: Final = Caller("", Role.NOBODY)
ANYBODY: Final = Caller("anybody", Role.ADMIN)

# What a route needs; one that does not stand here needs admin. An asterisk is any one step of the path.
_NEEDS: Final[Mapping[str, Role]] = {
    # For probes, which have no token: whether it lives, whether it is ready, and no more.
    "GET /healthz": Role.NOBODY,
    "GET /readyz": Role.NOBODY,
    "GET /ping": Role.NOBODY,
    "GET /health": Role.NOBODY,
    "GET /v2/health/live": Role.NOBODY,
    "GET /v2/health/ready": Role.NOBODY,
    "GET /docs": Role.PREDICT,
    "GET /openapi.json": Role.PREDICT,
    "GET /version": Role.PREDICT,
    "GET /v2": Role.PREDICT,
    "GET /models": Role.PREDICT,
    "GET /models/*": Role.PREDICT,
    "GET /models/*/readyz": Role.PREDICT,
    "GET /models/*/ping": Role.PREDICT,
    "GET /models/*/health": Role.PREDICT,
    "GET /models/*/version": Role.PREDICT,
    "GET /api/2.0/endpoints/": Role.PREDICT,
    "GET /api/2.0/endpoints/*": Role.PREDICT,
    "GET /v2/models/*": Role.PREDICT,
    "GET /v2/models/*/ready": Role.PREDICT,
    "POST /invocations": Role.PREDICT,
    "POST /endpoints/*/invocations": Role.PREDICT,
    "POST /models/*/invocations": Role.PREDICT,
    "POST /models/*/predict": Role.PREDICT,
    "POST /models/*/predict/batch": Role.PREDICT,
    "POST /models/*/explain": Role.PREDICT,
    "POST /v2/models/*/infer": Role.PREDICT,
    "GET /v2/models/*/versions/*": Role.STAGE,
    "GET /v2/models/*/versions/*/ready": Role.STAGE,
    "POST /v2/models/*/versions/*/infer": Role.STAGE,
}
READING: Final = frozenset({"GET", "HEAD"})
"""The methods that change nothing."""
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::[0-9]*)?")
_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}
_VERSION_KEY: Final = VERSION_HEADER.lower().encode()
_SHOWN_MAX: Final = 60


def decide_access(
    method: str, path: str, headers: Iterable[tuple[bytes, bytes]], rules: AccessRules
) -> Caller | AccessRefusal:
    """Who asks, or why the request is refused: a foreign host or page, no token, too low a role; in this order.

    Args:
        path: decoded, without the query.
        headers: names in lower case. One that is sent twice fits nothing.
    """
    host, origin, authorization, is_versioned = b"", b"", b"", False
    for name, value in headers:
        if name == b"host":
            host = host + b", " + value if host else value
        elif name == b"authorization":
            authorization = authorization + b", " + value if authorization else value
        elif name == b"origin":
            origin = origin + b", " + value if origin else value
        elif name == _VERSION_KEY:
            is_versioned = True
    if not is_own_host(host, rules.hosts):
        return _refuse_host(host)
    if origin and not is_own_origin(origin, host):
        return _refuse_origin(origin)
    caller = ANYBODY if rules.is_open else find_caller(read_token(authorization), rules.callers)
    need = find_need(method, path)
    if is_versioned and need == Role.PREDICT:
        need = Role.STAGE
    if caller.role >= need:
        return caller
    return _refuse_token(authorization) if caller is UNKNOWN else _refuse_role(caller, need, is_versioned)


@lru_cache(maxsize=1024)
def find_need(method: str, path: str) -> Role:
    """The role that a route needs; admin where nobody has said."""
    steps = path.split("/")
    if len(steps) > 2 and steps[1] in ("models", "endpoints"):
        steps[2] = "*"
    elif steps[1:4] == ["api", "2.0", "endpoints"] and len(steps) > 4 and steps[4]:
        steps[4] = "*"
    elif len(steps) > 3 and steps[1] == "v2" and steps[2] == "models":
        steps[3] = "*"
        if len(steps) > 5 and steps[4] == "versions":
            steps[5] = "*"
    route = f"{'GET' if method == 'HEAD' else method} {'/'.join(steps)}"
    return _NEEDS.get(route, Role.ADMIN)


def read_token(authorization: bytes) -> bytes:
    """The token of a header ``Authorization``, empty if it has none.

    That is ``Bearer TOKEN``, or ``Basic`` with the token as the password of any user: what a browser asks a person for,
    and what clients send that know an address only, as ``http://any:TOKEN@host``.
    """
    scheme, _, rest = authorization.partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(rest, validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return b""


def find_caller(token: bytes, callers: Iterable[Caller]) -> Caller:
    """Whose token it is; always as many comparisons, in constant time each."""
    found = UNKNOWN
    if token:
        digest = hashlib.sha256(token).digest()
        for caller in callers:
            if hmac.compare_digest(caller.sha256, digest):
                found = caller
    return found


@lru_cache(maxsize=256)
def is_own_host(authority: bytes, names: frozenset[str]) -> bool:
    """Whether a Host header names this server: by a listed name, or by any IP address.

    A page whose own name was bound to this server's address (DNS rebinding) sends that name. An address cannot be
    rebound, and is what probes of Kubernetes send.
    """
    match = _AUTHORITY.fullmatch(authority.decode("latin-1").lower())
    if match is None:
        return False
    host = match[1]
    if host in names or any(host.endswith(name[1:]) for name in names if name.startswith("*.")):
        return True
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_own_origin(origin: bytes, host: bytes) -> bool:
    """Whether a page comes from the very address that it asks: the same name and port."""
    scheme, _, authority = origin.lower().partition(b"://")
    default = _DEFAULT_PORTS.get(scheme)
    return default is not None and authority.removesuffix(default) == host.lower().removesuffix(default)


def _show(value: bytes) -> str:
    return repr(value.decode("latin-1")[:_SHOWN_MAX])


def _refuse_host(host: bytes) -> AccessRefusal:
    detail = (
        f"The header Host says {_show(host)}, which is no name of this server. Ask by its IP address, or add the name "
        "to server.allowed_hosts of include/config/rollout.yml."
    )
    return AccessRefusal(403, "host", detail)


def _refuse_origin(origin: bytes) -> AccessRefusal:
    detail = f"A page of {_show(origin)} asks, and this server answers no pages of other servers."
    return AccessRefusal(403, "origin", detail)


def _refuse_token(authorization: bytes) -> AccessRefusal:
    known = "No caller has the token that was sent." if authorization else "No token was sent."
    return AccessRefusal(401, "token", f"{known} Send the header Authorization: Bearer TOKEN.")


def _refuse_role(caller: Caller, need: Role, is_versioned: bool) -> AccessRefusal:
    subject = f"An explicit version ({VERSION_HEADER})" if is_versioned and need == Role.STAGE else "This route"
    detail = f"{subject} needs the role {need}, and the caller {caller.name!r} has the role {caller.role}."
    return AccessRefusal(403, "role", detail, caller.name)
