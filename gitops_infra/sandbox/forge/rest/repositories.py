"""Repositories: create, read, change, rename, delete; topics and vulnerability alerts."""

import re
import shutil
from dataclasses import replace
from typing import Any

from gitops_infra.sandbox.forge.git.bare import ABSENT, FORGE, BareRepository
from gitops_infra.sandbox.forge.identity import may, role
from gitops_infra.sandbox.forge.model import Account, Repository, Role
from gitops_infra.sandbox.forge.repository_life import check_name, claim_name, rename, taken
from gitops_infra.sandbox.forge.repository_life import delete as remove
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, invalid, not_found, timestamp
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.rest.sealing import new_seed
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.scopes import includes
from gitops_infra.sandbox.forge.store import Store

SETTINGS: dict[str, Any] = {
    # what PATCH may change beside name, visibility, default branch and archived; with GitHub's defaults
    "description": None,
    "homepage": None,
    "has_issues": True,
    "has_projects": True,
    "has_wiki": True,
    "has_downloads": True,
    "has_discussions": False,
    "has_pull_requests": True,
    "pull_request_creation_policy": "all",
    "is_template": False,
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "allow_update_branch": False,
    "allow_forking": False,
    "delete_branch_on_merge": False,
    "use_squash_pr_title_as_default": False,
    "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
    "squash_merge_commit_message": "COMMIT_MESSAGES",
    "merge_commit_title": "MERGE_MESSAGE",
    "merge_commit_message": "PR_TITLE",
    "web_commit_signoff_required": False,
}
TEXTS = ("description", "homepage")
FIELDS: dict[str, type | tuple[type, ...]] = {
    **{name: str if name in TEXTS else type(default) for name, default in SETTINGS.items()},
    "name": str,
    "private": bool,
    "visibility": str,
}
IGNORED = {"topics": list}
"""Sent by the Terraform provider's client with every create and update; GitHub ignores it: topics have a call."""
CREATE_FIELDS = {
    **FIELDS,
    **IGNORED,
    "auto_init": bool,
    "team_id": int,
    "gitignore_template": str,
    "license_template": str,
    "security_and_analysis": dict,
}
# The provider repeats the settings of a creation in its PATCH; GitHub ignores `auto_init` and both templates there.
UPDATE_FIELDS = {**CREATE_FIELDS, "default_branch": str, "archived": bool}
VISIBILITIES = ("private", "public", "internal")
TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


def create_in_organization(call: Call) -> Response:
    """A new repository of an organisation."""
    organization = call.organization("repositories", "write")
    return _create(call, organization)


def create_own(call: Call) -> Response:
    """A new repository of the user."""
    return _create(call, call.user())


def _create(call: Call, owner: Account) -> Response:
    body = call.fields("Repository", CREATE_FIELDS, required="name")
    _check_available(body, ("gitignore_template", "license_template", "security_and_analysis"))
    visibility = body.get("visibility") or ("private" if body.get("private") else "public")
    repository = make(call.store, owner, body["name"], visibility=visibility, auto_init=bool(body.get("auto_init")))
    _change_settings(repository, body)
    welcome(call, owner, repository)
    if (team := call.store.teams.get(body.get("team_id") or 0)) and team.organization_id == owner.id:
        team.repositories[repository.id] = Role.READ
        call.store.save(team)
    call.store.save(repository)
    return Response(201, full_shape(call, repository))


def _check_available(body: dict[str, Any], names: tuple[str, ...]) -> None:
    """Raises Refusal 422 for a setting that GitHub would act on and this forge would not."""
    for name in names:
        if body.get(name):
            raise invalid("Repository", name, f"stand-in has no {name}")


def future_owner(call: Call, login: str | None) -> Account:
    """Whose a new repository becomes: the user's without a name. Raises Refusal if the identity may make none there."""
    if login is None or (call.identity.user_id and login == call.user().login):
        return call.user()
    if call.store.user(login):
        raise invalid("Repository", "owner", f"{login} is another user")
    return replace(call, parameters={"org": login}).organization("repositories", "write")


def welcome(call: Call, owner: Account, repository: Repository) -> None:
    """Gives whoever made the repository what GitHub gives: an administrator's role, or a place in the installation.

    Source: GitHub, "Installing your own GitHub App": repositories that the App creates are granted automatically.
    """
    if call.identity.user_id not in (None, owner.id):
        repository.collaborators[call.identity.user_id or 0] = Role.ADMIN
    installation = call.store.installations.get(call.identity.installation_id or 0)
    if installation is not None and installation.repository_ids is not None:
        installation.repository_ids.add(repository.id)
        call.store.save(installation)
    call.store.save(repository)


