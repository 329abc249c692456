"""One delivery over HTTP, to the loopback interface only: this forge must never speak to the rest of the world."""

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, parse_headers
from io import BytesIO
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 10.0
"""Seconds within which the receiver must have answered. Source: GitHub, "Handling failed webhook deliveries"."""
LOOPBACK_ONLY = "the sandbox delivers to loopback only"
KEPT = 65536
"""Bytes of the receiver's answer that are read."""
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Answer:
    """What came of a delivery. GitHub's words and codes for those that fail are not confirmed."""

    status: str
    status_code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: str = ""


async def post(url: str, headers: Mapping[str, str], body: bytes, *, verify: bool) -> Answer:
    """Sends the body and gives the answer; never raises for what the receiver does. Redirects are not followed."""
    parts = urlsplit(url)
    addresses = loopback(parts.hostname or "")
    if not addresses:
        return Answer(LOOPBACK_ONLY, 0)
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _exchange(parts, addresses, headers, body, verify=verify)
    except TimeoutError:
        return Answer("timed out", 504)
    except ssl.SSLError as error:
        return Answer(f"failed to connect to host: {error.reason or error}", 502)
    except OSError:
        return Answer("failed to connect to host", 502)
    except (EOFError, ValueError, IndexError, HTTPException, asyncio.LimitOverrunError):
        return Answer("the receiver sent no HTTP response", 502)


def loopback(host: str) -> tuple[str, ...]:
    """The loopback addresses that a host means; none for any other. Asks no name server."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ()
    return (str(address),) if address.is_loopback else ()


async def _exchange(
    parts: SplitResult, addresses: tuple[str, ...], headers: Mapping[str, str], body: bytes, *, verify: bool
) -> Answer:
    context = await asyncio.to_thread(_context, verify=verify) if parts.scheme == "https" else None
    reader, writer = await _connect(parts, addresses, context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = {"Host": parts.netloc.rpartition("@")[2], "Connection": "close", "Content-Length": str(len(body))}
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**own, **headers}.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await writer.drain()
        return await _read(reader)
    finally:
        writer.transport.abort()  # the answer is whole, or nobody waits for it any more


async def _connect(
    parts: SplitResult, addresses: tuple[str, ...], context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = parts.port or PORTS[parts.scheme]
    name = (parts.hostname or "") if context else None
    for address in addresses[:-1]:
        try:
            return await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
        except ssl.SSLError:
            raise
        except OSError:
            continue
    return await asyncio.open_connection(addresses[-1], port, ssl=context, server_hostname=name)


def _context(*, verify: bool) -> ssl.SSLContext:
    """Made anew each time, in some milliseconds: whom the system trusts may have changed."""
    if verify:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _read(reader: asyncio.StreamReader) -> Answer:
    code = 100
    while code < 200:  # noqa: PLR2004  (`100 Continue` and its like come before the answer)
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        code = int(line.split(b" ", 2)[1].decode()) if line.startswith(b"HTTP/") else _bad(line)
    fields = parse_headers(BytesIO(rest))
    payload = await _body(reader, fields, empty=code in {204, 304})
    status = "OK" if code < 300 else f"Invalid HTTP Response: {code}"  # noqa: PLR2004
    return Answer(status, code, dict(fields.items()), payload.decode("utf-8", "replace"))


def _bad(line: bytes) -> int:
    raise ValueError(f"{line!r} is no status line")


async def _body(reader: asyncio.StreamReader, fields: HTTPMessage, *, empty: bool) -> bytes:
    if empty:
        return b""
    if fields.get("Transfer-Encoding", "").lower() == "chunked":
        return await _chunks(reader)
    length = fields.get("Content-Length")
    if length is not None:
        return await reader.readexactly(min(int(length), KEPT))
    parts = b""
    while len(parts) < KEPT and (part := await reader.read(KEPT)):
        parts += part
    return parts[:KEPT]


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = b""
    while len(parts) < KEPT and (size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)):
        parts += (await reader.readexactly(size + 2))[:-2]
    return parts[:KEPT]
