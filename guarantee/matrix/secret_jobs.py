"""Whose jobs get which environment's secrets: a job of each ref asks each environment, and none at all."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gitops_infra.plan.access import ActorKind, sample_refs
from gitops_infra.plan.model import Plan, RefKind
from gitops_infra.plan.predictor import kind_of_ref
from gitops_infra.sandbox.forge.git.bare import FORGE
from gitops_infra.sandbox.forge.jobs import JobGrant
from guarantee.matrix.credentials import passed
from guarantee.matrix.stage import HEADS, Stage
from guarantee.matrix.world import FEATURE, MARA, OLIVIA, RITA

Obtained = Mapping[tuple[ActorKind, bool], Mapping[str, str]]
"""Kind of job, and whether somebody approved it where it waited -> secret value -> the job that got it, in words."""


def secret_values(stage: Stage, environment: str) -> frozenset[str]:
    """What lies in the environment, as the forge itself knows it."""
    record = stage.forge.store.environment(stage.repository, environment)
    return frozenset() if record is None else frozenset(str(entry["value"]) for entry in record.secrets.values())


def obtained(stage: Stage, plan: Plan) -> Obtained:
    """What every kind of job gets, as it starts and once it is approved where it waits. The stage is the application's.

    Jobs of feature branches stand for those of every ref but the default branch: tags, environment branches and names
    that resemble them too.
    """
    found: dict[tuple[ActorKind, bool], dict[str, str]] = defaultdict(dict)
    with _pull_request(stage, plan.application.default_branch) as merge:
        for kind, asked in _jobs(plan, merge):
            for environment in (None, *(each.name for each in plan.environments)):
                first = stage.forge.job(repository=stage.full_name, environment=environment, **asked)
                for approved, answer in ((False, first), (True, passed(stage.forge, first, RITA))):
                    if isinstance(answer, JobGrant):
                        words = f"a {asked['event']} job on {answer.ref} in {environment or 'no environment'}"
                        for value in answer.secrets.values():
                            found[kind, approved].setdefault(value, words)
    return found


@contextmanager
def _pull_request(stage: Stage, base: str) -> Iterator[str]:
    """The merge ref of a developer's pull request into the branch `base`."""
    stage.put({**stage.start, FEATURE: stage.git.commit_tree(f"{stage.old}^{{tree}}", [stage.new], "Mine", FORGE)})
    pull = stage.forge.open_pull_request(stage.full_name, OLIVIA, FEATURE.removeprefix(HEADS), base)
    yield f"refs/pull/{pull.number}/merge"
    stage.forge.store.delete(pull)
    stage.present = stage.git.refs()
    stage.put(stage.start)


def _jobs(plan: Plan, merge: str) -> Iterator[tuple[ActorKind, dict[str, Any]]]:
    """Every kind of job on every sample ref."""
    default, developer = HEADS + plan.application.default_branch, ActorKind.DEVELOPER.value
    for event in ("push", "workflow_dispatch", "schedule"):
        yield ActorKind.DEFAULT_JOB, {"event": event, "ref": default, "actor": MARA}
    for ref in sample_refs(plan, plan.application):
        if ref != default and kind_of_ref(ref) is not None:
            events = ("push", "workflow_dispatch") if kind_of_ref(ref) is RefKind.BRANCH else ("push", "release")
            for event in events:
                yield ActorKind.FEATURE_JOB, {"event": event, "ref": ref, "actor": developer}
    yield ActorKind.FEATURE_JOB, {"event": "pull_request", "ref": merge, "actor": developer}
    yield ActorKind.FORK_JOB, {"event": "pull_request", "ref": merge, "fork": True, "actor": ActorKind.READER.value}