def make(  # noqa: PLR0913  (what a repository starts with, all but the first three by name)
    store: Store,
    owner: Account,
    name: str,
    *,
    visibility: str = "private",
    default_branch: str = "main",
    auto_init: bool = False,
) -> Repository:
    """A new repository with its git data; `auto_init` gives it a first commit with a README.md.

    Raises Refusal 422 for a bad or taken name and a visibility the owner cannot have.
    """
    check_name(name)
    if store.repository(owner.login, name):
        raise Refusal(422, "Repository creation failed.", [taken()])
    check_visibility(owner, visibility)
    claim_name(store, owner, name)
    now = store.now()
    repository = Repository(
        store.new_id(), owner.id, name, visibility, default_branch, now, now, sealed_box_seed=new_seed()
    )
    git = BareRepository(store.git_dir(repository))
    if git.path.exists():  # left by a request that was rolled back
        shutil.rmtree(git.path)
    git.create(default_branch)
    store.add(repository)
    if auto_init:
        # No rule can stand in the way of a repository that nobody has seen yet.
        commit = git.write_file(default_branch, "README.md", f"# {name}\n".encode(), "Initial commit", FORGE)
        git.update_ref(f"refs/heads/{default_branch}", commit, ABSENT)
    return repository


def check_visibility(owner: Account, visibility: str) -> None:
    """Raises Refusal 422 for a visibility that the owner's repositories cannot have."""
    if visibility not in VISIBILITIES:
        raise invalid("Repository", "visibility", f"visibility must be one of {', '.join(VISIBILITIES)}")
    if visibility == "internal" and (owner.kind != "Organization" or owner.price_plan != "enterprise"):
        raise invalid(
            "Repository",
            "visibility",
            "Only organizations associated with an enterprise can set visibility to internal",
        )


def list_of_organization(call: Call) -> Response:
    """The organisation's repositories that the identity can see."""
    return _list(call, call.organization())


def list_of_user(call: Call) -> Response:
    """A user's repositories that the identity can see."""
    owner = call.store.user(call["username"])
    if owner is None:
        raise not_found()
    return _list(call, owner)


def list_own(call: Call) -> Response:
    """Every repository in which the user has a role of their own."""
    call.user()
    found = (r for r in call.store.repositories.values() if _has_part(call, r))
    return call.page(shape(call, repository) for repository in found)


def _has_part(call: Call, repository: Repository) -> bool:
    found = role(call.store, call.identity, repository)
    return found is not None and (repository.visibility != "public" or found is not Role.READ)


def _list(call: Call, owner: Account) -> Response:
    owned = (r for r in call.store.repositories.values() if r.owner_id == owner.id)
    return call.page(shape(call, r) for r in owned if role(call.store, call.identity, r) is not None)


def get(call: Call) -> Response:
    """The repository; merge settings only for those who may push."""
    return Response(200, full_shape(call, call.repository()))


def update(call: Call) -> Response:
    """Changes settings, name, visibility or default branch (which must exist), archives or revives."""
    repository = call.repository("administration", "write", even_archived=True)
    body = call.fields("Repository", UPDATE_FIELDS)
    _check_available(body, ("security_and_analysis",))
    if repository.archived and body.get("archived") is not False:
        raise Refusal(403, "Repository was archived so is read-only.")
    owner = call.store.accounts[repository.owner_id]
    if body.get("name") and body["name"] != repository.name:
        rename(call.store, repository, body["name"])
    visibility = (
        body.get("visibility") or {True: "private", False: "public", None: repository.visibility}[body.get("private")]
    )
    check_visibility(owner, visibility)
    repository.visibility = visibility
    if body.get("default_branch") and body["default_branch"] != repository.default_branch:
        _move_default_branch(call, repository, body["default_branch"])
    repository.archived = bool(body.get("archived", repository.archived))
    _change_settings(repository, body)
    repository.updated_at = call.store.now()
    call.store.save(repository)
    return Response(200, full_shape(call, repository))


def _move_default_branch(call: Call, repository: Repository, branch: str) -> None:
    git = call.git(repository)
    if git.resolve(f"refs/heads/{branch}") is None:
        message = f"The branch {branch} was not found. Please push that ref first or create it via the Git Data API."
        raise invalid("Repository", "default_branch", message, "invalid")
    git.set_head(branch)
    repository.default_branch = branch


def _change_settings(repository: Repository, body: dict[str, Any]) -> None:
    repository.settings.update({name: body[name] for name in SETTINGS if name in body})


def delete(call: Call) -> Response:
    """Removes the repository with everything in it, the git data too."""
    repository = call.repository("administration", "write", even_archived=True)
    if not includes(call.identity.scopes, "delete_repo"):
        raise Refusal(403, "Must have admin rights to Repository.")
    remove(call.store, repository)
    return NO_CONTENT


def get_topics(call: Call) -> Response:
    """The repository's topics."""
    return Response(200, {"names": call.repository().topics})


def put_topics(call: Call) -> Response:
    """Replaces all topics."""
    repository = call.repository("administration", "write")
    names = call.fields("Repository", {"names": list}, required="names")["names"]
    for name in names:
        if not isinstance(name, str) or not TOPIC.fullmatch(name):
            raise invalid(
                "Repository",
                "topics",
                "Topics must start with a lowercase letter or number, consist of 50 characters or less,"
                f" and can include hyphens: {name!r}",
            )
    repository.topics = list(dict.fromkeys(names))
    call.store.save(repository)
    return Response(200, {"names": repository.topics})


