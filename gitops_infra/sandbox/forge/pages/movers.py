"""Who may move which ref, as the rulesets say: facts for the page, no HTML.

What the rules say, not whose role reaches how far: a bypass lets its actor past a rule, and pushing needs the write
role or a write key besides. The decision about a real push is `decide`'s alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import ACTIONS_APP_ID, deploy_key_alive
from gitops_infra.sandbox.forge.model import Repository, Ruleset
from gitops_infra.sandbox.forge.rulesets import governing
from gitops_infra.sandbox.forge.store import Store

HEADS, TAGS = "refs/heads/", "refs/tags/"
OTHER = "any-other-name"
"""Stands for every name that no ruleset and no branch has."""
NOBODY = "nobody"
ANYBODY = "anybody who writes"


@dataclass(frozen=True)
class Movers:
    """What the rules say about one ref, or about all refs that nothing names."""

    ref: str
    """`refs/heads/...`, or the words `every other branch`, `every other tag`."""
    exists: bool
    creates: tuple[str, ...]
    updates: tuple[str, ...]
    """Who may, in words; `nobody`, or `anybody who writes`."""
    through: str
    """How changes come in beside that, such as `pull requests, 1 approval`; empty for pushes only."""
    forces: tuple[str, ...]
    deletes: tuple[str, ...]
    rulesets: tuple[str, ...]
    """Names of those that govern it."""


def movers(store: Store, repository: Repository) -> list[Movers]:
    """One entry for each branch and each ref that a ruleset names, and for all others."""
    refs = BareRepository(store.git_dir(repository)).refs(HEADS)
    named = {
        pattern
        for ruleset in store.rulesets_of(repository)
        for pattern in ruleset.conditions.get("ref_name", {}).get("include", [])
        if pattern.startswith("refs/") and not set(pattern) & set("*?[\\")
    }
    found = [_movers(store, repository, ref, ref, exists=ref in refs) for ref in sorted({*refs, *named})]
    for prefix, words in ((HEADS, "every other branch"), (TAGS, "every other tag")):
        found.append(_movers(store, repository, prefix + OTHER, words, exists=False))
    return found


def _movers(store: Store, repository: Repository, ref: str, words: str, *, exists: bool) -> Movers:
    rulesets = governing(store, repository, ref)

    def allowed(*kinds: str) -> tuple[str, ...]:
        return _past(store, repository, [r for r in rulesets if any(rule["type"] in kinds for rule in r.rules)])

    return Movers(
        ref=words,
        exists=exists,
        creates=allowed("creation"),
        updates=allowed("update", "pull_request"),
        through=_through(rulesets),
        forces=allowed("non_fast_forward", "update", "pull_request"),
        deletes=allowed("deletion"),
        rulesets=tuple(ruleset.name for ruleset in rulesets),
    )


def _past(store: Store, repository: Repository, rulesets: Sequence[Ruleset]) -> tuple[str, ...]:
    """Who passes all of them: the actors that every one lets bypass."""
    if not rulesets:
        return (ANYBODY,)
    names = [
        {
            name
            for actor in ruleset.bypass_actors
            if actor.get("bypass_mode") != "pull_request"
            for name in bypass_names(store, repository, actor)
        }
        for ruleset in rulesets
    ]
    return tuple(sorted(set.intersection(*names))) or (NOBODY,)


def _through(rulesets: Sequence[Ruleset]) -> str:
    kinds = {rule["type"] for ruleset in rulesets for rule in ruleset.rules}
    needed = [
        rule["parameters"].get("required_approving_review_count", 0)
        for ruleset in rulesets
        for rule in ruleset.rules
        if rule["type"] == "pull_request"
    ]
    if not needed or "update" in kinds:
        return ""
    count = max(needed)
    return f"pull requests, {count} approval{'' if count == 1 else 's'}" if count else "pull requests"


def bypass_names(store: Store, repository: Repository, actor: Mapping[str, Any]) -> list[str]:
    """A bypass actor in words: one entry each; of deploy keys every living write key, because it means all of them."""
    return _NAMES[actor["actor_type"]](store, repository, actor.get("actor_id"))


def _deploy_keys(store: Store, repository: Repository, _: int | None) -> list[str]:
    keys = [key for key in store.deploy_keys_of(repository) if not key.read_only and deploy_key_alive(store, key)]
    return [f"deploy key '{key.title}'" for key in keys]


def _app(store: Store, _: Repository, number: int | None) -> list[str]:
    if number == ACTIONS_APP_ID:
        return ["jobs (GitHub Actions)"]
    app = store.apps.get(number or 0)
    return [f"App {app.slug}" if app else f"App {number}, which is gone"]


def _team(store: Store, _: Repository, number: int | None) -> list[str]:
    team = store.teams.get(number or 0)
    return [f"team {team.slug}" if team else f"team {number}, which is gone"]


def _user(store: Store, _: Repository, number: int | None) -> list[str]:
    user = store.accounts.get(number or 0)
    return [user.login if user else f"user {number}, who is gone"]


_ROLES = {5: "administrators", 4: "people who write", 2: "maintainers"}
"""GitHub's ids of built-in repository roles. Source: GitHub REST, rulesets, `actor_id`."""

_NAMES: Mapping[str, Callable[[Store, Repository, int | None], list[str]]] = {
    "DeployKey": _deploy_keys,
    "Integration": _app,
    "Team": _team,
    "User": _user,
    "RepositoryRole": lambda _store, _repository, number: [_ROLES.get(number or 0, f"role {number}")],
    "OrganizationAdmin": lambda _store, _repository, _number: ["organisation owners"],
}
