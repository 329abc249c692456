"""What users read while something is built."""

import io

import pytest

from gitops_infra.sandbox.toolchain.progress import Plain, duration, elapsed


def test_plain_lines_come_at_most_every_ten_seconds() -> None:
    times = iter([0.0, 5.0, 10.0, 15.0, 21.0, 75.0])
    stream = io.StringIO()
    with Plain(stream, clock=lambda: next(times)).step("building pulumi 3.255.0", 276) as tick:
        for _ in range(4):
            tick("")
    assert stream.getvalue().splitlines() == [
        "building pulumi 3.255.0 (about 4:36 min)",
        "building pulumi 3.255.0: 10 s of about 4:36 min",
        "building pulumi 3.255.0: 21 s of about 4:36 min",
        "building pulumi 3.255.0: done in 1:15 min",
    ]


def test_a_failed_step_says_that_it_stopped() -> None:
    times = iter([0.0, 3.0])
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Plain(stream, clock=lambda: next(times)).step("building", 0):
        raise KeyboardInterrupt
    assert stream.getvalue() == "building\nbuilding: stopped after 3 s\n"


def test_durations_read_well() -> None:
    assert [duration(seconds) for seconds in (0.4, 59.4, 60, 276)] == ["0 s", "59 s", "1:00 min", "4:36 min"]
    assert elapsed(80, 0) == "1:20 min"
