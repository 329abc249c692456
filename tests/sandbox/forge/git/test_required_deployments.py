"""The rule about required deployments, and the rules of tags, by real pushes."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox

Clones = Callable[..., Any]
Rulesets = Callable[..., dict[str, Any]]
Client = Callable[..., httpx.Client]
PRODUCTION = "refs/heads/env/production"


def rule(*environments: str) -> dict[str, Any]:
    return {"type": "required_deployments", "parameters": {"required_deployment_environments": list(environments)}}


def deploy(forge: Sandbox, environment: str, state: str = "success") -> None:
    """A job of the head of main deploys there and ends so."""
    granted = forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", actor="dana", environment=environment
    )
    assert isinstance(granted, JobGrant)
    forge.finish(granted, state)


def sentences(clone: Any, refspec: str) -> list[str]:
    """What a refused push says; empty when it was accepted."""
    done = clone.push(refspec)
    return [line.removeprefix("remote: - ").strip() for line in done.stderr.splitlines() if "remote: -" in line]


@pytest.fixture
def clone(cloned: Clones) -> Any:
    """A clone of dana's whose new commit is the head of main."""
    made = cloned(login="dana")
    made.commit()
    assert made.push("main").returncode == 0
    return made


@pytest.mark.parametrize(
    ("environments", "sentence"),
    [
        (["staging"], "Missing successful active staging deployment."),
        (["staging", "qa"], "Missing successful active staging and qa deployments."),
        (["staging", "qa", "eu"], "Missing successful active staging, qa, and eu deployments."),
    ],
)
def test_a_commit_that_was_not_deployed_is_refused(
    clone: Any, ruleset: Rulesets, environments: list[str], sentence: str
) -> None:
    ruleset("proven", [PRODUCTION], [rule(*environments)])
    assert sentences(clone, f"HEAD:{PRODUCTION}") == [sentence]


def test_a_commit_that_is_on_staging_may_go_to_production_and_only_that_one(
    forge: Sandbox, clone: Any, ruleset: Rulesets
) -> None:
    ruleset("proven", [PRODUCTION], [rule("Staging")])
    deploy(forge, "staging")
    assert sentences(clone, f"HEAD:{PRODUCTION}") == []
    clone.commit()
    assert sentences(clone, f"HEAD:{PRODUCTION}") == ["Missing successful active Staging deployment."]


def test_a_failed_a_running_and_a_replaced_deployment_prove_nothing(
    forge: Sandbox, clone: Any, ruleset: Rulesets, client: Client
) -> None:
    ruleset("proven", [PRODUCTION], [rule("staging")])
    missing = ["Missing successful active staging deployment."]
    deploy(forge, "staging", "failure")
    assert sentences(clone, f"HEAD:{PRODUCTION}") == missing
    running = forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", actor="dana", environment="staging"
    )
    assert sentences(clone, f"HEAD:{PRODUCTION}") == missing
    assert isinstance(running, JobGrant)
    forge.finish(running)
    old = clone.head()
    clone.commit()
    clone.push("main")
    deploy(forge, "staging")
    assert sentences(clone, f"{old}:{PRODUCTION}") == missing
    assert sentences(clone, f"HEAD:{PRODUCTION}") == []
    states: dict[bool, list[list[str]]] = {}
    for deployment in client("dana").get("/repos/acme/shop/deployments").json():
        statuses = client("dana").get(f"/repos/acme/shop/deployments/{deployment['id']}/statuses").json()
        states.setdefault(deployment["sha"] == old, []).append([status["state"] for status in statuses])
    assert states == {False: [["success"]], True: [["inactive", "success"], ["failure"]]}


def test_production_deployments_stay_active_beside_newer_ones(forge: Sandbox, clone: Any, ruleset: Rulesets) -> None:
    ruleset("proven", ["refs/heads/done"], [rule("production")])
    old = clone.head()
    deploy(forge, "production")
    clone.commit()
    clone.push("main")
    deploy(forge, "production")
    assert sentences(clone, f"{old}:refs/heads/done") == []