def get_vulnerability_alerts(call: Call) -> Response:
    """204 when alerts are on, 404 when off, as they are for an archived repository whatever is set."""
    repository = call.repository("administration", "read")
    if not repository.vulnerability_alerts or repository.archived:
        raise Refusal(404, "Vulnerability alerts are disabled.")
    return NO_CONTENT


def put_vulnerability_alerts(call: Call) -> Response:
    """Switches alerts on."""
    return _alerts(call, on=True)


def delete_vulnerability_alerts(call: Call) -> Response:
    """Switches alerts off."""
    return _alerts(call, on=False)


def _alerts(call: Call, *, on: bool) -> Response:
    repository = call.repository("administration", "write")
    repository.vulnerability_alerts = on
    call.store.save(repository)
    return NO_CONTENT


def shape(call: Call, repository: Repository) -> dict[str, Any]:
    """The repository as it stands in lists."""
    owner = call.store.accounts[repository.owner_id]
    full_name = f"{owner.login}/{repository.name}"
    url, html_url = f"{call.api_url}/repos/{full_name}", f"{call.base_url}/{full_name}"
    settings = _settings(repository)
    return {
        "id": repository.id,
        "node_id": shapes.node_id("R", repository.id),
        "name": repository.name,
        "full_name": full_name,
        "private": repository.visibility != "public",
        "visibility": repository.visibility,
        "owner": shapes.account(call, owner),
        "html_url": html_url,
        "url": url,
        "clone_url": call.endpoints.http_url(full_name),
        "git_url": f"{html_url}.git",
        "svn_url": html_url,
        "ssh_url": call.endpoints.ssh_url(full_name),
        "fork": repository.parent_id is not None,
        "archived": repository.archived,
        "disabled": False,
        "default_branch": repository.default_branch,
        "topics": repository.topics,
        "created_at": timestamp(repository.created_at),
        "updated_at": timestamp(repository.updated_at),
        "pushed_at": timestamp(repository.updated_at),
        "permissions": shapes.permissions(role(call.store, call.identity, repository)),
        **{name: settings[name] for name in SETTINGS if not name.startswith(_MERGE_SETTINGS)},
    }


def _relatives(store: Store, repository: Repository) -> dict[str, int | None]:
    """Where it comes from: its template, the repository it is a fork of, and the one all those are forks of."""
    source = repository
    while source.parent_id is not None and (parent := store.repositories.get(source.parent_id)) is not None:
        source = parent
    return {
        "template_repository": repository.template_id,
        "parent": repository.parent_id,
        "source": None if source is repository else source.id,
    }


def _settings(repository: Repository) -> dict[str, Any]:
    """What is set, and GitHub's defaults for the rest. Everybody may fork a public repository, whatever is set."""
    forking = {"allow_forking": True} if repository.visibility == "public" else {}
    return {**SETTINGS, **repository.settings, **forking}


_MERGE_SETTINGS = (
    "allow_squash",
    "allow_merge",
    "allow_rebase",
    "allow_auto",
    "allow_update",
    "delete_branch",
    "squash_",
    "merge_",
    "use_squash",
)


def full_shape(call: Call, repository: Repository) -> dict[str, Any]:
    """The repository as it stands alone, with the merge settings when the identity may see them."""
    body = shape(call, repository)
    if may(call.store, call.identity, repository, "contents", "write"):
        body |= _settings(repository)
    for name, number in _relatives(call.store, repository).items():
        relative = call.store.repositories.get(number or 0)
        if relative is not None and role(call.store, call.identity, relative) is not None:
            body[name] = shape(call, relative)
    owner = call.store.accounts[repository.owner_id]
    return body | ({"organization": shapes.account(call, owner)} if owner.kind == "Organization" else {})


ROUTES: Routes = {
    ("POST", "/orgs/{org}/repos"): create_in_organization,
    ("GET", "/orgs/{org}/repos"): list_of_organization,
    ("POST", "/user/repos"): create_own,
    ("GET", "/user/repos"): list_own,
    ("GET", "/users/{username}/repos"): list_of_user,
    ("GET", "/repos/{owner}/{repo}"): get,
    ("PATCH", "/repos/{owner}/{repo}"): update,
    ("DELETE", "/repos/{owner}/{repo}"): delete,
    ("GET", "/repos/{owner}/{repo}/topics"): get_topics,
    ("PUT", "/repos/{owner}/{repo}/topics"): put_topics,
    ("GET", "/repos/{owner}/{repo}/vulnerability-alerts"): get_vulnerability_alerts,
    ("PUT", "/repos/{owner}/{repo}/vulnerability-alerts"): put_vulnerability_alerts,
    ("DELETE", "/repos/{owner}/{repo}/vulnerability-alerts"): delete_vulnerability_alerts,
}
