"""Plain `pulumi up / preview / refresh / destroy` of `stacks/` on the real engine, against the enforcing forge."""

import re
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.client import KeyCredential
from gitops_infra.sandbox.forge.jobs import JobGrant, JobRefused, JobWaiting

pytestmark = pytest.mark.engine


def job(world: Any, environment: str, ref: str = "refs/heads/main", actor: str = "mara", event: str = "push") -> Any:
    return world.forge.job(repository="acme/shop", event=event, ref=ref, environment=environment, actor=actor)


def test_one_up_makes_it_and_the_second_changes_nothing(world: Any) -> None:
    """The whole life by plain `pulumi`: preview, up, no-op, refresh, drift, repair, destroy."""
    preview = world.pulumi("preview")
    assert "Previewing update" in preview
    assert not [push for push in world.forge.requests if push.method not in {"GET", "HEAD"}]

    world.up()
    written = len(world.forge.requests)
    world.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    no_op = world.forge.requests[written:]
    # One for the provider's start, one for the approver team without an id.
    assert len(no_op) <= 2, no_op

    grant = job(world, "staging")
    assert isinstance(grant, JobGrant)
    main = world.clone("acme/shop", "dana", "clone")
    key = KeyCredential(grant.secrets["GITOPS_DEPLOY_KEY"], world.forge.known_hosts)
    state = world.forge.ssh_url("acme/shop-env-staging")
    assert main.push(state, "refs/heads/main:refs/heads/env/staging", key).allowed
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")

    _disable(world, "acme/shop-env-staging", "gitops: staging integrity")
    drifted = world.pulumi("preview", "--refresh", "--diff")
    assert "enforcement" in drifted
    world.up("--refresh")
    world.pulumi("refresh", "--yes", "--expect-no-changes")
    assert not main.push(state, ":refs/heads/env/staging", key).allowed

    world.pulumi("destroy", "--yes", "--skip-preview")
    assert not main.read(state, key).allowed
    assert isinstance(job(world, "production"), JobRefused | JobWaiting)


def test_only_the_credential_of_an_environment_moves_its_branch(world: Any) -> None:
    world.up()
    waiting = job(world, "production")
    assert isinstance(waiting, JobWaiting)
    assert isinstance(world.forge.approve(waiting.deployment_id, "mara"), JobRefused)
    production = world.forge.approve(waiting.deployment_id, "rita")
    staging = job(world, "staging")
    keys = {
        name: KeyCredential(grant.secrets["GITOPS_DEPLOY_KEY"], world.forge.known_hosts)
        for name, grant in (("staging", staging), ("production", production))
    }
    clone = world.clone("acme/shop", "dana", "clone")
    results = {
        (actor, target): clone.push(
            world.forge.ssh_url(f"acme/shop-env-{target}"), f"refs/heads/main:refs/heads/env/{target}", key
        ).allowed
        for actor, key in keys.items()
        for target in ("production", "staging")
    }
    assert results == {
        ("staging", "staging"): True,
        ("staging", "production"): False,
        ("production", "production"): True,
        ("production", "staging"): False,
    }
    refused = clone.push(
        world.forge.http_url("acme/shop-env-staging"), "+refs/heads/main:refs/heads/env/other", world.people["olivia"]
    )
    assert "GH013: Repository rule violations found for refs/heads/env/other" in refused.message


def test_no_private_key_is_readable_anywhere(world: Any) -> None:
    """Born secret: not in state, output, events, requests' paths or the log; only encrypted and in the environment."""
    world.environment["PULUMI_DEBUG_COMMANDS"] = "true"  # else the CLI does not know --event-log
    output = world.up("--event-log", str(world.folder / "events.json"), "--logtostderr", "-v=3", "--diff")
    grant = job(world, "staging")
    lines = [line for line in grant.secrets["GITOPS_DEPLOY_KEY"].splitlines() if line and "-----" not in line]
    for text in (
        output,
        world.state_text(),
        world.pulumi("stack", "export"),
        (world.folder / "events.json").read_text(),
    ):
        assert not [line for line in lines if line in text]
    assert world.token not in world.state_text()
    assert world.token not in output


