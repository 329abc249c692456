"""The page of a repository: who may move what, the rules, environments, keys, people, pull requests, pushes."""

from collections.abc import Iterable
from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import deploy_key_alive
from gitops_infra.sandbox.forge.model import EnvironmentRecord, PullRequest, Repository, Ruleset
from gitops_infra.sandbox.forge.pages.html import Page, page, text
from gitops_infra.sandbox.forge.pages.movers import HEADS, bypass_names, movers
from gitops_infra.sandbox.forge.pages.overview import HOME, choices, names, refresh, short_ref, wanted, who
from gitops_infra.sandbox.forge.pages.parts import bad, code, good, link, listed, note, section, short, table, when
from gitops_infra.sandbox.forge.pages.pushes import log
from gitops_infra.sandbox.forge.pages.site import Pages, Visit
from gitops_infra.sandbox.forge.store import Store


def show(visit: Visit) -> Page | None:
    """All about one repository."""
    repository = visit.store.repository(visit["owner"], visit["repo"])
    if repository is None or not wanted(visit):
        return None
    store = visit.store
    refused_only = visit.query.get("pushes") == "refused"
    owner = store.accounts[repository.owner_id].login
    content = (
        _summary(repository)
        + section("Who may move what", _movers(store, repository))
        + section(
            "Pushes", choices(visit) + log(store, store.pushes_of(repository), refused_only=refused_only, of_one=True)
        )
        + section("Rulesets", _rulesets(store, repository))
        + section("Environments", _environments(store, repository))
        + section("Deploy keys", _keys(store, repository))
        + section("People and teams", _people(store, repository))
        + section("Branches", _branches(store, repository))
        + section("Pull requests", _pulls(store, repository))
    )
    trail = f"{HOME} / {link(owner, owner)}"
    return page(store.full_name(repository), content, trail=trail, refresh=refresh(visit))


def _summary(repository: Repository) -> str:
    words = [text(repository.visibility), f"default branch {code(repository.default_branch)}"]
    words += [note("archived: nobody can push")] if repository.archived else []
    return f"<p>{', '.join(words)}</p>"


def _movers(store: Store, repository: Repository) -> str:
    heads = ("Ref", "May update it", "May create it", "May force it", "May delete it", "By rulesets")
    rows = (
        [
            code(short_ref(one.ref)) + ("" if one.exists or " " in one.ref else f" {note('not there yet')}"),
            who(one),
            names(one.creates),
            names(one.forces),
            names(one.deletes),
            listed((text(name) for name in one.rulesets), "none"),
        ]
        for one in movers(store, repository)
    )
    return table("What the rules allow; to push at all needs the write role or a write key besides", heads, rows)


def _rulesets(store: Store, repository: Repository) -> str:
    heads = ("Ruleset", "For", "State", "Refs", "Rules", "May bypass it")
    rows = (
        [
            text(ruleset.name),
            text(ruleset.target),
            good("active") if ruleset.enforcement == "active" else note(ruleset.enforcement),
            _refs(ruleset),
            listed(_rule(rule) for rule in ruleset.rules),
            listed(_bypasses(store, repository, ruleset), "nobody"),
        ]
        for ruleset in store.rulesets_of(repository)
    )
    return table("Rulesets of this repository", heads, rows)


def _refs(ruleset: Ruleset) -> str:
    named = ruleset.conditions.get("ref_name", {})
    excluded = (f"not {code(pattern)}" for pattern in named.get("exclude", []))
    return listed([*(code(pattern) for pattern in named.get("include", [])), *excluded])


def _rule(rule: dict[str, Any]) -> str:
    parameters = {name: value for name, value in rule.get("parameters", {}).items() if value}
    details = ", ".join(f"{name}: {_value(value)}" for name, value in parameters.items())
    return text(f"{rule['type']} ({details})" if details else rule["type"])


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, dict):
        return str(value.get("context", value))
    return "yes" if value is True else str(value)


def _bypasses(store: Store, repository: Repository, ruleset: Ruleset) -> Iterable[str]:
    for actor in ruleset.bypass_actors:
        mode = "" if actor.get("bypass_mode", "always") == "always" else f" ({actor['bypass_mode']})"
        found = bypass_names(store, repository, actor) or ["every write key (there is none)"]
        yield from (text(f"{name}{mode}") for name in found)


