"""Every example as a user runs it: plain `pulumi`, the real GitHub provider, a forge that enforces."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.server import Sandbox

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/__main__.py"))

WITH_CLUSTER = {"Cluster", "GitOpsAgent"}

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.prepare()


@pytest.fixture
def forge() -> Iterator[Sandbox]:
    """The organisation acme with ann, the repository shop and its environment staging."""
    with Sandbox() as sandbox:
        sandbox.add_user("olga")
        sandbox.add_user("ann")
        sandbox.add_organization("acme", owners=["olga"])
        sandbox.add_member("acme", "ann")
        sandbox.add_repository("acme/shop", visibility="public")
        yield sandbox


@pytest.fixture
def pulumi_in(
    engine: Engine, forge: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[Path], Callable[..., str]]:
    """Runs `pulumi` on a copy of an example, with a stack and its configuration; gives what it prints."""

    def prepare(example: Path) -> Callable[..., str]:
        program = Path(shutil.copytree(example, tmp_path / example.name))
        environment = engine.environment(
            tmp_path / "state",
            "a passphrase",
            GITHUB_BASE_URL=forge.url,
            GITHUB_TOKEN=forge.token("olga"),
            # The checkout, for programs that live elsewhere.
            PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        )

        def run(*arguments: str) -> str:
            done = engine.run([*arguments, "--non-interactive"], program, environment, timeout=120)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
            return done.stdout + done.stderr

        run("stack", "init", "test")
        for key, value in {"github:owner": "acme", "approver": "ann"}.items():
            run("config", "set", key, value)
        run("config", "set", "--secret", "pagerToken", "SECRET-CANARY")
        if example.name in WITH_CLUSTER:
            run("config", "set", "--secret", "kubeconfig", request.getfixturevalue("clusters")["staging"].kubeconfig)
            run("config", "set", "--path", "knownHosts[0]", forge.known_hosts)
        return run

    return prepare


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_it_goes_up_stays_unchanged_and_comes_down(
    pulumi_in: Callable[[Path], Callable[..., str]], forge: Sandbox, example: Path
) -> None:
    if example.name in {"BranchCredential", "CiVariables"}:
        _with_environment(forge)
    run = pulumi_in(example)

    printed = run("up", "--yes", "--skip-preview")
    printed += run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    printed += run("destroy", "--yes", "--skip-preview")

    assert "SECRET-CANARY" not in printed
    assert "PRIVATE KEY" not in printed
    assert list(forge.store.deploy_keys.values()) == []


def _with_environment(forge: Sandbox) -> None:
    """The environment that these examples find."""
    import httpx  # noqa: PLC0415 - only two examples need it

    headers = {"Authorization": f"Bearer {forge.token('olga')}"}
    body: dict[str, Any] = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    made = httpx.put(f"{forge.api_url}/repos/acme/shop/environments/staging", headers=headers, json=body)
    assert made.status_code == 200, made.text
