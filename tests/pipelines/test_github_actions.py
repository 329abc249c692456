import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gitops_infra.pipelines.choose_script import choose_script
from gitops_infra.pipelines.github_actions import with_workflows, workflow_files, workflows
from gitops_infra.pipelines.move_script import move_script
from gitops_infra.plan.model import Plan

STAGING, PRODUCTION = ".github/workflows/promote-staging.yml", ".github/workflows/promote-production.yml"
RELEASE = ".github/workflows/release-production.yml"
KNOWN = "${{ vars.GITOPS_KNOWN_HOSTS }}"
ON_RELEASE = [{"target": "staging"}, {"target": "production", "source": "staging", "trigger": "on_release"}]
PRODUCTION_OF = {"name": "production", "reviewers": [{"team": "platform", "id": 7}]}
STARTS = {"usual": None, "release": ON_RELEASE, "any": [{"target": "production", "trigger": "on_approval"}]}
WAYS: dict[str, dict[str, Any]] = {
    "key": {},
    "app": {"isolation": "branch", "writer": {"app": 17, "key": "appKey"}},
    "user": {"isolation": "branch", "writer": {"user": "mover", "id": 9, "key": "userKey"}},
    "shared": {"isolation": "shared", "accept_shared_bypass": True, "allow_degraded": True},
}
"""What lets the job in -> the keys of an environment that say so."""
VARIANTS = {
    f"{visibility}-{start}-{staging}-{production}": {
        "visibility": visibility,
        "promotions": STARTS[start],
        "environments": [{"name": "staging", **WAYS[staging]}, {**PRODUCTION_OF, **WAYS[production]}],
    }
    for visibility, start, staging, production in product(("public", "private"), STARTS, WAYS, WAYS)
}
"""Every combination of visibility, trigger, and credential of staging and production."""


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> dict[str, Any]:
    return VARIANTS[request.param]


def jobs(plan: Plan) -> Iterator[dict[str, Any]]:
    for document in workflows(plan).values():
        yield from document["jobs"].values()


