"""Repositories, their labels and rulesets, and who owns them, as GraphQL shows them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gitops_infra.sandbox.forge.graphql.connections import (
    attribute,
    connection,
    connection_type,
    constant,
    key,
    none_of,
)
from gitops_infra.sandbox.forge.graphql.execution import Field, Typed
from gitops_infra.sandbox.forge.identity import role
from gitops_infra.sandbox.forge.model import Account, Repository, Role, Ruleset
from gitops_infra.sandbox.forge.responses import Refusal, timestamp
from gitops_infra.sandbox.forge.rest import repositories, shapes
from gitops_infra.sandbox.forge.router import Call

VIEWER_PERMISSIONS = {
    Role.READ: "READ",
    Role.TRIAGE: "TRIAGE",
    Role.WRITE: "WRITE",
    Role.MAINTAIN: "MAINTAIN",
    Role.ADMIN: "ADMIN",
}
Given = Mapping[str, Any]


def within(call: Call, repository: Repository) -> Call:
    """The call as if its path named the repository, for what REST has already."""
    return replace(call, parameters={"owner": call.store.accounts[repository.owner_id].login, "repo": repository.name})


def find(call: Call, owner: str, name: str) -> Repository:
    """The repository, if the caller may see it. Raises Refusal 404 in GraphQL's words, 401 or 403."""
    try:
        return replace(call, parameters={"owner": owner, "repo": name}).repository()
    except Refusal as refusal:
        if refusal.status != 404:  # noqa: PLR2004  (Not Found)
            raise
        raise Refusal(404, f"Could not resolve to a Repository with the name '{owner}/{name}'.") from None


def of_node(call: Call, node_id: str) -> Repository:
    """The repository of a node id. Raises Refusal 404."""
    number = node_id.removeprefix("R_")
    repository = call.store.repositories.get(int(number)) if number.isdecimal() else None
    if repository is None:
        raise Refusal(404, f"Could not resolve to a node with the global id of '{node_id}'.")
    return find(call, call.store.accounts[repository.owner_id].login, repository.name)


def owner_of(call: Call, repository: Repository) -> Typed:
    """The account that it belongs to."""
    account = call.store.accounts[repository.owner_id]
    return Typed(account.kind, account)


def _shape(name: str) -> Field:
    return Field(lambda call, value, _: repositories.shape(call, value)[name])


def _setting(name: str) -> Field:
    """A setting that REST calls so, with GitHub's default."""
    return Field(lambda call, value, _: repositories.full_shape(call, value).get(name, repositories.SETTINGS.get(name)))


def _permission(call: Call, value: Repository, _: Given) -> str | None:
    found = role(call.store, call.identity, value)
    return None if found is None else VIEWER_PERMISSIONS[found]


def _may(level: Role) -> Callable[[Call, Repository, Given], bool]:
    def asked(call: Call, value: Repository, _: Given) -> bool:
        found = role(call.store, call.identity, value)
        return found is not None and found.at_least(level)

    return asked


def _branch(call: Call, value: Repository, _: Given) -> dict[str, Any] | None:
    """The default branch; None in an empty repository."""
    return _ref(call, value, {"qualifiedName": f"refs/heads/{value.default_branch}"})


def _ref(call: Call, value: Repository, given: Given) -> dict[str, Any] | None:
    name = given["qualifiedName"]
    sha = call.git(value).resolve(name)
    prefix = "refs/tags/" if name.startswith("refs/tags/") else "refs/heads/"
    short = name.removeprefix(prefix)
    return None if sha is None else {"name": short, "prefix": prefix, "target": {"oid": sha}, "repository": value}


def _labels(_call: Call, value: Repository, given: Given) -> Iterable[dict[str, Any]]:
    """In the order asked for (`orderBy`: CREATED_AT or NAME), those whose name or description has `query`."""
    wanted, order = (given.get("query") or "").lower(), given.get("orderBy") or {}
    found = [{"name": name, **label} for name, label in value.labels.items()]
    found = [one for one in found if wanted in f"{one['name']}\n{one['description'] or ''}".lower()]
    found.sort(key=lambda one: one["name"].lower() if order.get("field") == "NAME" else one["id"])
    return reversed(found) if order.get("direction") == "DESC" else found


def _rulesets(call: Call, value: Repository, _: Given) -> Iterable[Ruleset]:
    within(call, value).repository("metadata", "read")
    return call.store.rulesets_of(value)


def _source(call: Call, value: Ruleset, _: Given) -> Typed:
    return Typed("Repository", call.store.repositories[value.repository_id])


