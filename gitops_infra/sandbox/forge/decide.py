"""The one decision about a ref update, for REST, git over HTTP, git over SSH and merges of pull requests."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository
from gitops_infra.sandbox.forge.identity import Identity, IdentityKind, may, role
from gitops_infra.sandbox.forge.model import PullRequest, PushRecord, Repository, Role, Ruleset
from gitops_infra.sandbox.forge.rules import Question, RefUpdate, violations
from gitops_infra.sandbox.forge.rulesets import ROLE_ACTORS, governing
from gitops_infra.sandbox.forge.scopes import includes
from gitops_infra.sandbox.forge.store import Store

__all__ = ["ABSENT", "RefUpdate", "Verdict", "bypasses", "decide", "decide_push"]

DECLINED = "push declined due to repository rule violations"
WORKFLOWS = ".github/workflows"


@dataclass(frozen=True)
class Verdict:
    """What the forge says to one ref update."""

    allowed: bool
    violations: tuple[str, ...] = ()
    """GitHub's sentences for the rules that refused it."""
    bypassed: tuple[str, ...] = ()
    """Names of the rulesets that would have refused it and that the actor bypassed."""
    status: int = 200
    """For REST: 200, 403, 404 or 422. GitHub answers 409 to a file change and 405 to a merge that rules refuse."""
    message: str = ""
    """For REST: why it is refused."""
    reason: str = ""
    """For git: the words in the parentheses of `[remote rejected]`."""
    bypassed_violations: tuple[str, ...] = ()
    found: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sentence -> offending commit ids, where a rule names some."""
    refused_by: tuple[str, ...] = ()
    """Names of the rulesets that refused it."""


def decide(  # noqa: PLR0913  (the contract of every caller; all but five by keyword)
    store: Store,
    git: BareRepository,
    identity: Identity,
    repository: Repository,
    update: RefUpdate,
    *,
    via: str,
    merge: PullRequest | None = None,
    method: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Verdict:
    """Whether the identity may move the ref, and why not; writes a PushRecord either way.

    `via` is `http`, `ssh`, `rest` or `merge`, the last with the pull request as `merge` and the merge `method`.
    `env` shows git the objects of a push that is not accepted yet.
    """
    with store.lock:
        verdict = _judge(identity, Question(store, git, repository, update, merge, method, env))
        _record(store, repository, identity, via, update, verdict)
        return verdict


def preview(  # noqa: PLR0913, PLR0917  (as decide)
    store: Store,
    git: BareRepository,
    identity: Identity,
    repository: Repository,
    update: RefUpdate,
    merge: PullRequest,
    method: str,
) -> Verdict:
    """What `decide` would say about a merge. Nothing is written down."""
    with store.lock:
        return _judge(identity, Question(store, git, repository, update, merge, method))


def decide_push(  # noqa: PLR0913  (as decide)
    store: Store,
    git: BareRepository,
    identity: Identity,
    repository: Repository,
    updates: Sequence[RefUpdate],
    *,
    via: str,
    env: Mapping[str, str] | None = None,
) -> list[Verdict]:
    """The verdicts about all refs of one push, in order: when one is refused, all are, as at GitHub."""
    with store.lock:
        verdicts = [_judge(identity, Question(store, git, repository, update, env=env)) for update in updates]
        refused = next((verdict for verdict in verdicts if not verdict.allowed), None)
        if refused is not None:
            verdicts = [
                v if not v.allowed else Verdict(allowed=False, status=422, message=DECLINED, reason=refused.reason)
                for v in verdicts
            ]
        for update, verdict in zip(updates, verdicts, strict=True):
            _record(store, repository, identity, via, update, verdict)
        return verdicts


def _record(  # noqa: PLR0913, PLR0917  (the parts of the record)
    store: Store, repository: Repository, identity: Identity, via: str, update: RefUpdate, verdict: Verdict
) -> None:
    store.add(
        PushRecord(
            id=store.new_id(),
            at=store.now(),
            repository_id=repository.id,
            ref=update.ref,
            before=update.before,
            after=update.after,
            actor=identity.label,
            via=via,
            allowed=verdict.allowed,
            bypassed=list(verdict.bypassed),
            reason=" ".join(verdict.violations) or verdict.reason,
            refused_by=list(verdict.refused_by),
        )
    )


def _judge(identity: Identity, question: Question) -> Verdict:
    refusal = (
        _authorisation(identity, question)
        or _archived(identity, question)
        or _ref_itself(identity, question)
        or _by_rules(identity, question)
    )
    return refusal or Verdict(allowed=True)


def _authorisation(identity: Identity, question: Question) -> Verdict | None:
    store, repository = question.store, question.repository
    if role(store, identity, repository) is None:
        return Verdict(allowed=False, status=404, message="Not Found", reason="Repository not found.")
    if may(store, identity, repository, "contents", "write"):
        return None
    words = "Resource not accessible by integration", "Must have push access to the repository."
    message = words[0] if identity.integration else words[1]
    reason = f"Permission to {store.full_name(repository)}.git denied to {identity.label}."
    return Verdict(allowed=False, status=403, message=message, reason=reason)


def _archived(_identity: Identity, question: Question) -> Verdict | None:
    if not question.repository.archived:
        return None
    message = "Repository was archived so is read-only."
    reason = "This repository was archived so it is read-only."
    return Verdict(allowed=False, status=403, message=message, reason=reason)


_MISLEADING = re.compile(r"refs/(heads|tags)/(refs/|[0-9a-f]{40}\Z)")
"""New names that GitHub refuses: a branch `refs/pull/1/merge` would pass a policy that is meant for pull requests.

