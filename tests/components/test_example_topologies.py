"""The shapes in use, as stack files: each is what its heading says, by the plan; two run on the real engine."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops_infra.plan.access import reach
from gitops_infra.plan.build import plans
from gitops_infra.plan.model import CredentialKind, Plan
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.load import load

ROOT = Path(__file__).parents[2]
STACKS = sorted((ROOT / "examples").glob("*/Pulumi.*.yaml"))


def planned(name: str) -> tuple[Plan, ...]:
    """The plans of the stack file of that name."""
    (file,) = [stack for stack in STACKS if stack.name == f"Pulumi.{name}.yaml"]
    return plans(load(file))


def edges(plan: Plan) -> list[tuple[str | None, str, str]]:
    return [(edge.source, edge.target, edge.trigger.value) for edge in plan.promotions]


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name)
def test_every_stack_file_can_be_planned_and_only_its_credentials_move_its_branches(stack: Path) -> None:
    for plan in plans(load(stack)):
        for found, environment in zip(reach(plan), plan.environments, strict=True):
            expected = () if environment.credential is None else (f"credential of {environment.name}",)
            assert (found.movers, found.breakers) == (expected, ())


def test_every_stack_file_is_listed_in_the_readme() -> None:
    text = (ROOT / "examples" / "README.md").read_text()
    assert STACKS
    assert [stack.parent.name for stack in STACKS if f"`{stack.parent.name}`" not in text] == []


def test_stages_lead_through_staging_to_both_regions() -> None:
    (plan,) = planned("stages")
    assert edges(plan) == [
        (None, "dev", "on_default_branch"),
        ("dev", "staging", "on_approval"),
        ("staging", "prod-eu", "on_approval"),
        ("staging", "prod-us", "on_approval"),
    ]


def test_the_services_of_the_monorepo_never_cross() -> None:
    (plan,) = planned("monorepo")
    assert edges(plan) == [
        (None, "api-staging", "on_default_branch"),
        ("api-staging", "api-production", "on_approval"),
        (None, "web-staging", "on_default_branch"),
        ("web-staging", "web-production", "on_approval"),
    ]
    assert {each.name: each.paths for each in plan.environments} == {
        "api-staging": ("services/api", "libraries"),
        "api-production": ("services/api", "libraries"),
        "web-staging": ("services/web",),
        "web-production": ("services/web",),
    }


def test_each_of_several_repositories_has_its_own_environments() -> None:
    made = planned("several")
    assert [plan.application.full_name for plan in made] == ["acme/shop", "acme/shop-web", "acme/shop-jobs"]
    states = [repository.full_name for plan in made for repository in plan.repositories[1:]]
    assert len(set(states)) == len(states) == 6
    assert "acme/shop-jobs-env-production" in states


def test_branch_isolation_needs_one_repository_and_one_app_for_each_environment() -> None:
    (plan,) = planned("branches")
    assert [repository.full_name for repository in plan.repositories] == ["acme/shop"]
    credentials = [each.credential for each in plan.environments if each.credential is not None]
    assert [(one.kind, one.app) for one in credentials] == [(CredentialKind.APP, 1001), (CredentialKind.APP, 1002)]


def test_applications_differ_in_what_their_stacks_say_and_in_nothing_else() -> None:
    (shop,), (blog,) = planned("shop"), planned("blog")
    assert (shop.application.name, blog.application.name) == ("shop", "blog")
    assert shop.environment("staging").policy.branch_patterns == ("main",)
    assert blog.environment("staging").policy.branch_patterns == ("trunk",)
    production = blog.environment("production")
    assert [approver.team for approver in production.policy.approvers] == ["editors"]
    assert production.policy.wait_minutes == 30
    assert set(production.variables) == {"LOG_LEVEL", "GITOPS_BRANCH", "GITOPS_STATE_REPOSITORY"}
    assert [each.name for each in shop.environments] == ["staging", "production"]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.prepare()


@pytest.fixture
def forge() -> Iterator[Sandbox]:
    """The organisation acme with the repositories and teams of the examples."""
    with Sandbox() as sandbox:
        sandbox.add_user("olga")
        sandbox.add_organization("acme", owners=["olga"])
        for team in ("platform", "editors"):
            sandbox.add_team("acme", team, ["olga"])
        for name in ("shop", "blog"):
            sandbox.add_repository(f"acme/{name}", visibility="public")
            for team in ("platform", "editors"):
                sandbox.grant(f"acme/{name}", f"acme/{team}", "maintain")
        yield sandbox


@pytest.fixture
def pulumi_in(engine: Engine, forge: Sandbox, tmp_path: Path) -> Callable[[str], Callable[..., str]]:
    """Runs `pulumi` in a copy of an example, which keeps its place beside the program; gives what it prints."""

    def prepare(example: str) -> Callable[..., str]:
        folder = Path(shutil.copytree(ROOT / "examples" / example, tmp_path / "examples" / example))
        shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
        environment = engine.environment(
            tmp_path / "state",
            "a passphrase",
            GITHUB_BASE_URL=forge.url,
            GITHUB_TOKEN=forge.token("olga"),
            PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        )

        def run(*arguments: str, code: int = 0) -> str:
            done = engine.run([*arguments, "--non-interactive"], folder, environment, timeout=120)
            assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
            return done.stdout + done.stderr

        return run

    return prepare


@pytest.mark.engine
@pytest.mark.parametrize("stack", ["shop", "blog"])
def test_a_real_preview_finds_the_base_file_from_a_program_in_another_folder(
    pulumi_in: Callable[[str], Callable[..., str]], stack: str
) -> None:
    run = pulumi_in("many-applications")
    run("stack", "init", stack)
    printed = run("preview", "--stack", stack)
    assert f"{stack}-production" in printed
    assert (f"{stack}-review" in printed) is (stack == "blog")


@pytest.mark.engine
def test_parallel_stages_go_up_and_stay_unchanged(pulumi_in: Callable[[str], Callable[..., str]]) -> None:
    run = pulumi_in("stages")
    run("stack", "init", "stages")
    run("up", "--yes", "--skip-preview")
    run("up", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.mark.engine
def test_a_base_file_that_is_missing_ends_a_real_preview_with_a_text(
    pulumi_in: Callable[[str], Callable[..., str]], tmp_path: Path
) -> None:
    run = pulumi_in("many-applications")
    (tmp_path / "examples" / "many-applications" / "base.yaml").unlink()
    run("stack", "init", "shop")
    printed = run("preview", "--stack", "shop", code=1)
    assert "'base.yaml' does not exist in the project" in printed
    assert "Traceback" not in printed
