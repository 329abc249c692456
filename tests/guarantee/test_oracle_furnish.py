"""A furnished forge is what a real `up` makes: compared field by field, after the real engine and the provider."""

from pathlib import Path
from typing import Any

import pytest

from gitops_infra.pipelines.github_actions import with_workflows
from gitops_infra.plan.build import plans
from gitops_infra.sandbox.forge.daemon import seed
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.rest.repositories import SETTINGS
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing import StackFactory
from gitops_infra.topology.validate import validate
from guarantee.oracle.furnish import Forge, Furnisher

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
PEM = "-----BEGIN PRIVATE KEY-----\nmine\n-----END PRIVATE KEY-----\n"
SECRETS = {"gitops-infra:app": PEM, "gitops-infra:bot": PEM, "gitops-infra:database": "a value"}
APP = {"contents": "write", "workflows": "write"}

NEW: dict[str, Any] = {
    "owner": "acme",
    "github_plan": "enterprise",
    "application": {
        "name": "made",
        "visibility": "private",
        "owners": ["@acme/platform"],
        "linear_history": True,
        "required_reviews": 2,
        "required_checks": ["build", "lint"],
        "allowed_actions": ["acme/*"],
        "grants": [{"role": "maintain", "team": "platform"}, {"role": "triage", "user": "otto"}],
        "labels": [{"name": "bug", "color": "d73a4a", "description": "wrong"}],
    },
    "environments": [
        {"name": "staging", "secrets": {"DATABASE_URL": "database"}, "variables": {"REPLICAS": "1"}},
        {
            "name": "production",
            "reviewers": [{"team": "platform"}, {"user": "olivia"}],
            "wait_minutes": 5,
            "state_visibility": "internal",
        },
        {"name": "review"},
    ],
    "promotions": [
        {"target": "staging"},
        {"target": "production", "source": "staging", "trigger": "on_release", "tags": "v*.*.*"},
    ],
}
MIXED: dict[str, Any] = {
    "owner": "acme",
    "github_plan": "enterprise",
    "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
    "environments": [
        {"name": "staging", "isolation": "branch", "writer": {"app": 0, "key": "app"}, "required_checks": ["build"]},
        {
            "name": "production",
            "isolation": "branch",
            "writer": {"user": "dana", "key": "bot"},
            "reviewers": [{"user": "rita"}],
            "required_deployments": ["staging"],
            "moved_from": "repository",
        },
        {"name": "one", "kind": "staging", "isolation": "shared", "accept_shared_bypass": True, "generation": 2},
        {"name": "gone", "kind": "staging", "isolation": "branch", "retired": True},
        {"name": "back", "kind": "staging", "moved_from": "shared", "formerly": "old"},
    ],
}


def fill(forge: Any) -> int:
    """What is there before the first `up`, and the id of the App that moves staging."""
    forge.add_repository("acme/shop", auto_init=True)
    forge.grant("acme/shop", "dana", "write")
    number: int = forge.app("acme", "mover", APP, ["acme/shop"]).id
    return number


def standing(forge: Any) -> dict[str, Any]:
    """Everything of a forge that `up` decides about, by names in place of ids."""
    store = forge.store
    return {store.full_name(each): _standing(store, each) for each in store.repositories.values()}


def _standing(store: Any, repository: Repository) -> dict[str, Any]:
    names = {each.id: each.login for each in store.accounts.values()} | {
        each.id: each.slug for each in store.apps.values()
    }
    names |= {each.id: each.slug for each in store.teams.values()}
    git = BareRepository(store.git_dir(repository))
    head = f"refs/heads/{repository.default_branch}"
    # Downloads are a setting without effect, which the provider switches off.
    settings = {name: value or None for name, value in (SETTINGS | repository.settings).items()} | {
        "has_downloads": None
    }
    settings["description"] = str(settings["description"] or "").partition(" [stack")[0]  # it names its stack
    return {
        "visibility": repository.visibility,
        "settings": settings,
        "actions": (repository.actions, repository.selected_actions, repository.workflow_permissions),
        "people": {names[number]: role for number, role in repository.collaborators.items()},
        "teams": {team.slug: team.repositories.get(repository.id) for team in store.teams.values()},
        "labels": {name: (each["color"], each["description"]) for name, each in repository.labels.items()},
        "files": {}
        if git.empty()
        else {each.path: git.file(head, each.path) for each in git.tree(head, recursive=True)},
        "rulesets": {each.name: _ruleset(each, names) for each in store.rulesets_of(repository)},
        "keys": sorted((each.title, each.read_only) for each in store.deploy_keys_of(repository)),
        "environments": {
            each.name: (
                *(each.wait_timer, each.prevent_self_review, each.can_admins_bypass, each.branch_policy),
                [(reviewer["type"], names[reviewer["id"]]) for reviewer in each.reviewers],
                [(policy["name"], policy["type"]) for policy in each.policies],
                sorted(each.secrets),
                {name: variable["value"] for name, variable in each.variables.items()},
            )
            for each in store.environments_of(repository)
        },
    }


def _ruleset(ruleset: Any, names: dict[int, str]) -> tuple[Any, ...]:
    bypass = [
        (actor["actor_type"], names.get(actor["actor_id"], actor["actor_id"]), actor["bypass_mode"])
        for actor in ruleset.bypass_actors
    ]
    rules = {rule["type"]: dict(rule.get("parameters", {})) for rule in ruleset.rules}
    for parameters in rules.values():
        if "required_status_checks" in parameters:  # a set: the provider sends it in an order of its own
            parameters["required_status_checks"] = sorted(map(str, parameters["required_status_checks"]))
    return ruleset.target, ruleset.enforcement, ruleset.conditions, rules, bypass


@pytest.mark.parametrize("given", [NEW, MIXED], ids=["new", "mixed"])
def test_a_furnished_forge_is_what_a_real_up_makes(
    given: dict[str, Any], forge: Sandbox, stack: StackFactory, tmp_path: Path
) -> None:
    writer = given["environments"][0].get("writer")
    number = fill(forge)
    if writer:
        writer["app"] = number
    stack(ROOT, name="shop", config={"gitops-infra:topology": given}, secrets=SECRETS).up()
    other = Forge(tmp_path / "furnished", lambda: 1_800_000_000.0)
    try:
        with other.store.transaction():
            seed(other)
            assert fill(other) == number, "both begin alike, with the same ids"
            for plan in plans(validate(given)):
                Furnisher(other, other.app_token("provisioner")).furnish(with_workflows(plan))
        made, real = standing(other), standing(forge)
        assert made.keys() == real.keys()
        for full_name, parts in real.items():
            for part, value in parts.items():
                assert made[full_name][part] == value, f"{part} of {full_name}"
    finally:
        other.store.close()