def test_the_promotion_to_staging_is_exactly_this(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan()
    assert workflows(plan)[STAGING] == {
        "name": "promote staging",
        "on": {"push": {"branches": ["main"]}, "workflow_dispatch": {}},
        "permissions": {},
        "concurrency": {"group": "promote-staging", "cancel-in-progress": False},
        "jobs": {
            "promote": {
                "name": "promote staging",
                "if": "${{ !github.event.repository.fork }}",
                "runs-on": "ubuntu-24.04",
                "timeout-minutes": 15,
                "permissions": {"contents": "read"},
                "environment": {"name": "staging", "url": "${{ steps.choose.outputs.url }}"},
                "steps": [
                    {
                        "name": "Choose the commit",
                        "id": "choose",
                        "shell": "bash",
                        "env": {"GITHUB_TOKEN": "${{ github.token }}"},
                        "run": choose_script(plan, plan.promotions[0]),
                    },
                    {
                        "name": "Move the environment branch",
                        "shell": "bash",
                        "env": {
                            "GITOPS_DEPLOY_KEY": "${{ secrets.GITOPS_DEPLOY_KEY }}",
                            "GITOPS_KNOWN_HOSTS": "${{ vars.GITOPS_KNOWN_HOSTS }}",
                        },
                        "run": move_script(plan, plan.promotions[0]),
                    },
                ],
            }
        },
    }


def test_production_starts_by_hand_with_a_commit_that_may_be_left_out(make_plan: Callable[..., Plan]) -> None:
    document = workflows(make_plan())[PRODUCTION]
    assert document["on"] == {
        "workflow_dispatch": {
            "inputs": {
                "sha": {
                    "description": "Commit, 40 hexadecimal digits",
                    "required": False,
                    "type": "string",
                    "default": "",
                }
            }
        }
    }
    assert document["jobs"]["promote"]["steps"][0]["env"]["GITOPS_SHA"] == "${{ inputs.sha }}"


@pytest.mark.parametrize(
    ("visibility", "permissions"),
    [("public", {"contents": "read"}), ("private", {"contents": "read", "deployments": "read"})],
)
def test_deployments_are_read_only_where_the_source_cannot_be_read(
    make_plan: Callable[..., Plan], visibility: str, permissions: dict[str, str]
) -> None:
    assert workflows(make_plan(visibility))[PRODUCTION]["jobs"]["promote"]["permissions"] == permissions


def test_a_source_in_the_application_repository_is_read_with_the_jobs_own_token(make_plan: Callable[..., Plan]) -> None:
    environments = [{"name": "staging", **WAYS["app"]}, PRODUCTION_OF]
    made = workflows(make_plan("private", environments=environments))[PRODUCTION]["jobs"]["promote"]
    assert made["permissions"] == {"contents": "read"}
    assert "deployments" not in made["steps"][0]["run"]


@pytest.mark.parametrize(
    ("way", "variables"),
    [
        ("key", {"GITOPS_DEPLOY_KEY": "${{ secrets.GITOPS_DEPLOY_KEY }}", "GITOPS_KNOWN_HOSTS": KNOWN}),
        ("shared", {"GITOPS_DEPLOY_KEY": "${{ secrets.GITOPS_DEPLOY_KEY }}", "GITOPS_KNOWN_HOSTS": KNOWN}),
        ("user", {"GITOPS_USER_KEY": "${{ secrets.GITOPS_USER_KEY }}", "GITOPS_KNOWN_HOSTS": KNOWN}),
        ("app", {"GITOPS_APP_KEY": "${{ secrets.GITOPS_APP_KEY }}"}),
    ],
)
def test_the_step_that_moves_the_branch_reads_the_secret_of_its_credential(
    make_plan: Callable[..., Plan], way: str, variables: dict[str, str]
) -> None:
    plan = make_plan(environments=[{"name": "staging", **WAYS[way]}])
    choose, move = workflows(plan)[STAGING]["jobs"]["promote"]["steps"]
    assert move["env"] == variables
    assert choose["env"] == {"GITHUB_TOKEN": "${{ github.token }}"}


def test_in_a_monorepo_only_changes_of_its_own_folders_start_a_promotion(make_plan: Callable[..., Plan]) -> None:
    environments = [{"name": "staging", "paths": ["services/api", "libs"]}, PRODUCTION_OF]
    made = workflows(make_plan(environments=environments))
    assert made[STAGING]["on"] == {
        "push": {"branches": ["main"], "paths": ["services/api/**", "libs/**"]},
        "workflow_dispatch": {},
    }
    assert list(made[PRODUCTION]["on"]) == ["workflow_dispatch"]


def test_a_renamed_environment_is_called_by_its_new_name_and_its_branch_by_the_old_one(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(environments=[{"name": "test", "kind": "staging", "formerly": "staging"}])
    [(path, made)] = workflows(plan).items()
    assert path == ".github/workflows/promote-test.yml"
    assert made["jobs"]["promote"]["environment"]["name"] == "test"
    assert "branch=env/staging\nrepository=acme/shop-env-staging\n" in made["jobs"]["promote"]["steps"][1]["run"]


def test_a_release_dispatches_the_promotion_and_never_meets_the_key(make_plan: Callable[..., Plan]) -> None:
    made = workflows(make_plan(promotions=ON_RELEASE))
    assert sorted(made) == [PRODUCTION, STAGING, RELEASE]
    assert made[RELEASE]["on"] == {"release": {"types": ["released"]}}
    [dispatch] = made[RELEASE]["jobs"].values()
    assert dispatch["permissions"] == {"actions": "write"}
    assert "environment" not in dispatch
    assert "secrets." not in str(dispatch)
    assert list(made[PRODUCTION]["on"]) == ["workflow_dispatch"]


def test_every_job_follows_the_rules_of_a_promotion(make_plan: Callable[..., Plan], variant: dict[str, Any]) -> None:
    """C1, C2, C6, C12: no action, nothing interpolated into a script, the key in one step only."""
    plan = make_plan(**variant)
    assert all(document["permissions"] == {} for document in workflows(plan).values())
    for job in jobs(plan):
        assert 0 < job["timeout-minutes"] <= 30
        assert not any("uses" in step for step in job["steps"])
        assert not any("${{" in step["run"] for step in job["steps"])
        assert not any(re.search(r"push.* (--force|-f\b|\+)", step["run"]) for step in job["steps"])
        with_key = [step["name"] for step in job["steps"] if "secrets." in str(step["env"])]
        assert with_key == (["Move the environment branch"] if "environment" in job else [])
        assert str(job).count("secrets.") == ("environment" in job)
        with_both = [step for step in job["steps"] if "secrets." in str(step["env"]) and "token" in str(step["env"])]
        assert with_both == []


def test_every_script_is_bash_that_parses(make_plan: Callable[..., Plan], variant: dict[str, Any]) -> None:
    for job in jobs(make_plan(**variant)):
        for step in job["steps"]:
            done = subprocess.run(["bash", "-n"], check=False, input=step["run"], text=True, capture_output=True)
            assert (done.returncode, done.stderr) == (0, "")


def zizmor(folder: Path) -> list[str]:
    """Identifiers of what the strictest persona finds, without the network."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("zizmor")),
            *("--offline", "--persona", "auditor", "--strict-collection", "--no-exit-codes"),
            *("--format", "json-v1", "--no-progress", str(folder)),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted({finding["ident"] for finding in json.loads(done.stdout)})


def written(plan: Plan, folder: Path) -> Path:
    for file in workflow_files(plan):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
    return folder


def test_zizmor_reports_nothing_about_any_combination(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    for name, variant in VARIANTS.items():
        written(make_plan(**variant), tmp_path / name)
    assert zizmor(tmp_path) == []


def test_zizmor_would_report_a_workflow_that_is_worse(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    path = written(make_plan(), tmp_path) / PRODUCTION
    spoiled = path.read_text().replace("permissions: {}", "permissions: write-all")
    path.write_text(spoiled.replace("set -euo pipefail", "echo ${{ inputs.sha }}", 1))
    assert zizmor(tmp_path) == ["excessive-permissions", "template-injection"]


def test_the_files_read_back_as_the_documents(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(promotions=ON_RELEASE)
    read = {file.path: YAML(typ="safe").load(file.content) for file in workflow_files(plan)}
    assert read == workflows(plan)
    assert [(file.key, file.message) for file in workflow_files(plan)] == [
        ("promote-production", "Add promote-production.yml [skip ci]"),
        ("promote-staging", "Add promote-staging.yml [skip ci]"),
        ("release-production", "Add release-production.yml [skip ci]"),
    ]


def test_a_new_repository_gets_the_workflows_after_its_other_files(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(owners=["@acme/platform"])
    assert [file.key for file in with_workflows(plan).application.files] == [
        "code-owners",
        "manifests-staging",
        "manifests-production",
        "promote-production",
        "promote-staging",
    ]


def test_an_existing_repository_gets_no_workflow(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(existing=True)
    assert with_workflows(plan) == plan


def test_nothing_is_promoted_to_an_environment_without_a_credential(make_plan: Callable[..., Plan]) -> None:
    environments = [{"name": "staging", "retired": True}, {"name": "review"}]
    assert workflows(make_plan(environments=environments, promotions=[{"target": "staging"}])) == {}


def test_a_name_that_github_would_evaluate_is_refused(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan()
    spoiled = replace(plan, application=replace(plan.application, default_branch="${{ github.actor }}"))
    with pytest.raises(ValueError, match="which GitHub would evaluate inside a script"):
        workflows(spoiled)
