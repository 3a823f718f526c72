"""Sends the requests of an HTTP source: its credentials, its rate limit, and other tries where these may help."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urljoin, urlsplit

from include.errors import SourceAwayError, SourceError
from include.settings.http_source import HttpSource
from include.sources.http_credentials import HttpCredentials
from include.sources.http_waits import RateLimit, read_retry_after

if TYPE_CHECKING:
    import ssl

    import httpx
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

Query = Mapping[str, str | int | float | bool]

_MAX_REDIRECTS: Final = 5
# What is parsed as one piece; more of it comes in pages.
_MAX_BODY_BYTES: Final = 128 << 20
_BODY_START: Final = 300
_LONGEST_BACKOFF_S: Final = 60.0
_TOO_MANY_REQUESTS: Final = 429
_REQUEST_TIMEOUT: Final = 408
_NO_ENTRY: Final = frozenset({401, 403, 407})


@dataclass(frozen=True)
class Answer:
    """What the server answered, with status 2xx; the URL is the one after all redirects."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes


class _NeedsAnotherTryError(Exception):
    """A request failed in a way that may pass; ``wait_s`` is what the server asks to wait."""

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class HttpClient:
    """GET requests to the server of one source. Credentials go to the connection's own server only.

    Throttling (429), errors of the server (5xx), time-outs and broken connections are tried again, each time after a
    longer and somewhat random wait, or after what ``Retry-After`` asks for.
    """

    def __init__(self, name: str, source: HttpSource, credentials: HttpCredentials, rate: RateLimit) -> None:
        import httpx

        # It logs whole URLs, and a server may put a token into the next one.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self.name = name
        self._source, self._credentials, self._rate = source, credentials, rate
        # A proxy or a certificate authority of the environment; neither is for what runs on this machine.
        trust_env = not is_loopback(credentials.base_url)
        self._client = httpx.Client(
            headers={"Accept": "application/json", "User-Agent": "orrery"},
            timeout=source.timeout_s,
            trust_env=trust_env,
            verify=_load_authorities(trust_env),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, url: str, query: Query | None, place: str, *, with_body: bool = True) -> Answer:
        """The answer to one request.

        Args:
            query: parameters; None leaves those of the URL.
            place: what the request is for, for messages: ``page 3``.
            with_body: otherwise the connection is closed after the headers.

        Raises:
            SourceAwayError: no try was answered, or the server does not let us in.
            SourceError: the server answers with another error, or more than can be read at once.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        retrying = Retrying(
            stop=stop_after_attempt(self._source.retries + 1),
            wait=self._choose_wait,
            sleep=self._rate.timing.sleep,
            retry=retry_if_exception_type(_NeedsAnotherTryError),
            reraise=True,
        )
        try:
            return retrying(self._send, url, query, place, with_body)
        except _NeedsAnotherTryError as error:
            raise SourceAwayError(
                f"{self.locate(url, place)}: {error}, also at the last of {self._source.retries + 1} tries. "
                "Check the server and its address in the connection, and run again later."
            ) from error.__cause__

    def is_own(self, url: str) -> bool:
        """Whether a URL is of the connection's own server."""
        return self._credentials.is_own(url)

    def locate(self, url: str, place: str) -> str:
        """The start of a message: the source, the URL without its query, which may hold a token, and the place."""
        parts = urlsplit(url)
        return f"Source {self.name!r}, {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}, {place}"

    def quote(self, body: bytes) -> str:
        """The start of a body for a message, without the credentials that a server may repeat."""
        text = " ".join(body[: 8 * _BODY_START].decode("utf-8", "replace").split())
        return self._credentials.hide(text)[:_BODY_START] or "(nothing)"

    def _choose_wait(self, state: RetryCallState) -> float:
        from tenacity import wait_exponential_jitter

        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _NeedsAnotherTryError) else None
        longest = min(_LONGEST_BACKOFF_S, self._source.max_wait_s)
        wait_s = asked if asked is not None else wait_exponential_jitter(initial=1, max=longest)(state)
        log.warning("Source %r: %s; another try in %.1f s.", self.name, error, wait_s)
        return wait_s

    def _send(self, url: str, query: Query | None, place: str, with_body: bool) -> Answer:
        import httpx

        try:
            for _ in range(_MAX_REDIRECTS + 1):
                answer = self._send_one(url, query, place, with_body)
                if isinstance(answer, Answer):
                    return answer
                url, query = answer, None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.DecodingError) as error:
            problem = self._credentials.hide(str(error))
            raise SourceError(
                f"{self.locate(url, place)}: the request fails ({problem}). Correct the address in the connection and "
                "the path in sources.yml, and run again."
            ) from error
        except httpx.TimeoutException as error:
            raise _NeedsAnotherTryError(f"no answer within timeout_s ({self._source.timeout_s:g} s)") from error
        except httpx.TransportError as error:
            problem = self._credentials.hide(str(error)) or type(error).__name__
            raise _NeedsAnotherTryError(f"the connection failed ({problem})") from error
        raise SourceError(
            f"{self.locate(url, place)}: more than {_MAX_REDIRECTS} redirects. Correct the path in sources.yml, or the "
            "address in the connection, to where they lead, and run again."
        )

    def _send_one(self, url: str, query: Query | None, place: str, with_body: bool) -> Answer | str:
        """The answer, or the URL that it redirects to."""
        self._rate.wait()
        self._client.cookies.clear()
        is_own = self.is_own(url)
        options: dict[str, Any] = {"params": dict(query)} if query is not None else {}
        if is_own:
            options |= {"auth": self._credentials.basic, "headers": self._credentials.headers}
        with self._client.stream("GET", url, **options) as response:
            if response.has_redirect_location:
                return urljoin(str(response.url), response.headers["location"])
            body = b"" if response.is_success and not with_body else self._read_body(response, place)
            if not response.is_success:
                raise self._explain_status(response, body, place, is_own)
            return Answer(str(response.url), response.status_code, response.headers, body)

    def _read_body(self, response: httpx.Response, place: str) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_BODY_BYTES:
                raise SourceError(
                    f"{self.locate(str(response.url), place)}: the answer has more than {_MAX_BODY_BYTES >> 20} MB. "
                    "Have the server deliver it in pages (pages in sources.yml), and run again."
                )
        return bytes(body)

    def _explain_status(self, response: httpx.Response, body: bytes, place: str, is_own: bool) -> Exception:
        import httpx

        status = response.status_code
        problem = f"it answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        if status in (_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT) or response.is_server_error:
            wait_s = read_retry_after(response.headers, datetime.now(UTC))
            if wait_s is None or wait_s <= self._source.max_wait_s:
                return _NeedsAnotherTryError(problem, wait_s)
            return SourceAwayError(
                f"{self.locate(str(response.url), place)}: {problem} and asks to wait {wait_s:.0f} s, which is longer "
                f"than max_wait_s ({self._source.max_wait_s:g}). Run again after that, or raise max_wait_s in "
                "sources.yml."
            )
        where = f"{self.locate(str(response.url), place)}: {problem} (body: {self.quote(body)})"
        if status in _NO_ENTRY:
            hint = "" if is_own else " It was redirected to another server, to which no credentials are sent."
            return SourceAwayError(
                f"{where}.{hint} Correct the login, password or headers of connection {self._source.connection!r}, "
                "or have its rights extended, and run again."
            )
        return SourceError(f"{where}. Correct the path and the parameters in sources.yml, and run again.")


@lru_cache(maxsize=2)
def _load_authorities(trust_env: bool) -> ssl.SSLContext:
    """The certificate authorities, which take longer to load than most requests."""
    import httpx

    return httpx.create_ssl_context(trust_env=trust_env)


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