def test_a_new_repository_is_protected_after_its_files(world: Any) -> None:
    """`existing: false`: files, then the rules; workflows need review from the code owners."""
    application = {"name": "fresh", "visibility": "private", "owners": ["@acme/platform"], "allow_destroy": True}
    application["grants"] = [{"team": "platform", "role": "maintain"}]
    world.configure({**_topology(), "application": application})
    world.up()
    files = httpx.get(
        f"{world.forge.api_url}/repos/acme/fresh/contents/.github",
        headers={"Authorization": f"Bearer {world.people['olivia'].token}"},
    ).json()
    assert "CODEOWNERS" in {entry["name"] for entry in files}
    clone = world.clone("acme/fresh", "olivia", "fresh")
    commit = clone.commit(clone.git("rev-parse", "origin/main"), "straight to main", {"x": "y"})
    pushed = clone.push(world.forge.http_url("acme/fresh"), f"{commit}:refs/heads/main", world.people["olivia"])
    assert not pushed.allowed
    assert "Changes must be made through a pull request" in pushed.message
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_a_mistake_is_one_text_without_traceback_and_makes_nothing(world: Any) -> None:
    wrong = _topology()
    wrong["environments"][0]["brnach"] = "env/staging"
    wrong["environments"][1]["reviewers"] = []
    world.configure(wrong)
    output = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "Traceback" not in output
    assert "did you mean `branch`" in output or "branch" in output
    assert "production" in output
    assert not [request for request in world.forge.requests if request.method not in {"GET", "HEAD"}]


def _topology() -> dict[str, Any]:
    return {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
        "environments": [{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform"}]}],
    }


def _disable(world: Any, full_name: str, name: str) -> None:
    address = f"{world.forge.api_url}/repos/{full_name}/rulesets"
    with httpx.Client(headers={"Authorization": f"Bearer {world.people['olivia'].token}"}) as http:
        number = {ruleset["name"]: ruleset["id"] for ruleset in http.get(address).json()}[name]
        http.put(f"{address}/{number}", json={"enforcement": "disabled"}).raise_for_status()


def test_secret_names_are_found_in_the_output(world: Any) -> None:
    """The summary names what was made; it is the one place a user looks."""
    output = world.up()
    assert re.search(r"Resources:\s+\+ \d+ created", output)


def test_a_price_plan_without_reviewers_is_reported_and_still_isolated(world: Any) -> None:
    """Private on Team: no approval gate exists. What is asked, what is held and why is an output; nothing is silent."""
    world.forge.organization("acme").price_plan = "team"
    degraded = _topology()
    degraded["github_plan"] = "team"
    degraded["environments"][1] = {"name": "production", "allow_degraded": True}
    world.configure(degraded)
    world.up()
    report = world.outputs()["enforcement"]["production"]
    assert set(report["requested"]) - set(report["achieved"]) == {
        "required_reviewers",
        "prevent_self_review",
        "no_admin_bypass",
    }
    assert any("required_reviewers: GitHub offers it for" in reason for reason in report["why"])
    assert isinstance(job(world, "production"), JobGrant)
    assert isinstance(job(world, "production", actor="dana"), JobGrant)
    refused = job(world, "production", ref="refs/heads/feature")
    assert isinstance(refused, JobRefused)
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_rotation_makes_the_new_key_first_and_the_old_one_opens_nothing(world: Any) -> None:
    """`generation: 2`: one `up` later the job has another key, and the first key is refused."""
    world.up()
    old = KeyCredential(job(world, "staging").secrets["GITOPS_DEPLOY_KEY"], world.forge.known_hosts)
    rotated = _topology()
    rotated["environments"][0]["generation"] = 2
    world.configure(rotated)
    before = len(world.forge.requests)
    world.up()
    writes = [(each.method, each.path) for each in world.forge.requests[before:] if each.method != "GET"]
    keys = [method for method, path in writes if "/acme/shop-env-staging/keys" in path]
    assert keys == ["POST", "DELETE"]
    new = KeyCredential(job(world, "staging").secrets["GITOPS_DEPLOY_KEY"], world.forge.known_hosts)
    clone = world.clone("acme/shop", "dana", "clone")
    state = world.forge.ssh_url("acme/shop-env-staging")
    assert not clone.push(state, "refs/heads/main:refs/heads/env/staging", old).allowed
    assert clone.push(state, "refs/heads/main:refs/heads/env/staging", new).allowed
