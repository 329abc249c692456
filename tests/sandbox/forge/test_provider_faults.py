"""The real provider meets every fault once, all in one `up`: what it makes of each, and what the next `up` does.

The client is the one that topologies use. It repeats what was answered 429 or 5xx and what was reset, a second later;
it cannot know whether a lost answer belonged to a write that was done.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.faults import Fault
from gitops_infra.sandbox.forge.server import Sandbox

pytestmark = pytest.mark.engine


class Outcome(StrEnum):
    """What becomes of a label whose POST meets the fault."""

    MADE = "the same up makes it"
    RERUN = "the up fails, the next one makes it"
    ORPHAN = "it is there and not in the state: the next up fails too, until it is imported or deleted"


def before(status: int) -> tuple[Fault, Mapping[str, Any]]:
    return Fault.STATUS_BEFORE, {"status": status}


def after(status: int) -> tuple[Fault, Mapping[str, Any]]:
    return Fault.STATUS_AFTER, {"status": status}


CASES: Mapping[str, tuple[Fault, Mapping[str, Any], Outcome]] = {
    # Repository, which stands for the case -> the fault on its `POST .../labels`, and what comes of it.
    **{f"before-{status}": (*before(status), Outcome.RERUN) for status in (401, 403, 404, 409, 422)},
    **{f"before-{status}": (*before(status), Outcome.MADE) for status in (429, 500, 502, 503, 504)},
    **{f"after-{status}": (*after(status), Outcome.ORPHAN) for status in (422, 500, 502, 503, 504)},
    "reset-before": (Fault.RESET_BEFORE, {}, Outcome.MADE),
    "reset-after": (Fault.RESET_AFTER, {}, Outcome.ORPHAN),
    "truncated": (Fault.TRUNCATED, {}, Outcome.ORPHAN),
    "wrong-json": (Fault.WRONG_JSON, {}, Outcome.ORPHAN),
    "slow": (Fault.SLOW, {"seconds": 1}, Outcome.MADE),
    "lag": (Fault.LAG, {"reads": 1}, Outcome.MADE),
}
PROGRAM = f"""
import pulumi
import pulumi_github as github
from gitops_infra.forges.github.provider import github_provider

using = pulumi.ResourceOptions(provider=github_provider("acme", owner="acme"))
for name in {list(CASES)}:
    github.IssueLabel(name, repository=name, name="x", color="ff0000", opts=using)
"""
UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--continue-on-error", "--stack", "test")


def test_each_fault_ends_as_the_table_says(tmp_path: Path, engine: Engine, seed: Callable[[Sandbox], Sandbox]) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    folder.joinpath("Pulumi.yaml").write_text("name: faults\nruntime: python\n")
    folder.joinpath("__main__.py").write_text(PROGRAM)
    with Sandbox(tmp_path / "forge") as forge:
        seed(forge)
        forge.app("acme", PROVISIONER, PROVISIONER_PERMISSIONS)
        settings = {"GITHUB_TOKEN": forge.app_token(PROVISIONER), "GITHUB_BASE_URL": f"{forge.url}/"}
        environment = engine.environment(tmp_path / "state", "a passphrase", **settings)
        engine.run(["stack", "init", "test"], folder, environment)
        handles = {}
        for name, (fault, more, _) in CASES.items():
            forge.add_repository(f"acme/{name}", auto_init=True)
            handles[name] = forge.fault(fault, method="POST", path=f"/repos/acme/{name}/labels", **more)

        def failed() -> set[str]:
            said = engine.run(UP, folder, environment, timeout=140).stdout
            return {name for name in CASES if f"IssueLabel ({name}):" in said}

        def there() -> set[str]:
            return {name for name in CASES if len(forge.repository(f"acme/{name}").labels) == 1}

        ending = {kind: {name for name, case in CASES.items() if case[2] is kind} for kind in Outcome}
        first = failed()
        assert {name for name, handle in handles.items() if not handle.hits} <= {"lag"}, (
            "that client reads nothing back"
        )
        assert first == ending[Outcome.RERUN] | ending[Outcome.ORPHAN]
        assert there() == ending[Outcome.MADE] | ending[Outcome.ORPHAN]
        second = failed()
        assert second == ending[Outcome.ORPHAN]
        assert there() == set(CASES)
