"""Which refs may deploy to an environment: its deployment branch policy.

Source: GitHub, "Deployments and environments": patterns as Ruby's `File.fnmatch`, where `*` does not match `/`; pull
request events are matched as `refs/pull/<number>/merge` since 8 December 2025.
"""

from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.rulesets import governing
from gitops_infra.sandbox.forge.store import Store


def ref_problem(store: Store, repository: Repository, environment: EnvironmentRecord, ref: str) -> str | None:
    """Why the environment's branch policy does not admit the ref, or None."""
    policy = environment.branch_policy
    if policy is None:
        return None
    if policy.get("protected_branches"):
        admitted = _protected(store, repository, ref)
    else:
        admitted = any(_admits(entry, ref) for entry in environment.policies)
    if admitted:
        return None
    kind = "Tag" if ref.startswith("refs/tags/") else "Branch"
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return f'{kind} "{name}" is not allowed to deploy to {environment.name} due to environment protection rules.'


def _admits(policy: Mapping[str, Any], ref: str) -> bool:
    """Whether one custom pattern admits the ref: branch names, tag names, or the whole ref of a pull request."""
    prefix = "refs/tags/" if policy.get("type") == "tag" else "refs/heads/"
    if ref.startswith(prefix):
        return fnmatch(policy["name"], ref.removeprefix(prefix))
    return prefix == "refs/heads/" and ref.startswith("refs/pull/") and fnmatch(policy["name"], ref)


def _protected(store: Store, repository: Repository, ref: str) -> bool:
    """Whether the ref is a branch under an active ruleset; while no branch is under one, every branch is admitted.

    GitHub documents this for classic branch protection, which this forge does not have.
    """
    if not ref.startswith("refs/heads/"):
        return False
    rulesets = store.rulesets_of(repository)
    if not any(ruleset.enforcement == "active" and ruleset.target == "branch" for ruleset in rulesets):
        return True
    return bool(governing(store, repository, ref))
