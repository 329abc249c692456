"""Which Go builds, and with what environment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gitops_infra.sandbox.toolchain.go import Go, candidates, find_go, without_direct


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://one.invalid,direct", "https://one.invalid"),
        ("https://one.invalid|https://two.invalid,direct", "https://one.invalid|https://two.invalid"),
        ("direct,https://one.invalid", "https://one.invalid"),
        ("https://one.invalid,off", "https://one.invalid"),
        ("https://direct.invalid/direct", "https://direct.invalid/direct"),
        ("direct", "direct"),
        ("off", "off"),
        ("", ""),
    ],
)
def test_the_proxy_list_loses_direct_but_is_never_emptied(given: str, kept: str) -> None:
    assert without_direct(given) == kept


def test_a_build_sees_nothing_that_would_change_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GOOS": "windows", "GOFLAGS": "-mod=mod", "GOWORK": "/w", "GOEXPERIMENT": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOSUMDB", "sum.invalid")
    go = Go(Path("/go"), "test", (1, 26), "1.26.8", "https://one.invalid,direct", "linux/arm64")
    environment = go.environment(Path("/b"))
    assert {name: value for name, value in environment.items() if name.startswith(("GO", "CGO"))} == {
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": "arm64",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "https://one.invalid",
        "GOMODCACHE": "/b/mod",
        "GOCACHE": "/b/cache",
        "GOTMPDIR": "/b/tmp",
        "GOSUMDB": "sum.invalid",
    }


def test_a_go_that_is_too_old_is_no_go(stand_in_go: Callable[..., Path]) -> None:
    stand_in_go("", version="go1.25.9")
    assert candidates()[0].release == "1.25.9"
    assert candidates()[0].source == "PATH"
    assert find_go() is None or find_go().source != "PATH"


def test_a_release_candidate_counts_as_its_release(stand_in_go: Callable[..., Path]) -> None:
    stand_in_go("", version="go1.27rc1")
    assert candidates()[0].version == (1, 27)
