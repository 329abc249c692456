"""Plan -> GitHub Actions workflows that move changes between environments.

One workflow per promotion, `.github/workflows/promote-<environment>.yml`, with one job that runs plain scripts and no
action at all. The credential is in the environment of exactly one step. A release does not start that job itself, since
a job of a tag runs the workflow file of the tag: `.github/workflows/release-<environment>.yml` dispatches it on the
default branch.
"""

from dataclasses import replace
from typing import Any

from gitops_infra.pipelines.admission import ADMISSIONS
from gitops_infra.pipelines.choose_script import Record, choose_script, record_of
from gitops_infra.pipelines.move_script import move_script
from gitops_infra.pipelines.promotion_script import promotion_script
from gitops_infra.pipelines.release_script import release_script
from gitops_infra.pipelines.render import Noted, to_yaml
from gitops_infra.plan.model import File, Plan, Promotion
from gitops_infra.topology.vocabulary import Trigger

__all__ = [
    "promotion_path",
    "promotion_script",
    "promotion_workflow",
    "release_script",
    "release_workflow",
    "with_workflows",
    "workflow_files",
    "workflows",
]

FOLDER = ".github/workflows"

RUNNER = "ubuntu-24.04"

MINUTES = 15
"""After this a promotion is given up; the largest part is the fetch of the whole history."""

HEADING = "Made by gitops-infra from the topology. Change it by pull request."

_NOT_IN_FORKS = "${{ !github.event.repository.fork }}"

_INPUTS = {
    Trigger.ON_APPROVAL: {
        "sha": {"description": "Commit, 40 hexadecimal digits", "required": False, "type": "string", "default": ""},
    },
    Trigger.ON_RELEASE: {
        "tag": {"description": "Tag of the release", "required": True, "type": "string"},
    },
}

_INPUT_VARIABLES = {
    Trigger.ON_DEFAULT_BRANCH: {},
    Trigger.ON_APPROVAL: {"GITOPS_SHA": "${{ inputs.sha }}"},
    Trigger.ON_RELEASE: {"GITOPS_TAG": "${{ inputs.tag }}"},
}
"""What the script reads of what started the workflow. Never part of the script's text: it would be run."""


def workflows(plan: Plan) -> dict[str, dict[str, Any]]:
    """Workflow documents by path, sorted. Promotions to an environment without a credential have none."""
    documents: dict[str, dict[str, Any]] = {}
    for promotion in plan.promotions:
        if plan.environment(promotion.target).credential is None:
            continue
        documents[promotion_path(promotion)] = promotion_workflow(plan, promotion)
        if promotion.trigger is Trigger.ON_RELEASE:
            documents[f"{FOLDER}/release-{promotion.target}.yml"] = release_workflow(plan, promotion)
    return dict(sorted(documents.items()))


def workflow_files(plan: Plan) -> tuple[File, ...]:
    """The workflows as files, ready to be written.

    The commit messages skip CI: until `up` has ended there is no key, and the run could only fail.
    """
    return tuple(
        File(
            key=path.removeprefix(f"{FOLDER}/").removesuffix(".yml"),
            path=path,
            content=to_yaml(document, HEADING),
            message=f"Add {path.removeprefix(f'{FOLDER}/')} [skip ci]",
        )
        for path, document in workflows(plan).items()
    )


def with_workflows(plan: Plan) -> Plan:
    """The plan with its workflows among the files of a new application repository; an existing one gets none."""
    if plan.application.existing:
        return plan
    files = (*plan.application.files, *workflow_files(plan))
    return replace(plan, application=replace(plan.application, files=files))


def promotion_path(promotion: Promotion) -> str:
    """Path of the workflow that promotes to that environment."""
    return f"{FOLDER}/promote-{promotion.target}.yml"


def promotion_workflow(plan: Plan, promotion: Promotion) -> dict[str, Any]:
    """The workflow of one promotion."""
    name, target = promotion.target, plan.environment(promotion.target)
    if target.credential is None:
        raise ValueError(f"nothing can be promoted to '{name}': it has no credential")
    permissions = {"contents": Noted("read", "fetch the history of the default branch")}
    if _reads_deployments(plan, promotion):
        permissions["deployments"] = Noted("read", f"see which commit {promotion.source} runs")
    return {
        "name": f"promote {name}",
        "on": _start(plan, promotion),
        "permissions": {},
        "concurrency": {"group": f"promote-{name}", "cancel-in-progress": False},
        "jobs": {
            "promote": {
                "name": f"promote {name}",
                "if": _NOT_IN_FORKS,
                "runs-on": RUNNER,
                "timeout-minutes": MINUTES,
                "permissions": permissions,
                "environment": {"name": name, "url": "${{ steps.choose.outputs.url }}"},
                "steps": [
                    {
                        "name": "Choose the commit",
                        "id": "choose",
                        "shell": "bash",
                        "env": {"GITHUB_TOKEN": "${{ github.token }}", **_INPUT_VARIABLES[promotion.trigger]},
                        "run": _run(choose_script(plan, promotion)),
                    },
                    {
                        "name": "Move the environment branch",
                        "shell": "bash",
                        "env": ADMISSIONS[target.credential.kind].variables(target.credential),
                        "run": _run(move_script(plan, promotion)),
                    },
                ],
            }
        },
    }


def release_workflow(plan: Plan, promotion: Promotion) -> dict[str, Any]:
    """The workflow that hands a published release, but no pre-release, to the promotion on the default branch.

    It runs from the tag and so has neither an environment nor a secret.
    """
    name = promotion.target
    return {
        "name": f"release to {name}",
        "on": {"release": {"types": ["released"]}},
        "permissions": {},
        "concurrency": {"group": f"release-{name}-${{{{ github.ref }}}}", "cancel-in-progress": False},
        "jobs": {
            "dispatch": {
                "name": f"start the promotion to {name}",
                "if": _NOT_IN_FORKS,
                "runs-on": RUNNER,
                "timeout-minutes": MINUTES,
                "permissions": {"actions": Noted("write", f"start promote-{name}.yml")},
                "steps": [
                    {
                        "name": "Start the promotion on the default branch",
                        "shell": "bash",
                        "env": {
                            "GITHUB_TOKEN": "${{ github.token }}",
                            "GITOPS_TAG": "${{ github.event.release.tag_name }}",
                        },
                        "run": _run(release_script(plan, promotion)),
                    }
                ],
            }
        },
    }


def _start(plan: Plan, promotion: Promotion) -> dict[str, Any]:
    """What starts the promotion; by hand it can always be started."""
    if promotion.trigger is not Trigger.ON_DEFAULT_BRANCH:
        return {"workflow_dispatch": {"inputs": _INPUTS[promotion.trigger]}}
    push: dict[str, Any] = {"branches": [plan.application.default_branch]}
    if folders := plan.environment(promotion.target).paths:
        push["paths"] = [f"{folder}/**" for folder in folders]
    return {"push": push, "workflow_dispatch": {}}


def _reads_deployments(plan: Plan, promotion: Promotion) -> bool:
    if promotion.source is None:
        return False
    return record_of(plan, plan.environment(promotion.source)) is Record.DEPLOYMENTS


def _run(script: str) -> str:
    """The script, refused if GitHub would put an expression's value into its text."""
    if "${{" in script:
        raise ValueError("a name in the topology contains '${{', which GitHub would evaluate inside a script")
    return script
