"""When a personal token ends stands in a header of every answer."""

from datetime import UTC, datetime

import httpx
import pytest

from gitops_infra.sandbox.forge.server import Sandbox

HEADER = "github-authentication-token-expiration"


def asked(forge: Sandbox, token: str) -> httpx.Response:
    return httpx.get(f"{forge.api_url}/user", headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def test_a_token_that_ends_says_when(forge: Sandbox) -> None:
    answer = asked(forge, forge.token("olivia", expires_in=3600))
    ends = datetime.strptime(answer.headers[HEADER], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC)
    assert ends.timestamp() == pytest.approx(forge.store.now() + 3600, abs=60)


def test_a_token_that_does_not_end_says_nothing(forge: Sandbox) -> None:
    assert HEADER not in asked(forge, forge.token("olivia")).headers
