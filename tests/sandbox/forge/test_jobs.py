"""The job gate: what a CI job gets, is refused, or waits for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository, Person
from gitops_infra.sandbox.forge.jobs import JobGrant, JobRefused, JobWaiting, proceed
from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository, Ruleset
from gitops_infra.sandbox.forge.server import Sandbox

MAIN = "refs/heads/main"


class Clock:
    time = 1_800_000_000.0

    def __call__(self) -> Any:
        return self.time


@pytest.fixture
def clock() -> Any:
    return Clock()


@pytest.fixture
def forge(tmp_path: Path, clock: Clock) -> Iterator[Any]:
    """As the shared one, with a clock that the test moves; secrets and variables at both levels."""
    with Sandbox(tmp_path / "forge", clock=clock) as running:
        for login in ("olivia", "otto", "reed", "dana", "mara", "rita", "adam"):
            running.add_user(login)
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        shop = running.add_repository("acme/shop", auto_init=True)
        for login, role in (
            ("reed", "read"),
            ("dana", "write"),
            ("mara", "maintain"),
            ("rita", "write"),
            ("adam", "admin"),
        ):
            running.grant("acme/shop", login, role)
        shop.secrets = {"SHARED": {"value": "repository"}, "ALL": {"value": "everyone"}}
        shop.variables = {"REGION": {"value": "repository"}}
        running.store.save(shop)
        yield running


@pytest.fixture
def shop(forge: Sandbox) -> Any:
    return forge.repository("acme/shop")


@pytest.fixture
def environment(forge: Sandbox, shop: Repository) -> Any:
    """Adds an environment with a secret that only it has; patterns as (name, type)."""

    def add(name: str = "production", patterns: Any = (("main", "branch"),), **settings: Any) -> Any:
        record = EnvironmentRecord(forge.store.new_id(), shop.id, name, 0, 0, **settings)
        if patterns is not None:
            record.branch_policy = {"protected_branches": False, "custom_branch_policies": True}
            record.policies = [{"id": n, "name": p, "type": kind} for n, (p, kind) in enumerate(patterns)]
        record.secrets = {"KEY": {"value": f"key of {name}"}, "SHARED": {"value": name}}
        record.variables = {"REGION": {"value": name}}
        forge.store.add(record)
        return record

    return add


@pytest.fixture
def git(forge: Sandbox, shop: Repository) -> Any:
    return BareRepository(forge.store.git_dir(shop))


@pytest.fixture
def branch(git: BareRepository) -> Any:
    """Makes a ref with a commit of its own."""

    def make(ref: str) -> Any:
        sha = git.write_file("main", "new.txt", ref.encode(), "new", Person("D", "d@example.test"))
        git.update_ref(ref, sha, ABSENT)
        return sha

    return make


@pytest.fixture
def run(forge: Sandbox) -> Any:
    """Asks for a job; by default dana pushed main."""

    def ask(environment: str | None = None, **changes: Any) -> Any:
        request = {"repository": "acme/shop", "event": "push", "ref": MAIN, "actor": "dana"} | changes
        return forge.job(environment=environment, **request)

    return ask


def test_a_job_has_the_repositorys_secrets_and_a_read_only_token(
    run: Callable[..., Any], forge: Sandbox, git: BareRepository
) -> None:
    grant = run()
    assert isinstance(grant, JobGrant)
    assert grant.secrets == {"SHARED": "repository", "ALL": "everyone"}
    assert grant.variables == {"REGION": "repository"}
    assert (grant.sha, grant.ref, grant.deployment_id) == (git.resolve(MAIN), MAIN, None)
    url = f"{forge.api_url}/repos/acme/shop"
    headers = {"Authorization": f"Bearer {grant.token}"}
    with httpx.Client(headers=headers, trust_env=False) as client:
        assert client.get(f"{url}/git/ref/heads/main").status_code == 200
        refused = client.post(f"{url}/git/refs", json={"ref": "refs/heads/x", "sha": grant.sha})
    assert refused.status_code == 403


def test_neither_token_nor_secret_shows_when_a_grant_is_printed(
    run: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    environment()
    grant = run("production")
    assert grant.secrets["KEY"] == "key of production"
    assert grant.token not in repr(grant)
    assert "key of production" not in repr(grant)


def test_the_environments_values_win_and_only_its_own_jobs_see_them(
    run: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    environment()
    environment("staging")
    production, staging, neither = run("production"), run("staging"), run()
    assert production.secrets == {"SHARED": "production", "ALL": "everyone", "KEY": "key of production"}
    assert (staging.secrets["KEY"], staging.variables["REGION"]) == ("key of staging", "staging")
    assert "KEY" not in neither.secrets


@pytest.mark.parametrize(
    ("default", "asked", "contents", "statuses"),
    [
        ("read", None, "read", None),
        ("write", None, "write", "write"),
        ("read", {"contents": "write"}, "write", None),
        ("write", {"statuses": "write"}, None, "write"),
        ("write", {}, None, None),
        ("write", {"contents": "none"}, None, None),
    ],
)
def test_the_tokens_permissions_are_the_default_or_exactly_what_is_asked(
    *, run: Callable[..., Any], forge: Sandbox, shop: Repository, default: str, asked: Any, contents: Any, statuses: Any
) -> None:
    shop.workflow_permissions["default_workflow_permissions"] = default
    forge.store.save(shop)
    run(permissions=asked)
    permissions = list(forge.store.tokens.values())[-1].permissions
    assert (permissions.get("contents"), permissions.get("statuses")) == (contents, statuses)


def test_a_job_can_never_ask_for_workflows_or_administration(run: Callable[..., Any]) -> None:
    for name in ("workflows", "administration", "secrets", "contens"):
        with pytest.raises(ValueError, match=f"a job cannot ask for the permission {name}: write"):
            run(permissions={name: "write"})


@pytest.mark.parametrize(("actor", "granted"), [("dana", True), ("reed", False), ("otto", False), ("olivia", True)])
def test_starting_a_job_needs_write(*, run: Callable[..., Any], actor: Any, granted: bool) -> None:
    outcome = run(actor=actor, event="workflow_dispatch")
    assert isinstance(outcome, JobGrant) is granted
    if not granted:
        assert outcome == JobRefused(f"{actor} needs the role write in acme/shop to start workflow_dispatch jobs")


def test_no_job_runs_where_actions_are_disabled(run: Callable[..., Any], forge: Sandbox, shop: Repository) -> None:
    shop.actions["enabled"] = False
    forge.store.save(shop)
    assert run() == JobRefused("GitHub Actions is disabled in acme/shop")


def test_a_ref_or_commit_that_does_not_exist_starts_nothing(
    run: Callable[..., Any], branch: Callable[..., Any]
) -> None:
    assert run(ref="refs/heads/none") == JobRefused("refs/heads/none does not exist in acme/shop")
    other = branch("refs/heads/other")
    assert run(sha=other) == JobRefused(f"{other} is not on refs/heads/main")
    assert run(ref="main^{tree}") == JobRefused("main^{tree} does not exist in acme/shop")


@pytest.mark.parametrize(
    ("patterns", "ref", "admitted"),
    [
        ([("main", "branch")], "refs/heads/main", True),
        ([("main", "branch")], "refs/heads/feature", False),
        ([("main", "branch")], "refs/tags/main", False),
        ([("release/*", "branch")], "refs/heads/release/1", True),
        ([("release/*", "branch")], "refs/heads/release/1/x", False),
        ([("*", "branch")], "refs/heads/release/1", False),
        ([("**/*", "branch")], "refs/heads/release/1", True),
        ([("v*", "tag")], "refs/tags/v1", True),
        ([("v*", "tag")], "refs/heads/v1", False),
        ([("main", "branch"), ("fix-?", "branch")], "refs/heads/fix-1", True),
        ([], "refs/heads/main", False),
    ],
)
def test_the_branch_policy_admits_what_its_patterns_match(
    *,
    run: Callable[..., Any],
    environment: Callable[..., Any],
    branch: Callable[..., Any],
    git: BareRepository,
    patterns: Any,
    ref: str,
    admitted: bool,
) -> None:
    environment(patterns=patterns)
    if git.resolve(ref) is None:
        branch(ref)
    outcome = run("production", ref=ref)
    assert isinstance(outcome, JobGrant) is admitted
    if not admitted:
        kind = "Tag" if "tags" in ref else "Branch"
        name = ref.split("/", 2)[2]
        assert outcome == JobRefused(
            f'{kind} "{name}" is not allowed to deploy to production due to environment protection rules.'
        )


def test_protected_branches_are_those_under_a_ruleset(
    run: Callable[..., Any],
    environment: Callable[..., Any],
    branch: Callable[..., Any],
    forge: Sandbox,
    shop: Repository,
) -> None:
    environment(patterns=None, branch_policy={"protected_branches": True, "custom_branch_policies": False})
    branch("refs/heads/feature")
    assert isinstance(run("production", ref="refs/heads/feature"), JobGrant)  # no branch is protected yet
    conditions = {"ref_name": {"include": [MAIN], "exclude": []}}
    forge.store.add(
        Ruleset(forge.store.new_id(), shop.id, "m", "branch", "active", conditions, [{"type": "deletion"}], [], 0, 0)
    )
    assert isinstance(run("production", ref="refs/heads/feature"), JobRefused)
    assert isinstance(run("production"), JobGrant)


def test_a_pull_request_job_runs_on_the_merge_ref(
    run: Callable[..., Any],
    environment: Callable[..., Any],
    branch: Callable[..., Any],
    forge: Sandbox,
    git: BareRepository,
) -> None:
    environment("review", [("refs/pull/*/merge", "branch")])
    environment("production")
    head = branch("refs/heads/feature")
    pull = forge.open_pull_request("acme/shop", "dana", "feature", "main")
    ref = f"refs/pull/{pull.number}/merge"
    grant = run("review", event="pull_request", ref=ref)
    assert git.run("rev-list", "--parents", "--max-count=1", grant.sha).split()[1:] == [git.resolve(MAIN), head]
    assert run("review", event="pull_request", ref=ref).sha == grant.sha
    assert isinstance(run("production", event="pull_request", ref=ref), JobRefused)
    assert isinstance(run("review", event="push", ref=MAIN), JobRefused)
    refused = run("review", event="pull_request", ref="refs/heads/feature")
    assert refused.reason == "pull_request jobs run on refs/pull/<number>/merge, not on refs/heads/feature"
    assert isinstance(run("review", event="pull_request", ref="refs/pull/99/merge"), JobRefused)


def test_a_pull_request_from_a_fork_gets_no_secrets_and_a_read_only_token(
    run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox
) -> None:
    environment("review", [("refs/pull/*/merge", "branch")])
    fork = {"event": "pull_request", "ref": "refs/pull/7/merge", "actor": "reed", "fork": True}
    grant = run("review", **fork, permissions={"contents": "write"})
    assert (grant.secrets, grant.variables) == ({}, {})
    assert list(forge.store.tokens.values())[-1].permissions == {"metadata": "read", "contents": "read"}


def test_pull_request_target_is_judged_as_the_default_branch(
    run: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    """Why generated workflows never use it: it opens what `main` opens, to anyone who can open a pull request."""
    environment()
    grant = run("production", event="pull_request_target", ref="refs/pull/7/merge", actor="reed", fork=True)
    assert (grant.ref, grant.secrets["KEY"]) == (MAIN, "key of production")


def test_naming_an_unknown_environment_creates_an_unprotected_one(
    run: Callable[..., Any], forge: Sandbox, shop: Repository, branch: Callable[..., Any]
) -> None:
    branch("refs/heads/feature")
    grant = run("prodution", ref="refs/heads/feature")
    assert "KEY" not in grant.secrets
    assert forge.store.environment(shop, "prodution").branch_policy is None


def test_one_reviewer_suffices(run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox) -> None:
    team = forge.add_team("acme", "release", ["mara"])
    reviewers = [{"type": "User", "id": forge.user("rita").id}, {"type": "Team", "id": team.id}]
    environment(reviewers=reviewers)
    waiting = run("production")
    assert waiting == JobWaiting(waiting.deployment_id, ("rita", "acme/release"), None)
    for login in ("dana", "reed"):
        refused = forge.approve(waiting.deployment_id, login)
        assert refused == JobRefused(f"{login} is not a required reviewer of production")
    grant = forge.approve(waiting.deployment_id, "mara")
    assert grant.secrets["KEY"] == "key of production"
    with pytest.raises(ValueError, match=f"no job waits as deployment {waiting.deployment_id}"):
        forge.approve(waiting.deployment_id, "rita")


def test_a_rejected_job_never_runs(run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox) -> None:
    environment(reviewers=[{"type": "User", "id": forge.user("rita").id}])
    waiting = run("production")
    assert forge.approve(waiting.deployment_id, "rita", decision="rejected") == JobRefused(
        "rita rejected the deployment to production"
    )
    with pytest.raises(ValueError, match="no job waits"):
        forge.approve(waiting.deployment_id, "rita")


def test_who_started_a_job_may_not_approve_it_where_self_review_is_prevented(
    run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox
) -> None:
    reviewers = [{"type": "User", "id": forge.user(login).id} for login in ("dana", "rita")]
    record = environment(reviewers=reviewers, prevent_self_review=True)
    waiting = run("production")
    assert forge.approve(waiting.deployment_id, "dana") == JobRefused(
        "dana started this job and may not review it (prevent_self_review)"
    )
    assert isinstance(forge.approve(waiting.deployment_id, "rita"), JobGrant)
    record.prevent_self_review = False
    forge.store.save(record)
    assert isinstance(forge.approve(run("production").deployment_id, "dana"), JobGrant)


@pytest.mark.parametrize(("allowed", "outcome"), [(True, JobGrant), (False, JobRefused)])
def test_an_administrator_bypasses_protection_only_where_the_environment_lets_them(
    run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox, allowed: Any, outcome: Any
) -> None:
    reviewers = [{"type": "User", "id": forge.user("rita").id}]
    environment(reviewers=reviewers, wait_timer=10, can_admins_bypass=allowed)
    waiting = run("production")
    assert isinstance(forge.approve(waiting.deployment_id, "adam"), outcome)


def test_a_wait_timer_holds_an_approved_job_back(
    run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox, clock: Clock
) -> None:
    environment(reviewers=[{"type": "User", "id": forge.user("rita").id}], wait_timer=10)
    waiting = run("production")
    until = clock.time + 600
    assert waiting.until == until
    assert forge.approve(waiting.deployment_id, "rita") == JobWaiting(waiting.deployment_id, (), until)
    clock.time += 599
    assert isinstance(proceed(forge.store, waiting.deployment_id), JobWaiting)
    clock.time += 1
    assert isinstance(proceed(forge.store, waiting.deployment_id), JobGrant)


def test_protection_is_looked_at_again_when_the_job_is_approved(
    run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox
) -> None:
    record = environment(reviewers=[{"type": "User", "id": forge.user("rita").id}])
    waiting = run("production")
    record.policies = [{"id": 1, "name": "release", "type": "branch"}]
    forge.store.save(record)
    assert isinstance(forge.approve(waiting.deployment_id, "rita"), JobRefused)


def test_a_private_repository_on_the_free_plan_has_no_environments(
    run: Callable[..., Any], environment: Callable[..., Any], forge: Sandbox
) -> None:
    environment()
    forge.organization("acme").price_plan = "free"
    assert "KEY" not in run("production").secrets


def test_a_job_token_ends(run: Callable[..., Any], forge: Sandbox, clock: Clock) -> None:
    grant = run()
    clock.time += 6 * 3600
    with httpx.Client(headers={"Authorization": f"Bearer {grant.token}"}, trust_env=False) as client:
        assert client.get(f"{forge.api_url}/repos/acme/shop").status_code == 401


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repository": "acme/none"}, "no repository acme/none"),
        ({"actor": "nobody"}, "no user nobody"),
        ({"event": "pushed"}, "the stand-in forge has no event 'pushed'"),
        ({"fork": True}, "a fork starts no 'push' jobs in this repository"),
    ],
)
def test_a_question_without_sense_is_the_callers_mistake(run: Callable[..., Any], changes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**changes)