def _environments(store: Store, repository: Repository) -> str:
    heads = ("Environment", "Deploys from", "Protection", "Secrets", "Variables")
    rows = (
        [
            text(one.name),
            _policy(one),
            listed(_protection(store, one), "none"),
            listed(code(name) for name in sorted(one.secrets)),
            listed(code(name) for name in sorted(one.variables)),
        ]
        for one in store.environments_of(repository)
    )
    return table("Environments; of secrets and variables the names only", heads, rows)


def _policy(one: EnvironmentRecord) -> str:
    if one.branch_policy is None:
        return note("any ref")
    if one.branch_policy.get("protected_branches"):
        return "protected branches"
    return listed((f"{text(policy.get('type', 'branch'))} {code(policy['name'])}" for policy in one.policies), "no ref")


def _protection(store: Store, one: EnvironmentRecord) -> Iterable[str]:
    reviewers = [_reviewer(store, reviewer) for reviewer in one.reviewers]
    if reviewers:
        yield f"approval by {', '.join(reviewers)}"
    if one.prevent_self_review:
        yield "not by who started it"
    if one.wait_timer:
        yield f"waits {one.wait_timer} minutes"
    if not one.can_admins_bypass:
        yield "administrators cannot skip it"


def _reviewer(store: Store, reviewer: dict[str, Any]) -> str:
    if reviewer["type"] == "Team":
        team = store.teams.get(reviewer["id"])
        return text(f"team {team.slug}" if team else f"team {reviewer['id']}, which is gone")
    user = store.accounts.get(reviewer["id"])
    return text(user.login if user else f"user {reviewer['id']}, who is gone")


def _keys(store: Store, repository: Repository) -> str:
    rows = (
        [
            text(key.title),
            "read" if key.read_only else note("write"),
            good("works") if deploy_key_alive(store, key) else bad("dead"),
            text(key.added_by),
            when(key.created_at),
            when(key.last_used),
        ]
        for key in store.deploy_keys_of(repository)
    )
    return table("Deploy keys", ("Key", "Access", "State", "Added by", "Added", "Last used"), rows)


def _people(store: Store, repository: Repository) -> str:
    people = [
        [text(store.accounts[number].login), text(role)]
        for number, role in repository.collaborators.items()
        if number in store.accounts
    ]
    teams = [
        [text(f"team {team.slug}"), text(team.repositories[repository.id])]
        for team in store.teams.values()
        if repository.id in team.repositories
    ]
    owner = store.accounts[repository.owner_id]
    owners = [[text(store.accounts[n].login), "admin (owner)"] for n in sorted(owner.owners) if n in store.accounts]
    return table("Who has a role here, beside members' base permission", ("Who", "Role"), [*owners, *teams, *people])


def _branches(store: Store, repository: Repository) -> str:
    refs = BareRepository(store.git_dir(repository)).refs(HEADS)
    last = {push.ref: push for push in store.pushes_of(repository) if push.allowed}
    rows = (
        [
            code(short_ref(ref)) + (f" {note('default')}" if short_ref(ref) == repository.default_branch else ""),
            short(sha),
            text(last[ref].actor) if ref in last else "it was there",
            when(last[ref].at) if ref in last else "",
        ]
        for ref, sha in sorted(refs.items())
    )
    return table("Branches", ("Branch", "Commit", "Moved last by", "When"), rows, "there is none yet")


def _pulls(store: Store, repository: Repository) -> str:
    rows = (_pull(store, pull) for pull in reversed(store.pull_requests_of(repository)))
    heads = ("Number", "Title", "State", "From", "Into", "By", "Reviews")
    return table("Pull requests, newest first", heads, rows)


def _pull(store: Store, pull: PullRequest) -> list[str]:
    author, app = store.accounts.get(pull.author_id), store.apps.get(pull.author_id)
    reviews = {review["user_id"]: review["state"].replace("_", " ").lower() for review in pull.reviews}
    said = (f"{text(store.accounts[n].login)}: {text(state)}" for n, state in reviews.items() if n in store.accounts)
    return [
        f"#{pull.number}",
        text(pull.title),
        text(pull.state),
        code(pull.head),
        code(pull.base),
        text(author.login if author else f"{app.slug}[bot]" if app else "somebody"),
        listed(said),
    ]


PAGES: Pages = {("GET", "/{owner}/{repo}"): show}
