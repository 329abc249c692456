"""One check against a forge that answers from a table: what GitHub can say, and the sandbox never does."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.identity import Identity
from gitops_infra.audit.verification.exposure import Exposure, Unverifiable
from gitops_infra.audit.verification.remembered import Remembered
from gitops_infra.audit.verification.scene import Place, Scene, places
from gitops_infra.plan.build import plan
from gitops_infra.topology.validate import validate

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SHOP, STATE = "/repos/acme/shop", "/repos/acme/shop-env-staging"

Table = Mapping[str, Any]
"""Path -> body, or (status, body). What is not in it is answered with 404."""


class Answers:
    """A forge that answers from a table, and keeps what it was asked."""

    def __init__(self, table: Table, headers: Mapping[str, str] | None = None) -> None:
        self.table, self.headers = table, headers or {}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v3")
        self.asked.append(path)
        found = self.table.get(path, (404, {"message": "Not Found"}))
        status, body = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, json=body, headers=self.headers)


Seen = list[Exposure | Unverifiable]
Look = Callable[..., Seen]


@pytest.fixture
def look() -> Iterator[Look]:
    """Runs a check on one place of a topology; `at` is the repository's name, or "" for a check of the whole."""
    readers: list[GitHubReader] = []

    def run(
        check: Callable[[Any], Iterator[Exposure | Unverifiable]],
        table: Table,
        *,
        at: str = "acme/shop",
        remembered: Remembered | None = None,
        headers: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Seen:
        topology = validate(
            {
                "owner": "acme",
                "github_plan": "enterprise",
                "application": {"name": "shop", "existing": True, "visibility": "private"},
                "environments": [{"name": "staging"}],
                **changes,
            }
        )
        reader = GitHubReader(
            "t", "https://forge.example", remember=True, transport=httpx.MockTransport(Answers(table, headers))
        )
        readers.append(reader)
        made = plan(topology)
        scene = Scene(topology, made, made, reader, Identity("olivia"), lambda: NOW, remembered or Remembered())
        place: Scene | Place = scene
        if at:
            place = next(each for each in places(scene) if each.repository.full_name == at)
        return list(check(place))

    yield run
    for each in readers:
        each.__exit__(None, None, None)


def codes(seen: Seen) -> list[str]:
    """Codes of findings; `?` stands for what could not be seen."""
    return [each.code if isinstance(each, Exposure) else "?" for each in seen]
