"""Finds secrets in bytes: as they are, cut, wrapped into lines, or encoded.

Every `WINDOW` characters of each form of each secret are an entry of one table, and a text is looked up at each
`WINDOW`-th place: so a piece of `SHORTEST` characters is found wherever it stands, in a time that does not grow with
the number of secrets.
"""

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote

from guarantee.canaries.classes import Place

WINDOW = 12
SHORTEST = 2 * WINDOW
"""Characters of a secret that are surely found; a shorter secret cannot be looked for."""
_TELLING = 5
"""Different characters that a window must have: runs of one letter are in every text."""
_MATCH = 20
"""Characters of its own that must agree before it is no chance: parts of formats and ids are everywhere."""

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----(.+?)-----END [A-Z0-9 ]+-----", re.DOTALL)
_BREAKS = re.compile(rb"(?:\\+[nrt]|%0[AaDd]|[\s\"'\\])+")
"""What stands between two lines of a text, also of one that is quoted or escaped."""
_GZIP = b"\x1f\x8b\x08"


@dataclass(frozen=True)
class Canary:
    """One secret that is looked for."""

    kind: str
    """Name of its class; see `classes`."""
    name: str
    """Which one, in words. Never its value."""
    values: tuple[str, ...] = field(repr=False)
    """The same secret in each form that it has; for a private key, each file format."""
    homes: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    """Where it belongs: names of pieces by the place that they are."""


@dataclass(frozen=True)
class Found:
    """A place where a secret is."""

    canary: Canary
    form: str
    """How it was written, such as `base64`."""


class Scanner:
    """Looks for canaries. `public` are texts that are no secret although they are in one: public halves of keys."""

    def __init__(self, canaries: Iterable[Canary], public: Iterable[str] = ()) -> None:
        """Raises ValueError for a secret that is too short to be told from other text."""
        self.canaries = tuple(canaries)
        table: dict[bytes, Canary] = {}
        shared: set[bytes] = set()
        for canary in self.canaries:
            if any(len(value.strip()) < SHORTEST for value in canary.values):
                raise ValueError(f"{canary.name} is too short to be looked for: {SHORTEST} characters at least")
            windows = _index(canary.values)
            # In two secrets: the frame of a file format, which tells nothing of either.
            shared |= table.keys() & windows
            table |= dict.fromkeys(windows, canary)
        for text in public:
            shared |= table.keys() & _index((text,))
        self._frames = shared
        self._table = {window: canary for window, canary in table.items() if window not in shared}
        blind = {each.name for each in self.canaries} - {canary.name for canary in self._table.values()}
        if blind:
            raise ValueError(f"nothing of {', '.join(sorted(blind))} is its own, so it cannot be looked for")

    def scan(self, data: bytes) -> tuple[Found, ...]:
        """Each canary that is in the data, once, in the form that was met first."""
        found: dict[str, Found] = {}
        table = self._table
        for view in _views(data):
            for at in range(0, len(view) - WINDOW + 1, WINDOW):
                canary = table.get(view[at : at + WINDOW])
                if canary is not None and canary.name not in found:
                    form = self._form(view, at, canary)
                    if form is not None:
                        found[canary.name] = Found(canary, form)
        return tuple(found.values())

    def _form(self, data: bytes, at: int, canary: Canary) -> str | None:
        """The form of the canary that is around a window of the data; None where they agree by chance."""
        window = data[at : at + WINDOW]
        for name, text in _all_variants(canary.values):
            place = text.find(window)
            while place >= 0:
                if self._agreement(data, at, text, place) >= min(_MATCH, len(text)):
                    return name
                place = text.find(window, place + 1)
        return None

    def _agreement(self, data: bytes, at: int, text: bytes, place: int) -> int:
        """How many characters around a window are the same, up to `_MATCH` on each side; the frame of a format is none.

        Where a frame ends, a window has few letters of its own, which another key may have too.
        """
        left, right = 0, WINDOW
        while left < min(at, place, _MATCH) and data[at - left - 1] == text[place - left - 1]:
            left += 1
        most = min(len(data) - at, len(text) - place, WINDOW + _MATCH)
        while right < most and data[at + right] == text[place + right]:
            right += 1
        framed: set[int] = set()
        for start in range(max(0, place - left - WINDOW), place + right):
            if text[start : start + WINDOW] in self._frames:
                framed.update(range(start, start + WINDOW))
        return sum(each not in framed for each in range(place - left, place + right))


@cache
def _index(values: tuple[str, ...]) -> frozenset[bytes]:
    """Every window of every form."""
    return frozenset(window for _, text in _all_variants(values) for window in _windows(text))


@cache
def _all_variants(values: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    """Name and bytes of each different form."""
    forms: dict[bytes, str] = {}
    for value in values:
        for name, text in _variants(value):
            forms.setdefault(text, name)
    return tuple((name, text) for text, name in forms.items())


def _views(data: bytes) -> Iterator[bytes]:
    """The data, the same without line breaks and quotes, and what is packed in it."""
    yield data
    yield _BREAKS.sub(b"", data)
    if data.startswith(_GZIP):
        try:
            yield from _views(gzip.decompress(data))
        except (OSError, EOFError, zlib.error):
            return


def _windows(text: bytes) -> Iterator[bytes]:
    for at in range(len(text) - WINDOW + 1):
        window = text[at : at + WINDOW]
        if len(set(window)) >= _TELLING:
            yield window


def _variants(value: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each way in which a text may be written."""
    for text in _texts(value):
        yield "raw", text
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            for shift in range(3):
                encoded = _inner(encode, text, shift)
                yield name, encoded
        for shift in range(3):
            yield "base64 of base64", _inner(base64.b64encode, base64.b64encode(text), shift)
        yield "hex", text.hex().encode()
        yield "hex", text.hex().upper().encode()
        yield "URL", quote(text, safe="").encode()
        yield "URL", quote(text, safe="").lower().encode()
        decoded = text.decode("latin-1")
        escaped = json.dumps(decoded)[1:-1]
        yield "JSON", escaped.encode()
        yield "JSON", json.dumps(escaped)[1:-1].encode()


def _texts(value: str) -> Iterator[bytes]:
    """The text itself; of a PEM file also its body in one line, and the bytes that this stands for."""
    yield value.strip().encode()
    for match in _PEM.finditer(value):
        body = "".join(match[1].split()).encode()
        yield body
        try:
            yield base64.b64decode(body, validate=True)
        except binascii.Error:
            continue


def _inner(encode: Callable[[bytes], bytes], text: bytes, shift: int) -> bytes:
    """What of an encoding is the same whatever stands before (`shift` bytes, modulo 3) and behind the text."""
    encoded = encode(b"\0" * shift + text)
    start = 4 if shift else 0
    end = len(encoded) - 4 if (len(text) + shift) % 3 else len(encoded)
    return encoded[start:end]
