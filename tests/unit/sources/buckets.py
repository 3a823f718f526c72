"""Servers of S3 and GCS on loopback, and a proxy that spoils what they answer."""

from __future__ import annotations

import http.client
import logging
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

from include.sources.source import SourceAccess

BUCKET = "plant-exports"
SECRET = "very-secret-key"


@dataclass
class BucketServer:
    """One server; ``fs`` writes to it as the source's owner does."""

    store: Literal["s3", "gcs"]
    url: str
    fs: Any
    wipe: Callable[[], None] | None = None

    def access(self, url: str = "", **changed: Any) -> SourceAccess:
        """What a connection to it says."""
        endpoint = {"endpoint_url": url or self.url}
        if self.store == "s3":
            fields = {"login": "key-id", "password": SECRET, "extra": {**endpoint, "region_name": "eu-west-1"}}
        else:
            fields = {"extra": {**endpoint, "anonymous": True, "project": "plant"}}
        return SourceAccess(**{**fields, **changed})

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.fs.pipe_file(f"{BUCKET}/{key}", content)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.fs.rm_file(f"{BUCKET}/{key}")

    def empty(self) -> None:
        """Remove every object."""
        if self.wipe:
            self.wipe()
            self.fs.mkdir(BUCKET)
            return
        for key in self.fs.find(BUCKET):
            self.fs.rm_file(key)


@contextmanager
def run_s3() -> Iterator[BucketServer]:
    """moto's server."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    fs = S3FileSystem(
        key="owner", secret="owner", endpoint_url=url, client_kwargs={"region_name": "eu-west-1"},
        skip_instance_cache=True, use_listings_cache=False,
    )  # fmt: skip
    # All servers of a process have one memory, in which another test may have left this bucket.
    if fs.exists(BUCKET):
        fs.rm(BUCKET, recursive=True)
    fs.mkdir(BUCKET)
    try:
        yield BucketServer("s3", url, fs)
    finally:
        server.stop()


@contextmanager
def require_credentials(server: BucketServer) -> Iterator[None]:
    """Have moto, which otherwise lets anybody in, know its users; it has none."""
    for count in ("0", "inf"):
        request = urllib.request.Request(
            f"{server.url}/moto-api/reset-auth", count.encode(), {"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(request):
            pass
        if count == "0":
            yield


@contextmanager
def run_gcs() -> Iterator[BucketServer]:
    """The emulator of Google's storage."""
    from gcp_storage_emulator.server import create_server
    from gcsfs.core import GCSFileSystem

    logging.getLogger("gcp_storage_emulator").setLevel(logging.ERROR)
    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    url = f"http://127.0.0.1:{server._api._httpd.server_address[1]}"
    fs = GCSFileSystem(
        project="plant", token="anon", endpoint_url=url, skip_instance_cache=True, use_listings_cache=False
    )
    fs.mkdir(BUCKET)
    yield BucketServer("gcs", url, fs, server.wipe)
    server.stop()


@dataclass
class Proxy:
    """Hands requests on; ``spoil`` may act before an answer goes back, and changes it.

    Attributes:
        cuts: of how many of the next downloads only half is sent.
        seen: method and path of every request.
    """

    target: str
    url: str = ""
    spoil: Callable[[str, str, int, bytes], tuple[int, bytes]] = lambda method, path, status, body: (status, body)
    cuts: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)

    def downloads(self, name: str) -> int:
        """How often the content of an object was asked for."""
        return sum(
            1
            for method, path in self.seen
            if method == "GET"
            and name in path
            and ("alt=media" in path or "/o/" not in path)
            and "list-type" not in path
        )


def is_download(path: str) -> bool:
    """Whether a request is for an object's content, not for a list or for what a server knows of it."""
    return "alt=media" in path if path.startswith(("/storage/", "/download/")) else "list-type" not in path


@contextmanager
def run_proxy(target: str) -> Iterator[Proxy]:
    """A proxy before a server."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def handle_any(self) -> None:
            proxy.seen.append((self.command, self.path))
            length = int(self.headers.get("Content-Length") or 0)
            connection = http.client.HTTPConnection(urlsplit(proxy.target).netloc)
            connection.request(self.command, self.path, self.rfile.read(length), dict(self.headers))
            answer = connection.getresponse()
            status, body = proxy.spoil(self.command, self.path, answer.status, answer.read())
            self.send_response(status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            is_head = self.command == "HEAD"
            self.send_header("Content-Length", answer.getheader("Content-Length", "0") if is_head else str(len(body)))
            self.end_headers()
            is_cut = proxy.cuts > 0 and self.command == "GET" and is_download(self.path)
            if not is_head:
                self.wfile.write(body[: len(body) // 2] if is_cut else body)
            if is_cut:
                proxy.cuts -= 1
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = handle_any  # noqa: N815 - names of the library

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield proxy
    server.shutdown()
    server.server_close()
