"""The piece of a topology that describes an existing repository as it is, read from the forge."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.checks.code_owners import PLACES
from gitops_infra.audit.checks.owner import PLAN_NAMES
from gitops_infra.audit.checks.repositories import visibility_of
from gitops_infra.audit.checks.unmanaged import unmanaged
from gitops_infra.audit.github_client import Answer, GitHubReader
from gitops_infra.pipelines.render import to_yaml
from gitops_infra.topology.vocabulary import OwnerKind

MOST_REVIEWS = 6
"""`required_reviews` of a topology, at most; GitHub allows 10."""


class CannotDescribe(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """Something that the description needs cannot be read. The text is one line and names the remedy."""


def describe(reader: GitHubReader, owner: str, name: str) -> str:
    """YAML with `owner` and `application`, and comments on what is left alone. It validates once `environments` follow.

    Raises CannotDescribe and ForgeUnreachable. Reads only.
    """
    full_name = f"{owner}/{name}"
    live = _needed(reader.get("/repos/{}/{}", owner, name), full_name, "it does not exist, or the token cannot see it")
    if live.get("archived"):
        raise CannotDescribe(f"{full_name} is archived: nothing in it can be protected. Unarchive it first")
    # As the forge spells it: a moved repository answers under its new name.
    owner, _, name = str(live.get("full_name", full_name)).partition("/")
    default = str(live.get("default_branch"))
    if not reader.get("/repos/{}/{}/branches/{}", owner, name, default).ok:
        raise CannotDescribe(f"{owner}/{name} has no commit yet. Push one, or let the topology make a new repository")
    rules = tuple(_rules(reader, owner, name, default))
    notes: list[str] = []
    application = {
        "name": name,
        "existing": True,
        "import": True,
        "default_branch": default,
        "visibility": visibility_of(live),
        "description": live.get("description") or None,
        "linear_history": _linear(reader, owner, name, default, rules, notes),
        "code_owners": _code_owners(reader, owner, name, default, notes),
        "required_reviews": _reviews(rules, notes),
        "required_checks": _checks(rules) or None,
    }
    topology = {**_owner(reader, owner, notes), "application": _given(application)}
    head = [f"{owner}/{name} as it is. Add `environments`, and see `gitops-infra plan` and `gitops-infra preflight`."]
    found = str(unmanaged(reader, owner, name))
    head += [f"Left alone: {found}"] if found else []
    return to_yaml(topology, heading="\n".join((*head, *notes)))


def _needed(answer: Answer, what: str, absent: str) -> dict[str, Any]:
    if answer.ok and isinstance(answer.data, dict):
        return answer.data
    if answer.status == HTTPStatus.NOT_FOUND:
        raise CannotDescribe(f"{what}: {absent}. Correct the name, or give the token access")
    raise CannotDescribe(_unreadable(what, answer))


def _unreadable(what: str, answer: Answer) -> str:
    said = f" {answer.message}" if answer.message else ""
    return f"{what} cannot be read: the forge answered {answer.status}{said}. Use a token of an administrator"


def _owner(reader: GitHubReader, owner: str, notes: list[str]) -> dict[str, Any]:
    account = _needed(reader.get("/users/{}", owner), owner, "the forge has no such account")
    kind = OwnerKind.ORGANIZATION if account.get("type") == "Organization" else OwnerKind.USER
    path = "/orgs/{}" if kind is OwnerKind.ORGANIZATION else "/users/{}"
    answer = reader.get(path, owner)
    plan = (answer.data or {}).get("plan") or {} if isinstance(answer.data, Mapping) else {}
    price_plan = PLAN_NAMES.get(str(plan.get("name", "")).lower())
    if price_plan is None:
        notes.append("Add `github_plan`, as billed: GitHub shows it to the organisation's owners only.")
    named = {"owner_kind": None if kind is OwnerKind.ORGANIZATION else kind.value}
    return _given({"owner": owner, **named, "github_plan": price_plan and price_plan.value})


def _rules(reader: GitHubReader, owner: str, name: str, branch: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Type and parameters of every rule of the branch, from rulesets and from a classic protection."""
    listing = reader.pages("/repos/{}/{}/rules/branches/{}", owner, name, branch)
    if not listing.answer.ok:
        raise CannotDescribe(_unreadable(f"the rules of {branch} in {owner}/{name}", listing.answer))
    for rule in listing.entries:
        yield str(rule.get("type")), rule.get("parameters") or {}
    answer = reader.get("/repos/{}/{}/branches/{}/protection", owner, name, branch)
    if answer.ok and isinstance(answer.data, Mapping):
        yield from _classic(answer.data)
    elif answer.status != HTTPStatus.NOT_FOUND:
        raise CannotDescribe(_unreadable(f"the branch protection of {branch} in {owner}/{name}", answer))


def _classic(protection: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A classic protection in the words of rules. Source: GitHub REST, "Get branch protection"."""
    checks = protection.get("required_status_checks")
    if checks:
        contexts = [{"context": context} for context in checks.get("contexts") or ()]
        yield "required_status_checks", {"required_status_checks": contexts}
    if protection.get("required_pull_request_reviews"):
        yield "pull_request", protection["required_pull_request_reviews"]
    if (protection.get("required_linear_history") or {}).get("enabled"):
        yield "required_linear_history", {}


def _checks(rules: tuple[tuple[str, Mapping[str, Any]], ...]) -> list[str]:
    """Names of the required checks, sorted."""
    found = (
        str(check.get("context"))
        for kind, parameters in rules
        if kind == "required_status_checks"
        for check in parameters.get("required_status_checks") or ()
    )
    return sorted(set(found))


def _reviews(rules: tuple[tuple[str, Mapping[str, Any]], ...], notes: list[str]) -> int | None:
    """The strictest number of approvals; None for the topology's default, 1."""
    asked = [int(given.get("required_approving_review_count") or 0) for kind, given in rules if kind == "pull_request"]
    most = max(asked, default=0)
    if most > MOST_REVIEWS:
        notes.append(f"{most} approvals are required today; a topology asks for {MOST_REVIEWS} at most.")
    return min(most, MOST_REVIEWS) if most > 1 else None


def _linear(  # noqa: PLR0913, PLR0917 - the repository, and what is known of it
    reader: GitHubReader,
    owner: str,
    name: str,
    branch: str,
    rules: tuple[tuple[str, Mapping[str, Any]], ...],
    notes: list[str],
) -> bool:
    """Whether merge commits are forbidden and there is none: one would refuse the first push of a promotion."""
    if not any(kind == "required_linear_history" for kind, _ in rules):
        return False
    listing = reader.pages("/repos/{}/{}/commits", owner, name, sha=branch)
    if any(len(entry.get("parents") or ()) > 1 for entry in listing.entries):
        notes.append("`linear_history` is false: merge commits are forbidden now, but the history has some.")
        return False
    return listing.answer.ok


def _code_owners(reader: GitHubReader, owner: str, name: str, branch: str, notes: list[str]) -> bool:
    for path in PLACES:
        if reader.get(f"/repos/{{}}/{{}}/contents/{path}", owner, name, ref=branch).ok:
            notes.append(
                f"`code_owners: true` counts on {path} to cover `.github/` and the manifests: look whether it does."
            )
            return True
    return False


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