Source: GitHub, "Dealing with special characters in branch and tag names". The words are not confirmed.
"""


def _ref_itself(_identity: Identity, question: Question) -> Verdict | None:
    """What no role and no bypass allows."""
    update, git = question.update, question.git
    if not git.valid_ref(update.ref):
        return Verdict(allowed=False, status=422, message="Reference name is invalid", reason="funny refname")
    if update.ref.startswith("refs/pull/"):
        reason = "deny updating a hidden ref"
        return Verdict(allowed=False, status=422, message="Reference update failed", reason=reason)
    if update.creates and _MISLEADING.match(update.ref):
        reason = "branch or tag names that read like a ref or an object id are not allowed"
        return Verdict(allowed=False, status=422, message="Reference name is invalid", reason=reason)
    if update.deletes and update.ref == f"refs/heads/{question.repository.default_branch}":
        reason = f"refusing to delete the current branch: {update.ref}"
        return Verdict(allowed=False, status=422, message="Cannot delete the default branch", reason=reason)
    return None


def _by_rules(identity: Identity, question: Question) -> Verdict | None:
    """Rulesets in layers: each that governs the ref must pass or be bypassed; then workflow files."""
    found: dict[str, tuple[str, ...]] = {}
    bypassed: dict[str, list[str]] = {}
    refused_by: list[str] = []
    for ruleset in governing(question.store, question.repository, question.update.ref):
        mode = _bypass_mode(identity, question, ruleset)
        if mode == "exempt":
            continue
        against: dict[str, tuple[str, ...]] = {}
        for rule in ruleset.rules:
            against |= violations(question, rule)
        if against and mode:
            bypassed[ruleset.name] = list(against)
        elif against:
            found |= against
            refused_by.append(ruleset.name)
    workflow = _workflow_refusal(identity, question)
    skipped = tuple(dict.fromkeys(sentence for sentences in bypassed.values() for sentence in sentences))
    names = tuple(bypassed)
    if found:
        sentences = (*found, *((workflow,) if workflow else ()))
        message = "Repository rule violations found\n\n" + "".join(f"{sentence}\n\n" for sentence in sentences)
        return Verdict(
            allowed=False,
            violations=sentences,
            bypassed=names,
            status=422,
            message=message,
            reason=DECLINED,
            found=found,
            refused_by=tuple(refused_by),
        )
    if workflow:
        return Verdict(allowed=False, bypassed=names, status=403, message=workflow, reason=workflow)
    return Verdict(allowed=True, bypassed=names, bypassed_violations=skipped)


def _bypass_mode(identity: Identity, question: Question, ruleset: Ruleset) -> str | None:
    """`exempt` or `always` when the identity may skip the ruleset for this update, else None."""
    modes = set()
    for actor in ruleset.bypass_actors:
        mode = actor.get("bypass_mode", "always")
        if mode == "pull_request" and question.pull is None:
            continue
        if bypasses(question.store, identity, question.repository, actor):
            modes.add("exempt" if mode == "exempt" else "always")
    return min(modes, key=("exempt", "always").index, default=None)


def bypasses(store: Store, identity: Identity, repository: Repository, actor: Mapping[str, Any]) -> bool:
    """Whether the identity is the bypass actor, whatever its mode."""
    return _ACTORS[actor["actor_type"]](store, identity, repository, actor.get("actor_id"))


def _has_role(store: Store, identity: Identity, repository: Repository, actor_id: int | None) -> bool:
    if identity.kind is not IdentityKind.USER or actor_id not in ROLE_ACTORS:
        return False
    found = role(store, identity, repository)
    return found is not None and found.at_least(Role(ROLE_ACTORS[actor_id]))


def _in_team(store: Store, identity: Identity, repository: Repository, actor_id: int | None) -> bool:
    team = store.teams.get(actor_id or 0)
    if identity.kind is not IdentityKind.USER or team is None:
        return False
    # A transfer leaves teams of the old owner in the list: they are nobody's then.
    return team.organization_id == repository.owner_id and identity.user_id in team.members


def _is_user(_store: Store, identity: Identity, _repository: Repository, actor_id: int | None) -> bool:
    return identity.kind is IdentityKind.USER and identity.user_id == actor_id


def _is_app(_store: Store, identity: Identity, _repository: Repository, actor_id: int | None) -> bool:
    return identity.integration and identity.app_id == actor_id


def _is_owner(store: Store, identity: Identity, repository: Repository, _actor_id: int | None) -> bool:
    return identity.kind is IdentityKind.USER and identity.user_id in store.accounts[repository.owner_id].owners


def _is_deploy_key(_store: Store, identity: Identity, repository: Repository, _actor_id: int | None) -> bool:
    # Every write key of the repository: GitHub's actor has no id. See "findings" in the forge notes of the design.
    return identity.kind is IdentityKind.DEPLOY_KEY and identity.repository_id == repository.id


_ACTORS: Mapping[str, Callable[[Store, Identity, Repository, int | None], bool]] = {
    "RepositoryRole": _has_role,
    "Team": _in_team,
    "User": _is_user,
    "Integration": _is_app,
    "OrganizationAdmin": _is_owner,
    "DeployKey": _is_deploy_key,
}

_WITHOUT_WORKFLOWS = {
    # Identity kind -> who is refused and what it lacks, in GitHub's words.
    IdentityKind.APP: ("a GitHub App", "`workflows` permission"),
    IdentityKind.JOB: ("a GitHub App", "`workflows` permission"),
    IdentityKind.USER: ("a Personal Access Token", "`workflow` scope"),
}


def _may_change_workflows(identity: Identity) -> bool:
    if identity.kind is IdentityKind.JOB:
        return False
    held = identity.permissions
    return includes(identity.scopes, "workflow") and (held is None or held.get("workflows") == "write")


def _workflow_refusal(identity: Identity, question: Question) -> str | None:
    """The refusal of a token that may not change workflow files, or None.

    A file whose path and content are on another branch already may be pushed by anyone (GitHub, "Scopes for OAuth
    apps", `workflow`). Deploy keys, users' SSH keys and people on the web page are not limited.
    """
    update, git = question.update, question.git
    if update.deletes or identity.kind not in _WITHOUT_WORKFLOWS or _may_change_workflows(identity):
        return None
    tip = git.commit_id(update.after, question.env)
    if tip is None:
        return None
    before = ABSENT if update.creates else update.before
    changed = set(git.changed_paths(before, tip, WORKFLOWS, env=question.env))
    files = {e.path: e.sha for e in git.tree(tip, WORKFLOWS, recursive=True, env=question.env) if e.path in changed}
    for branch in git.refs("refs/heads/") if files else ():
        here = {entry.path: entry.sha for entry in git.tree(branch, WORKFLOWS, recursive=True)}
        files = {path: sha for path, sha in files.items() if here.get(path) != sha}
    if not files:
        return None
    who, lacks = _WITHOUT_WORKFLOWS[identity.kind]
    return f"refusing to allow {who} to create or update workflow `{min(files)}` without {lacks}"
