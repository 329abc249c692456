"""Rewrites the report at the end of a push, so that a refused ref shows the forge's reason and not the hook's."""

from collections.abc import Iterator, Mapping

HOOK_DECLINED = "pre-receive hook declined"
FLUSH = b"0000"
LARGEST_DATA = 65515
"""Bytes of data that fit beside a band number in one packet (side-band-64k)."""


def packet(data: bytes) -> bytes:
    """One pkt-line."""
    return b"%04x" % (len(data) + 4) + data


class ReportRewriter:
    """Passes on what receive-pack prints and keeps back the final report.

    `advertised`: the ref advertisement (up to its flush) was already answered elsewhere, as over HTTP.
    """

    def __init__(self, *, advertised: bool) -> None:
        self._advertising = not advertised
        self._buffer = b""
        self._banded = False
        self._report = b""
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """What can be sent on now."""
        self._buffer += data
        ready = b""
        for head, content in self._packets():
            if self._advertising:
                ready += head + content
                self._advertising = head != FLUSH
            elif self._ended:
                self._rest += head + content
            elif head == FLUSH:
                self._ended = True
            elif content[:1] == b"\x01":
                self._banded = True
                self._report += content[1:]
            elif content[:1] in (b"\x02", b"\x03"):
                ready += head + content
            else:
                self._report += head + content
        return ready

    def finish(self, reasons: Mapping[str, str]) -> bytes:
        """The report, with the reason of each refused ref, and all that has not been sent on yet."""
        report = self._report if not reasons else b"".join(_with_reason(self._report, reasons))
        if self._banded:
            parts = [report[start : start + LARGEST_DATA] for start in range(0, len(report), LARGEST_DATA)]
            report = b"".join(packet(b"\x01" + part) for part in parts)
        elif report and self._ended:
            report += FLUSH if not report.endswith(FLUSH) else b""
            return report + self._rest + self._buffer
        return report + (FLUSH if self._ended else b"") + self._rest + self._buffer

    def _packets(self) -> Iterator[tuple[bytes, bytes]]:
        while len(self._buffer) >= len(FLUSH):
            head = self._buffer[:4]
            length = max(int(head, 16), 4)
            if len(self._buffer) < length:
                return
            content, self._buffer = self._buffer[4:length], self._buffer[length:]
            yield head, content


def _with_reason(report: bytes, reasons: Mapping[str, str]) -> Iterator[bytes]:
    position = 0
    while position < len(report):
        length = max(int(report[position : position + 4], 16), 4)
        line = report[position : position + length]
        words = line[4:].decode("utf-8", "surrogateescape").rstrip("\n").split(" ", 2)
        if words[0] == "ng" and words[2] == HOOK_DECLINED and words[1] in reasons:
            line = packet(f"ng {words[1]} {reasons[words[1]]}\n".encode("utf-8", "surrogateescape"))
        yield line
        position += length
