"""The world that the program finds, and the program in it."""

from pathlib import Path

import pytest

from gitops_infra.testing import Sandbox, Stack, StackFactory

PROGRAM = Path(__file__).parents[1] / "infrastructure"


@pytest.fixture
def delivery(forge: Sandbox, stack: StackFactory) -> Stack:
    """The program after its first `pulumi up`, around acme/billing with its developers and platform team."""
    forge.add_repository("acme/billing", auto_init=True)
    forge.grant("acme/billing", "acme/developers", "write")
    forge.grant("acme/billing", "acme/platform", "maintain")
    made = stack(PROGRAM, secrets={"pagerToken": "pager-token-of-a-test"})
    made.up()
    return made
