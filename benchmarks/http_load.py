"""A client that keeps 16 connections busy with predictions and notes the latency of each."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

from benchmarks.catalog import BenchmarkError
from benchmarks.serving_sides import FEATURES, PATH, TOKEN
from include.servers.ports import HOST

CONNECTIONS: Final = 16


async def ask_once(port: int, number: int, path: str = PATH) -> bytes:
    """The body of one answer."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        return await exchange(reader, writer, make_request(number, path))
    finally:
        writer.close()


async def send_load(port: int, seconds: float, path: str = PATH) -> list[float]:
    """Keep all connections busy for so long; the latency of every request, in seconds."""
    latencies: list[float] = []
    requests = [make_request(number, path) for number in range(200)]
    ends_at = time.perf_counter() + seconds

    async def keep_asking(first: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        number = first
        while (began_at := time.perf_counter()) < ends_at:
            await exchange(reader, writer, requests[number % len(requests)])
            latencies.append(time.perf_counter() - began_at)
            number += CONNECTIONS
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


def make_request(number: int, path: str = PATH) -> bytes:
    """An HTTP request with the features of row ``number``."""
    features = {name: ((number * 7 + place * 13) % 41) / 10 - 2 for place, name in enumerate(FEATURES)}
    body = json.dumps({"features": features}).encode()
    headers = {
        "Host": HOST,
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Content-Length": len(body),
    }
    head = "".join([f"POST {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items())])
    return head.encode() + b"\r\n" + body
