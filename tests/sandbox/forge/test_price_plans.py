"""Price plans: every cell of the table, what each refuses, what a downgrade switches off and an upgrade brings back."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.plan.capabilities import Capability, capabilities
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant, JobRefused, JobWaiting
from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.price_plans import PRICE_PLANS, TABLE, Feature
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.vocabulary import PricePlan, Visibility

Client = Callable[..., httpx.Client]
VISIBILITIES = ("public", "private", "internal")
CELLS = [cell for cell in product(PRICE_PLANS, VISIBILITIES) if cell[1] != "internal" or cell[0] == "enterprise"]
"""Those that exist: only Enterprise has internal repositories."""
UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."
BILLING = (
    "Failed to create the environment protection rule."
    " Please ensure the billing plan supports the required reviewers protection rule."
)
RULESET: dict[str, Any] = {"name": "locked", "target": "branch", "enforcement": "active", "rules": [{"type": "update"}]}
RULESET |= {"conditions": {"ref_name": {"include": ["~ALL"], "exclude": []}}}
BRANCHES_ONLY = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
NOW = 1_800_000_000


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge", clock=lambda: NOW) as running:
        for login in ("adam", "rita"):
            running.add_user(login)
        running.add_organization("acme", owners=["adam"], price_plan="enterprise")
        yield running


@pytest.fixture
def repository(forge: Sandbox) -> Callable[[str, str], None]:
    """Makes acme/shop with that visibility, under that price plan of its organisation."""

    def make(plan: str, visibility: str) -> None:
        forge.configure_account("acme", price_plan=plan)
        forge.add_repository("acme/shop", visibility=visibility, auto_init=True)
        forge.grant("acme/shop", "rita", Role.WRITE)

    return make


def message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("message", "")


@pytest.mark.parametrize(("plan", "visibility"), list(product(PRICE_PLANS, VISIBILITIES)))
def test_the_forge_and_the_plan_agree_about_every_cell(plan: str, visibility: str) -> None:
    predicted = {capability.value for capability in capabilities(PricePlan(plan), Visibility(visibility))}
    known = {capability.value for capability in Capability}  # the forge may know more, such as metadata rules
    assert known <= {feature.value for feature in Feature}
    assert {feature.value for feature in TABLE[plan][visibility]} & known == predicted


@pytest.mark.parametrize(("plan", "visibility"), CELLS)
def test_rulesets_are_offered_as_the_table_says(
    forge: Sandbox, client: Client, repository: Any, plan: str, visibility: str
) -> None:
    repository(plan, visibility)
    adam, path = client("adam"), "/repos/acme/shop/rulesets"
    if Feature.BRANCH_RULESETS in TABLE[plan][visibility]:
        assert adam.post(path, json=RULESET).status_code == 201
    else:
        assert [message(adam.post(path, json=RULESET)), message(adam.get(path))] == [(403, UPGRADE)] * 2
    evaluate = message(adam.post(path, json={**RULESET, "name": "trial", "enforcement": "evaluate"}))[0]
    assert (evaluate == 201) == (plan == "enterprise")


@pytest.mark.parametrize(("plan", "visibility"), CELLS)
def test_environments_and_their_gates_are_offered_as_the_table_says(
    forge: Sandbox, client: Client, repository: Any, plan: str, visibility: str
) -> None:
    repository(plan, visibility)
    adam, path, offered = client("adam"), "/repos/acme/shop/environments/production", TABLE[plan][visibility]
    gates = {
        Feature.REQUIRED_REVIEWERS: {"reviewers": [{"type": "User", "id": forge.user("rita").id}]},
        Feature.WAIT_TIMER: {"wait_timer": 5},
        Feature.PREVENT_SELF_REVIEW: {"prevent_self_review": False},
        Feature.NO_ADMIN_BYPASS: {"can_admins_bypass": False},
    }
    answers = {feature: message(adam.put(path, json=body))[0] for feature, body in gates.items()}
    if Feature.ENVIRONMENTS not in offered:
        assert answers == dict.fromkeys(gates, 404)
        assert message(adam.put(path, json=BRANCHES_ONLY)) == (404, "Not Found")
        return
    assert answers == {feature: 200 if feature in offered else 422 for feature in gates}
    if Feature.REQUIRED_REVIEWERS not in offered:
        assert message(adam.put(path, json=gates[Feature.REQUIRED_REVIEWERS])) == (422, BILLING)
    assert adam.put(path, json=BRANCHES_ONLY).status_code == 200
    assert adam.post(f"{path}/deployment-branch-policies", json={"name": "main"}).status_code == 200


def protected(forge: Sandbox, client: Client) -> None:
    """A ruleset nobody passes, and an environment with every protection, a secret and a variable."""
    adam, path = client("adam"), "/repos/acme/shop/environments/production"
    assert adam.post("/repos/acme/shop/rulesets", json=RULESET).status_code == 201
    reviewers = [{"type": "User", "id": forge.user("rita").id}]
    body = {"wait_timer": 5, "reviewers": reviewers, "prevent_self_review": True, "can_admins_bypass": False}
    assert adam.put(path, json={**body, **BRANCHES_ONLY}).status_code == 200
    assert adam.post(f"{path}/deployment-branch-policies", json={"name": "main"}).status_code == 200
    assert adam.post(f"{path}/variables", json={"name": "REGION", "value": "eu"}).status_code == 201
    record = forge.store.environment(forge.repository("acme/shop"), "production")
    assert record is not None
    record.secrets["KEY"] = {"value": "sealed", "created_at": NOW, "updated_at": NOW}
    forge.store.save(record)


def pushes(forge: Sandbox, tmp_path: Path) -> bool:
    """Whether a person with write moves main by a real push."""
    credential = TokenCredential(forge.token("rita"))
    clone = Clone.of(forge.http_url("acme/shop"), tmp_path / f"clone-{len(forge.pushes)}", credential)
    sha = clone.commit(clone.git("rev-parse", "HEAD"), "change", {"file": str(len(forge.pushes))})
    return clone.push(forge.http_url("acme/shop"), f"{sha}:refs/heads/main", credential).allowed


def job(forge: Sandbox, ref: str = "refs/heads/main") -> Any:
    return forge.job(repository="acme/shop", event="push", ref=ref, actor="rita", environment="production")


LOSSES: dict[str, Callable[[Sandbox, httpx.Client], Any]] = {
    "downgrade": lambda forge, _adam: forge.configure_account("acme", price_plan="free"),
    "made private": lambda _forge, adam: adam.patch("/repos/acme/shop", json={"visibility": "private"}),
}
RETURNS: dict[str, Callable[[Sandbox, httpx.Client], Any]] = {
    "downgrade": lambda forge, _adam: forge.configure_account("acme", price_plan="enterprise"),
    "made private": lambda _forge, adam: adam.patch("/repos/acme/shop", json={"visibility": "public"}),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_set_up_stays_unenforced_until_the_plan_has_it_again(
    forge: Sandbox, client: Client, repository: Any, tmp_path: Path, loss: str
) -> None:
    repository(*{"downgrade": ("enterprise", "private"), "made private": ("free", "public")}[loss])
    protected(forge, client)
    adam = client("adam")
    assert not pushes(forge, tmp_path)
    assert isinstance(job(forge), JobWaiting)
    LOSSES[loss](forge, adam)
    assert pushes(forge, tmp_path)
    granted = job(forge)
    assert isinstance(granted, JobGrant)
    assert (granted.secrets, granted.variables) == ({}, {})
    path = "/repos/acme/shop/environments/production"
    changes = {"name": "MORE", "value": "x"}
    assert message(adam.post(f"{path}/variables", json=changes)) == (404, "Not Found")
    assert message(adam.post(f"{path}/deployment-branch-policies", json={"name": "x"})) == (404, "Not Found")
    RETURNS[loss](forge, adam)
    assert not pushes(forge, tmp_path)
    waiting = job(forge)
    assert isinstance(waiting, JobWaiting)
    assert waiting.reviewers == ("rita",)
    assert waiting.until == NOW + 300


def test_a_downgrade_to_team_opens_the_gates_and_keeps_branch_policy_secrets_and_rulesets(
    forge: Sandbox, client: Client, repository: Any, tmp_path: Path
) -> None:
    repository("enterprise", "private")
    protected(forge, client)
    client("adam").post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/topic", "sha": head(forge)})
    forge.configure_account("acme", price_plan="team")
    granted = job(forge)
    assert isinstance(granted, JobGrant)
    assert (granted.secrets, granted.variables) == ({"KEY": "sealed"}, {"REGION": "eu"})
    refused = job(forge, "refs/heads/topic")
    assert isinstance(refused, JobRefused)
    assert (
        refused.reason == 'Branch "topic" is not allowed to deploy to production due to environment protection rules.'
    )
    assert not pushes(forge, tmp_path)


def head(forge: Sandbox) -> str:
    granted = forge.job(repository="acme/shop", event="push", ref="refs/heads/main", actor="rita")
    assert isinstance(granted, JobGrant)
    return granted.sha


@pytest.mark.parametrize("plan", ["free", "pro"])
def test_a_users_own_price_plan_counts_for_their_repositories(forge: Sandbox, client: Client, plan: str) -> None:
    forge.configure_account("rita", price_plan=plan)
    forge.add_repository("rita/site", auto_init=True)
    answer = client("rita").post("/repos/rita/site/rulesets", json=RULESET)
    assert message(answer) == ((403, UPGRADE) if plan == "free" else (201, ""))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"price_plan": "gold"}, "'gold' is no price plan: one of free, pro, team, enterprise"),
        ({"default_repository_permission": "x"}, "'x' is no base permission: one of none, read, write, admin"),
    ],
)
def test_settings_that_do_not_exist_are_refused(forge: Sandbox, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        forge.configure_account("acme", **settings)
    with pytest.raises(ValueError, match=r"^rita is a user: only organisations have these settings$"):
        forge.configure_account("rita", deploy_keys=False)
