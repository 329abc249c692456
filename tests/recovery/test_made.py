"""`resume --made`: which creation a name means, and what cannot be judged. That it imports is in `test_resume`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.recovery.resume import CannotResume, resume

FILE = "urn:pulumi:dev::shop::github:index/repositoryFile:RepositoryFile::main"
PROTECTION = "urn:pulumi:dev::shop::github:index/branchProtection:BranchProtection::main"


@dataclass(frozen=True)
class Told(Pulumi):
    """`pulumi` that answers what a test says, and changes nothing."""

    planned: tuple[str, ...] = ()
    """URNs that the next `up` would create."""

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """The answer to the calls that are needed to judge; any other one fails the test."""
        assert stdin is None
        steps = [{"op": "create", "newState": _state(urn)} for urn in self.planned]
        answers: dict[str, Any] = {
            "whoami": {"url": "https://state.example"},
            "stack": {"version": 3, "deployment": {}},
            "preview": {"steps": steps},
        }
        return json.dumps(answers[arguments[0]])


def _state(urn: str) -> dict[str, Any]:
    return {"urn": urn, "type": urn.split("::")[2], "custom": True, "inputs": {}}


def refusal(*made: str, planned: tuple[str, ...]) -> str:
    """What is said when these are asked for."""

    def connect(_: str | None) -> GitHubReader:
        raise AssertionError("nothing is to be looked up")

    with pytest.raises(CannotResume) as refused:
        resume(Told(Path(), "dev", planned=planned), connect, lambda _: None, made=made)
    return str(refused.value)


def test_a_name_that_no_creation_has_is_refused() -> None:
    assert refusal("writers", planned=(FILE,)) == (
        "the next `pulumi up` would not create 'writers'. Give the name or URN of a resource that failed"
    )


def test_a_name_that_two_creations_have_is_asked_for_as_a_urn() -> None:
    assert (
        refusal("main", planned=(FILE, PROTECTION))
        == f"'main' is the name of several. Give the URN:\n{FILE}\n{PROTECTION}"
    )


def test_a_kind_without_a_look_up_is_left_to_the_user() -> None:
    assert refusal(PROTECTION, planned=(FILE, PROTECTION)) == "\n".join(
        [
            "nothing was changed; these creations cannot be judged:",
            f"  - {PROTECTION}: resources of type github:index/branchProtection:BranchProtection are not known here",
            "For each one: if the thing exists, `pulumi import` it (or delete it).",
            "Then run it again without this `--made`.",
        ]
    )