def _node(kind: str) -> Field:
    return Field(lambda _call, value, _: shapes.node_id(kind, value.id))


def _own_node(_call: Call, value: Account, _: Given) -> str:
    return shapes.node_id("U" if value.kind == "User" else "O", value.id)


REPOSITORY: Mapping[str, Field] = {
    "id": _node("R"),
    "databaseId": attribute("id"),
    "name": attribute("name"),
    "nameWithOwner": _shape("full_name"),
    "owner": Field(lambda call, value, _: owner_of(call, value), "RepositoryOwner"),
    "description": Field(lambda _call, value, _: value.settings.get("description")),
    "homepageUrl": Field(lambda _call, value, _: value.settings.get("homepage")),
    "url": _shape("html_url"),
    "sshUrl": _shape("ssh_url"),
    "visibility": Field(lambda _call, value, _: value.visibility.upper()),
    "isPrivate": _shape("private"),
    "isFork": _shape("fork"),
    "isArchived": attribute("archived"),
    "isEmpty": Field(lambda call, value, _: call.git(value).empty()),
    "isTemplate": _setting("is_template"),
    "createdAt": _shape("created_at"),
    "updatedAt": _shape("updated_at"),
    "pushedAt": _shape("pushed_at"),
    "defaultBranchRef": Field(_branch, "Ref"),
    "ref": Field(_ref, "Ref", frozenset({"qualifiedName"})),
    "parent": constant(None, "Repository"),
    "viewerPermission": Field(_permission),
    "viewerCanAdminister": Field(_may(Role.ADMIN)),
    "hasIssuesEnabled": _setting("has_issues"),
    "hasWikiEnabled": _setting("has_wiki"),
    "hasProjectsEnabled": _setting("has_projects"),
    "mergeCommitAllowed": _setting("allow_merge_commit"),
    "rebaseMergeAllowed": _setting("allow_rebase_merge"),
    "squashMergeAllowed": _setting("allow_squash_merge"),
    "deleteBranchOnMerge": _setting("delete_branch_on_merge"),
    "labels": connection("Label", _labels, "query", "orderBy"),
    "rulesets": connection("RepositoryRuleset", _rulesets, "includeParents"),
    "pullRequestTemplates": constant([], "PullRequestTemplate"),
    "assignableUsers": none_of("User", "query"),
    "milestones": none_of("Milestone", "states"),
}

TYPES: Mapping[str, Mapping[str, Field]] = {
    "Repository": REPOSITORY,
    "Ref": {
        "name": key("name"),
        "prefix": key("prefix"),
        "target": key("target", "Commit"),
        "repository": key("repository", "Repository"),
    },
    "User": {
        "id": Field(_own_node),
        "databaseId": attribute("id"),
        "login": attribute("login"),
        "name": attribute("login"),
    },
    "Organization": {
        "id": Field(_own_node),
        "databaseId": attribute("id"),
        "login": attribute("login"),
        "name": attribute("login"),
    },
    "Bot": {"id": _node("BOT"), "databaseId": attribute("id"), "login": attribute("login")},
    "Label": {
        "id": Field(lambda _call, value, _: shapes.node_id("LA", value["id"])),
        "name": key("name"),
        "color": key("color"),
        "description": key("description"),
    },
    "LabelConnection": connection_type("Label"),
    "RepositoryRuleset": {
        "id": _node("RRS"),
        "databaseId": attribute("id"),
        "name": attribute("name"),
        "target": Field(lambda _call, value, _: value.target.upper()),
        "enforcement": Field(lambda _call, value, _: value.enforcement.upper()),
        "source": Field(_source, "RuleSource"),
        "rules": Field(lambda _call, value, _: {"totalCount": len(value.rules)}, "RepositoryRuleConnection"),
        "createdAt": Field(lambda _call, value, _: timestamp(value.created_at)),
        "updatedAt": Field(lambda _call, value, _: timestamp(value.updated_at)),
    },
    "RepositoryRulesetConnection": connection_type("RepositoryRuleset"),
    "RepositoryRuleConnection": {"totalCount": key("totalCount")},
    "PullRequestTemplate": {"filename": key("filename"), "body": key("body")},
    "UserConnection": connection_type("User"),
    "Milestone": {name: key(name) for name in ("id", "number", "title", "description", "dueOn")},
    "MilestoneConnection": connection_type("Milestone"),
}
ABSTRACT: Mapping[str, tuple[str, ...]] = {
    "RepositoryOwner": ("User", "Organization"),
    "Actor": ("User", "Bot", "Organization"),
    "RuleSource": ("Repository", "Organization"),
}
