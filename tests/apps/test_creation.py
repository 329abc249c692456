"""How long it is waited for a click, and for an installation, by a clock of the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops_infra.apps.creation import Patience, await_installation
from gitops_infra.sandbox.forge.model import App
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.server import Sandbox

BOTH = ("acme/shop", "acme/shop-api")


@dataclass
class Clock:
    """Stands still, but for what is slept; things can happen at a time."""

    time: float = 1000.0
    later: dict[float, Callable[[], object]] = field(default_factory=dict)

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for moment in [moment for moment in self.later if moment <= self.time - 1000.0]:
            self.later.pop(moment)()

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, now=lambda: self.time, sleep=self.sleep)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge") as running:
        running.add_user("olivia")
        running.add_organization("acme", owners=["olivia"])
        for name in BOTH:
            running.add_repository(name)
        yield running


@pytest.fixture
def app(forge: Sandbox) -> App:
    return forge.create_app("acme", "mover", {"contents": "write"})


def waited(forge: Sandbox, app: App, clock: Clock, told: list[str] | None = None) -> tuple[str, ...]:
    tell = (told if told is not None else []).append
    return await_installation(
        app.id, forge.app_key(app), BOTH, forge.url, tell=tell, patience=clock.patience(60), poll=2.0
    )


def test_while_it_waits_it_says_so_every_ten_seconds() -> None:
    clock, told = Clock(), list[str]()
    for seconds in clock.patience(125).rounds("for a click", told.append, 2.0):
        assert seconds <= 2.0
        clock.sleep(seconds)
    assert clock.time == 1125.0
    assert told[0] == "still waiting for a click (115 s left)"
    assert told[-1] == "still waiting for a click (5 s left)"
    assert len(told) == 12


def test_it_ends_as_soon_as_the_app_is_installed_everywhere(forge: Sandbox, app: App) -> None:
    clock = Clock()
    clock.later = {
        5.0: lambda: forge.install(app, "acme", ["acme/shop"]),
        9.0: lambda: forge.install(app, "acme", list(BOTH)),
    }
    assert waited(forge, app, clock) == ()
    assert clock.time == 1010.0


def test_what_is_missing_at_the_end_is_named(forge: Sandbox, app: App) -> None:
    clock, told = Clock(), list[str]()
    forge.install(app, "acme", ["acme/shop"])
    assert waited(forge, app, clock, told) == ("acme/shop-api",)
    assert clock.time == 1060.0
    assert told == [
        f"still waiting until it is installed on acme/shop, acme/shop-api ({left} s left)"
        for left in (50, 40, 30, 20, 10)
    ]


def test_a_forge_that_does_not_answer_for_a_while_is_waited_for(forge: Sandbox, app: App) -> None:
    """A limit is refused like a lost connection: one line, in the end."""
    clock = Clock()
    forge.install(app, "acme")
    refuse = forge.before(lambda _: Response(429, {}, {"Retry-After": "1"}))
    clock.later = {3.0: refuse}
    assert waited(forge, app, clock) == ()
    assert clock.time == 1004.0
