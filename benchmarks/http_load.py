"""A client with 16 connections that sends predictions and notes the latency of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from benchmarks.catalog import BenchmarkError
from benchmarks.serving_sides import FEATURES, PATH, TOKEN
from include.servers.ports import HOST

CONNECTIONS: Final = 16


async def ask(port: int, request: bytes) -> bytes:
    """The body of one answer."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        return await exchange(reader, writer, request)
    finally:
        writer.close()


async def ask_once(port: int, number: int, path: str = PATH) -> bytes:
    """The body of the answer to the features of row ``number``."""
    return await ask(port, make_request(number, path))


async def send_load(port: int, seconds: float, path: str = PATH) -> list[float]:
    """Keep all connections busy with features for so long; the latency of every request, in seconds."""
    return await send_requests(port, seconds, [make_request(number, path) for number in range(200)])


async def send_requests(
    port: int,
    seconds: float,
    requests: Sequence[bytes],
    rate: float | None = None,
    on_answer: Callable[[bytes], None] | None = None,
) -> list[float]:
    """Send requests over all connections for so long; the latency of every one, in seconds.

    Args:
        rate: so many a second in all; without it, each connection asks again as soon as it is answered. With it, a
            latency counts from when the request was due, so that a stall of the server is in every figure that it
            delays, also of requests that had to wait with the client.
        on_answer: is called with every answer's body.

    Raises:
        BenchmarkError: an answer is none.
    """
    latencies: list[float] = []
    began_at = time.perf_counter()
    pause = None if rate is None else CONNECTIONS / rate

    async def keep_asking(first: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        number, due_at = first, began_at + (pause or 0.0) * first / CONNECTIONS
        while (due_at := due_at if pause else time.perf_counter()) < began_at + seconds:
            if pause:
                await asyncio.sleep(due_at - time.perf_counter())
            body = await exchange(reader, writer, requests[number % len(requests)])
            latencies.append(time.perf_counter() - due_at)
            if on_answer is not None:
                on_answer(body)
            number += CONNECTIONS
            due_at += pause or 0.0
        writer.close()

    await asyncio.gather(*(keep_asking(first) for first in range(CONNECTIONS)))
    return latencies


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Send a request and read the whole answer; BenchmarkError unless it is a 200."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if b" 200 " not in head[:20]:
        raise BenchmarkError(f"A request was refused: {head[:40]!r} {body[:300]!r}")
    return body


def make_features(number: int) -> dict[str, float]:
    """The features of row ``number``."""
    return {name: ((number * 7 + place * 13) % 41) / 10 - 2 for place, name in enumerate(FEATURES)}


def make_request(number: int, path: str = PATH) -> bytes:
    """An HTTP request with the features of row ``number``."""
    return write_request(path, {"features": make_features(number)})


def write_request(path: str, content: Any) -> bytes:
    """An HTTP request that posts JSON."""
    body = json.dumps(content).encode()
    headers = {
        "Host": HOST,
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Content-Length": len(body),
    }
    head = "".join([f"POST {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items())])
    return head.encode() + b"\r\n" + body