def test_a_deployment_by_the_api_counts_and_can_be_made_inactive(clone: Any, ruleset: Rulesets, client: Client) -> None:
    """GitHub asks only for push access, so whoever has it can forge the proof."""
    ruleset("proven", [PRODUCTION], [rule("staging")])
    dana, path = client("dana"), "/repos/acme/shop/deployments"
    body = {"ref": clone.head(), "environment": "staging", "required_contexts": []}
    number = dana.post(path, json=body).json()["id"]
    assert len(sentences(clone, f"HEAD:{PRODUCTION}")) == 1
    for state, problems in (("success", 0), ("inactive", 1)):
        assert dana.post(f"{path}/{number}/statuses", json={"state": state}).status_code == 201
        assert len(sentences(clone, f"HEAD:{PRODUCTION}")) == problems
        clone.push(f":{PRODUCTION}")


def test_a_merge_needs_the_head_deployed(forge: Sandbox, clone: Any, ruleset: Rulesets, client: Client) -> None:
    clone.git("checkout", "--quiet", "-b", "topic")
    clone.commit()
    clone.push("topic")
    pull = forge.open_pull_request("acme/shop", "dana", "topic", "main")
    ruleset("proven", ["refs/heads/main"], [rule("staging")])
    path = f"/repos/acme/shop/pulls/{pull.number}/merge"
    answer = client("dana").put(path)
    assert answer.status_code == 405
    assert "Missing successful active staging deployment." in answer.json()["message"]
    body = {"ref": "topic", "environment": "staging", "required_contexts": []}
    number = client("dana").post("/repos/acme/shop/deployments", json=body).json()["id"]
    client("dana").post(f"/repos/acme/shop/deployments/{number}/statuses", json={"state": "success"})
    assert client("dana").put(path).status_code == 200


@pytest.mark.parametrize("value", [None, [], "staging", [""], [1]])
def test_parameters_that_name_no_environment_are_refused(client: Client, value: Any) -> None:
    parameters = {} if value is None else {"required_deployment_environments": value}
    body = {"name": "x", "target": "branch", "enforcement": "active"}
    answer = client("olivia").post(
        "/repos/acme/shop/rulesets",
        json={**body, "rules": [{"type": "required_deployments", "parameters": parameters}]},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0].startswith("Invalid rule 'required_deployments': ")


# Tags


@pytest.mark.parametrize("annotated", [False, True], ids=["lightweight", "annotated"])
def test_every_rule_of_tags_looks_at_the_commit_behind_the_tag(
    forge: Sandbox, clone: Any, ruleset: Rulesets, client: Client, *, annotated: bool
) -> None:
    checks = {"required_status_checks": [{"context": "test"}], "strict_required_status_checks_policy": False}
    rules = [rule("staging"), {"type": "required_status_checks", "parameters": checks}, "required_linear_history"]
    ruleset("released", ["refs/tags/v*"], rules, target="tag")
    clone.git("tag", *(["-a", "-m", "first"] if annotated else []), "v1")
    assert sentences(clone, "v1") == [
        "Missing successful active staging deployment.",
        'Required status check "test" is expected.',
    ]
    deploy(forge, "staging")
    client("dana").post(f"/repos/acme/shop/statuses/{clone.head()}", json={"state": "success", "context": "test"})
    assert sentences(clone, "v1") == []


@pytest.mark.parametrize(
    ("kind", "refspec", "sentence"),
    [
        ("creation", "HEAD:refs/tags/v2", "Cannot create ref due to creations being restricted."),
        ("update", "+HEAD~1:refs/tags/v1", "Cannot update this protected ref."),
        ("deletion", ":refs/tags/v1", "Cannot delete this protected ref."),
        ("non_fast_forward", "+HEAD~1:refs/tags/v1", "Cannot force-push to this tag"),
    ],
)
def test_tags_are_locked_against_all_but_the_app_that_is_named(
    forge: Sandbox, clone: Any, cloned: Clones, ruleset: Rulesets, *, kind: str, refspec: str, sentence: str
) -> None:
    app = forge.app("acme", "releaser", {"contents": "write"})
    clone.push("HEAD:refs/tags/v1")
    ruleset("locked", ["~ALL"], [kind], [("Integration", app.id)], target="tag")
    assert sentences(clone, refspec) == [sentence]
    releaser = cloned(token=forge.app_token(app))
    assert releaser.push(refspec).returncode == 0
