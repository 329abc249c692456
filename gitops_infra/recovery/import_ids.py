"""What becomes of a pending create: taken over by its import id, made again, or left to the user.

The id forms are those of the provider (terraform-provider-github v6.13, "Import" of each resource page). Resources
whose creation is a PUT, or that the provider adopts when they are there, need no id: making them again is the same.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.fate import Decision, Fate
from gitops_infra.recovery.state import PROVIDERS, PendingCreate
from gitops_infra.recovery.webhook_address import address_of


class Unclear(Exception):  # noqa: N818 - says what the look-up found
    """The forge's answer does not tell whether the resource is there. The text says why, in one line."""


Lookup = Callable[[GitHubReader, str, PendingCreate], str | None]
"""(forge, owner, create) -> import id, or None when the forge has no such thing. KeyError: an input is missing."""


def escaped(part: str) -> str:
    """One part of a colon-separated id; the provider reads `??` as a colon."""
    return part.replace(":", "??")


def _input(create: PendingCreate, key: str) -> str:
    value = create.text(key)
    if value is None:
        raise KeyError(key)
    return value


def _found(reader: GitHubReader, path: str, *parts: str, **query: str) -> Any:
    """The body of an existing object, None for an absent one."""
    answer = reader.get(path, *parts, **query)
    if answer.ok:
        return answer.data
    if answer.status == 404:  # noqa: PLR2004 - not found
        return None
    raise Unclear(f"the forge answered {answer.status} {answer.message}".rstrip())


def _listed(reader: GitHubReader, path: str, *parts: str, key: str | None = None) -> tuple[Mapping[str, Any], ...]:
    """Entries of a list; none when what holds the list is absent."""
    listing = reader.pages(path, *parts, key=key)
    if listing.answer.ok:
        return listing.entries
    if listing.answer.status == 404:  # noqa: PLR2004 - not found
        return ()
    raise Unclear(f"the forge answered {listing.answer.status} {listing.answer.message}".rstrip())


