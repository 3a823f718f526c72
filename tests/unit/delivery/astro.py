"""A stand-in for Astro: its API on loopback, and a command ``astro`` that speaks to it as the CLI does."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 20
COMMAND = """#!{python}
import json, sys, urllib.request
from pathlib import Path
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(arguments) + "\\n")
    if "--env" in arguments:
        log.write(json.dumps(["FILE", *Path(arguments[arguments.index("--env") + 1]).read_text().splitlines()]) + "\\n")
    if "--deployment-file" in arguments:
        log.write(json.dumps(["FILE", Path(arguments[arguments.index("--deployment-file") + 1]).read_text()]) + "\\n")

def call(path, method="GET", body=None):
    request = urllib.request.Request("{uri}" + path, method=method, data=body and json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)

if arguments[:2] == ["api", "cloud"]:
    print("Using an Astro API Token")
    path = arguments[-1].replace("{{organizationId}}", "o1")
    if "--paginate" in arguments:
        deploys, total = [], 1
        while len(deploys) < total:
            page = call(f"{{path}}?offset={{len(deploys)}}")
            deploys, total = deploys + page["deploys"], page["totalCount"]
            if not page["deploys"]:
                break
        print(json.dumps({{"deploys": deploys}}))
    elif "--jq" in arguments:
        assert arguments[arguments.index("--jq") + 1] == '.deployments[] | "\\\\(.name) \\\\(.id)"'
        for each in call(path)["deployments"]:
            print(each["name"], each["id"])
    else:
        print(json.dumps(call(path, arguments[arguments.index("-X") + 1], {{}})))
elif arguments[:1] == ["deploy"]:
    description = arguments[arguments.index("--description") + 1]
    sys.exit(call("/deploy", "POST", {{"description": description}})["exit_code"])
elif arguments[:2] == ["deployment", "inspect"] and "--template" in arguments:
    print("deployment:\\n    configuration:\\n        name: \\"\\"\\n    worker_queues:\\n        - name: default")
elif arguments[:2] == ["deployment", "create"]:
    call("/create", "POST", {{}})
elif arguments[:2] == ["deployment", "inspect"]:
    print("made1")
"""


@dataclass
class Astro:
    """What the stand-in holds, and what was asked of it."""

    bin: Path
    log: Path
    deploys: list[dict[str, str]] = field(default_factory=list)
    deployments: list[dict[str, str]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=lambda: ["DEPLOYED"])
    """Statuses that a new deploy takes, one at each look; the last stays."""
    exit_code: int = 0
    is_recorded: bool = True
    new: dict[str, str] = field(default_factory=dict)

    def list_calls(self) -> list[list[str]]:
        """The arguments of each call of the CLI, and the content of the file that it was given."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def answer(self, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        """The API."""
        if path == "/deploy":
            return self.record(body)
        if path.endswith("/deploys"):
            offset = int(query["offset"][0])
            if offset == 0 and self.new:
                self.new["status"] = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            return {"deploys": self.deploys[offset : offset + PAGE], "totalCount": len(self.deploys)}
        if path.endswith("/deployments"):
            return {"deployments": [each for each in self.deployments if each["name"] in query["names"]]}
        return {}

    def record(self, body: dict[str, Any]) -> dict[str, Any]:
        """A deploy, as the CLI makes it before it builds and tests anything."""
        if self.is_recorded:
            self.new = {"id": "new", "description": body["description"], "status": "INITIALIZED"}
            self.deploys.append(self.new)
        return {"exit_code": self.exit_code}


@contextmanager
def run_astro(folder: Path) -> Iterator[Astro]:
    """The stand-in, for as long as the block runs; its command is in ``bin``."""
    astro = Astro(bin=folder / "bin", log=folder / "calls.jsonl")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            raw = json.dumps(astro.answer(url.path, parse_qs(url.query), body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    astro.bin.mkdir()
    command = astro.bin / "astro"
    uri = f"http://127.0.0.1:{server.server_address[1]}"
    command.write_text(COMMAND.format(python=sys.executable, log=str(astro.log), uri=uri))
    command.chmod(0o755)
    try:
        yield astro
    finally:
        server.shutdown()
        server.server_close()
