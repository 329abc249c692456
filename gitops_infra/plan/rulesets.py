"""The rulesets of an application repository and of a state repository.

A bypass lifts every rule of its ruleset, so what the credential may do and what nobody may do are never in one.
No rule names `~DEFAULT_BRANCH`: the first branch pushed to a state repository becomes its default branch, and an
admin can move the default elsewhere.
"""

from collections.abc import Iterable

from gitops_infra.plan.model import BypassActor, BypassKind, PullRequestRule, RefKind, Repository, Rules, Ruleset
from gitops_infra.topology.application import Application
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem

MAX_RULESETS = 60
"""Rulesets per repository that we make at most. GitHub's limit is 75; the rest is left to the users."""

ALL = "~ALL"

_LOCKED = Rules(creation=True, update=True, deletion=True)


def state_rulesets(environment: str, ref: str, *, writable: bool, linear_history: bool) -> tuple[Ruleset, ...]:
    """The four rulesets of a state repository that holds the branch `ref` (a full ref) of one environment.

    `writable` False (retired, or no credential wanted): the writers ruleset has no bypass, so nobody moves the branch.
    `linear_history` forbids merge commits and is for applications that have none: one merge commit anywhere in the
    history of the default branch would refuse the first push.
    """
    name = f"gitops: {environment}"
    writers = (BypassActor(BypassKind.DEPLOY_KEY),) if writable else ()
    integrity = Rules(deletion=True, non_fast_forward=True, required_linear_history=linear_history)
    return (
        Ruleset(
            "writers", f"{name} writers", RefKind.BRANCH, (ref,), Rules(creation=True, update=True), bypass=writers
        ),
        Ruleset("integrity", f"{name} integrity", RefKind.BRANCH, (ref,), integrity),
        Ruleset("locked-branches", f"{name} locked branches", RefKind.BRANCH, (ALL,), _LOCKED, exclude=(ref,)),
        Ruleset("locked-tags", f"{name} locked tags", RefKind.TAG, (ALL,), _LOCKED),
    )


def branch_rulesets(
    environment: Environment, ref: str, *, writer: BypassActor | None, linear_history: bool
) -> tuple[Ruleset, ...]:
    """The rulesets of one environment's branch `ref` (a full ref) in the application's own repository.

    `writer` None: nobody moves it. What a commit must have passed stands in a ruleset of its own, which the writer does
    not bypass.
    """
    name = f"gitops: {environment.name}"
    integrity = Rules(deletion=True, non_fast_forward=True, required_linear_history=linear_history)
    gates = Rules(
        required_checks=tuple(environment.required_checks or ()),
        required_deployments=tuple(environment.required_deployments or ()),
    )
    writers = Ruleset(
        "branch-writers",
        f"{name} writers",
        RefKind.BRANCH,
        (ref,),
        Rules(creation=True, update=True),
        bypass=() if writer is None else (writer,),
    )
    return (
        writers,
        Ruleset("branch-integrity", f"{name} integrity", RefKind.BRANCH, (ref,), integrity),
        *([Ruleset("branch-gates", f"{name} gates", RefKind.BRANCH, (ref,), gates)] if gates != Rules() else []),
    )


def application_rulesets(application: Application, release_tags: Iterable[str] = ()) -> tuple[Ruleset, ...]:
    """The default branch's ruleset and, if tags start a promotion, the one that keeps such tags where they are.

    `release_tags` are patterns of tag names. Nobody bypasses either ruleset.
    """
    linear = bool(application.linear_history)
    reviewed = PullRequestRule(
        approvals=1 if application.required_reviews is None else application.required_reviews,
        code_owner_review=has_code_owners(application),
        merge_methods=("squash", "rebase") if linear else ("merge", "squash", "rebase"),
    )
    default_branch = Ruleset(
        "default-branch",
        "gitops: default branch",
        RefKind.BRANCH,
        (f"refs/heads/{application.default_branch or 'main'}",),
        Rules(
            # An admin who renames the default branch leaves its old name free, and the environments still admit jobs
            # of that name: whoever created it anew would run a workflow of their own with the secrets.
            creation=True,
            deletion=True,
            non_fast_forward=True,
            required_linear_history=linear,
            pull_request=reviewed,
            required_checks=tuple(application.required_checks or ()),
        ),
    )
    tags = tuple(sorted({f"refs/tags/{pattern}" for pattern in release_tags}))
    if not tags:
        return (default_branch,)
    # Creation stays free: whoever may release makes the tag. A tag that has been released never names another commit.
    kept = Rules(update=True, deletion=True)
    return default_branch, Ruleset("release-tags", "gitops: release tags", RefKind.TAG, tags, kept)


def has_code_owners(application: Application) -> bool:
    """Whether a CODEOWNERS file stands behind the rule: declared for an existing repository, written for a new one."""
    return bool(application.code_owners if application.existing else application.owners)


def too_many(repository: Repository) -> tuple[Problem, ...]:
    """The problem that a repository would get more rulesets than GitHub accepts, if it would."""
    count = len(repository.rulesets)
    if count <= MAX_RULESETS:
        return ()
    return (
        Problem(
            where=f"repository '{repository.full_name}'",
            code="too-many-rulesets",
            reason=f"it would get {count} rulesets; at most {MAX_RULESETS} are made in one (GitHub allows 75)",
            remedy="Split the environments over several topologies",
        ),
    )