def _repository(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    name = _input(create, "name")
    return name if _found(reader, "/repos/{}/{}", owner, name) else None


def _ruleset(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository, name = _input(create, "repository"), _input(create, "name")
    for entry in _listed(reader, "/repos/{}/{}/rulesets", owner, repository):
        if entry.get("name") == name and entry.get("source_type", "Repository") == "Repository":
            return f"{repository}:{entry['id']}"
    return None


def _deploy_key(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository = _input(create, "repository")
    # By key, not by title: titles may repeat, a key cannot. The forge drops the comment behind it.
    material = _input(create, "key").split()[:2]
    for entry in _listed(reader, "/repos/{}/{}/keys", owner, repository):
        if str(entry.get("key")).split()[:2] == material:
            return f"{repository}:{entry['id']}"
    return None


def _deployment_policy(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository, environment = _input(create, "repository"), _input(create, "environment")
    kind = "branch" if create.text("branchPattern") is not None else "tag"
    pattern = _input(create, f"{kind}Pattern")
    path = "/repos/{}/{}/environments/{}/deployment-branch-policies"
    for entry in _listed(reader, path, owner, repository, environment, key="branch_policies"):
        if entry.get("name") == pattern and entry.get("type", "branch") == kind:
            return f"{repository}:{escaped(environment)}:{entry['id']}"
    return None


def _environment_variable(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository, environment = _input(create, "repository"), _input(create, "environment")
    name = _input(create, "variableName")
    there = _found(reader, "/repos/{}/{}/environments/{}/variables/{}", owner, repository, environment, name)
    return f"{repository}:{escaped(environment)}:{name}" if there else None


def _label(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository, name = _input(create, "repository"), _input(create, "name")
    for entry in _listed(reader, "/repos/{}/{}/labels", owner, repository):
        if str(entry.get("name")).lower() == name.lower():
            return f"{repository}:{entry['name']}"
    return None


def _repository_file(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository, path = _input(create, "repository"), _input(create, "file")
    branch = create.text("branch") or ""
    places = "/".join("{}" for _ in path.split("/"))
    query = {"ref": branch} if branch else {}
    there = _found(reader, f"/repos/{{}}/{{}}/contents/{places}", owner, repository, *path.split("/"), **query)
    if there is None:
        return None
    if not isinstance(there, Mapping) or b64decode(str(there.get("content", ""))) != _input(create, "content").encode():
        raise Unclear(f"{owner}/{repository} has a `{path}` with other content")
    return f"{repository}:{escaped(path)}:{branch}"


WEBHOOK = "github:index/repositoryWebhook:RepositoryWebhook"


def _webhook(reader: GitHubReader, owner: str, create: PendingCreate) -> str | None:
    repository = _input(create, "repository")
    # By its address, which names the receiver and so is a secret: nothing else tells one from another.
    address = address_of(create)
    if address is None:
        raise Unclear(
            "its address is a secret that nobody shows. Delete the webhook: the next `pulumi up` makes it anew"
        )
    for entry in _listed(reader, "/repos/{}/{}/hooks", owner, repository):
        if (entry.get("config") or {}).get("url") == address:
            return f"{repository}/{entry['id']}"
    return None


LOOKUPS: Mapping[str, Lookup] = {
    "github:index/repository:Repository": _repository,
    "github:index/repositoryRuleset:RepositoryRuleset": _ruleset,
    "github:index/repositoryDeployKey:RepositoryDeployKey": _deploy_key,
    "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy": _deployment_policy,
    "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable": _environment_variable,
    "github:index/issueLabel:IssueLabel": _label,
    "github:index/repositoryFile:RepositoryFile": _repository_file,
    WEBHOOK: _webhook,
}
"""Types whose creation fails, or makes a second one, when the thing is there already."""

WITH_SECRETS = frozenset({WEBHOOK})
"""Types whose look-up needs inputs that are secret."""

REPEATABLE: Mapping[str, str] = {
    "github:index/repositoryEnvironment:RepositoryEnvironment": "the forge overwrites the environment",
    "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": "the forge overwrites the secret",
    "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions": "it is a setting",
    "github:index/workflowRepositoryPermissions:WorkflowRepositoryPermissions": "it is a setting",
    "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts": "it is a setting",
    "github:index/teamRepository:TeamRepository": "the forge overwrites the grant",
    "github:index/repositoryCollaborator:RepositoryCollaborator": "the forge overwrites the grant",
    "tls:index/privateKey:PrivateKey": "a key that was not written down is nowhere else",
}
"""Types that are simply made again, and why that is safe."""


def decide(create: PendingCreate, reader: GitHubReader | None) -> Decision:
    """What becomes of the pending create. `reader` may be None for types without a look-up.

    Raises ForgeUnreachable.
    """
    if create.component or create.type.startswith(PROVIDERS):
        kind = "component" if create.component else "provider"
        return Decision(create, Fate.REPEAT, f"made again by the next `pulumi up`; a {kind} is in the state alone")
    if create.type in REPEATABLE:
        return Decision(create, Fate.REPEAT, f"made again by the next `pulumi up`; {REPEATABLE[create.type]}")
    lookup = LOOKUPS.get(create.type)
    if lookup is None:
        return Decision(create, Fate.UNKNOWN, f"resources of type {create.type} are not known here")
    if create.owner is None or reader is None:
        return Decision(create, Fate.UNKNOWN, "its provider names no owner in plain text")
    return _looked_up(create, lookup, reader, create.owner)


def _looked_up(create: PendingCreate, lookup: Lookup, reader: GitHubReader, owner: str) -> Decision:
    try:
        import_id = lookup(reader, owner, create)
    except KeyError as missing:
        return Decision(create, Fate.UNKNOWN, f"its input {missing} was not known when the run ended")
    except Unclear as unclear:
        return Decision(create, Fate.UNKNOWN, str(unclear))
    if import_id is None:
        return Decision(create, Fate.ABSENT, "never reached the forge; made by the next `pulumi up`")
    return Decision(create, Fate.IMPORT, f"is on the forge; imported as {import_id}", import_id)
