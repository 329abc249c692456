"""What webhooks are told: the bodies of `push`, `create`, `delete` and `ping`.

Source: GitHub, "Webhook events and payloads". Left out are fields that say nothing here, such as counts of stars.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import Identity, IdentityKind
from gitops_infra.sandbox.forge.model import Repository, Webhook
from gitops_infra.sandbox.forge.responses import timestamp
from gitops_infra.sandbox.forge.rest import repositories, shapes
from gitops_infra.sandbox.forge.router import Call, Endpoints, Request
from gitops_infra.sandbox.forge.rules import RefUpdate
from gitops_infra.sandbox.forge.store import Store

FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"
FIELDS = FORMAT.count("%x00") + 1
LETTER = re.compile(r"\n?[A-Z]")
"""Git's word for what became of a file; anything else begins the next commit."""
KINDS = {"A": "added", "D": "removed"}
MAX_COMMITS = 2048
"""In one payload. Source: GitHub, "Webhook events and payloads", push."""
ZEN = "Keep it logically awesome."
SHORT = 12

Commit = dict[str, Any]


def call_of(store: Store, endpoints: Endpoints, identity: Identity) -> Call:
    """What the shapes of REST answers are made from, without a request."""
    return Call(store, Request("GET", "/"), identity, {}, {}, endpoints)


def ping(call: Call, repository: Repository, hook: Webhook) -> dict[str, Any]:
    """The body of `ping`."""
    return {"zen": ZEN, "hook_id": hook.id, "hook": hook_shape(call, hook), **_context(call, repository)}


def push(call: Call, repository: Repository, update: RefUpdate, commits: "Commits") -> dict[str, Any]:
    """The body of `push`, with the `commits` that `read` found."""
    full_name = call.store.full_name(repository)
    context = _context(call, repository)
    owner = context["repository"]["owner"]
    now = int(call.store.now())
    context["repository"] |= {
        # In this event alone: times in seconds, the web address as `url`, and the owner under both its names.
        "owner": {**owner, "name": owner["login"], "email": None},
        "url": f"{call.base_url}/{full_name}",
        "created_at": int(repository.created_at),
        "pushed_at": now,
        "master_branch": repository.default_branch,
    }
    actor = _actor(call)
    shown = [_commit(call, full_name, commit) for commit in commits.new]
    head = None if commits.head is None else _commit(call, full_name, commits.head)
    return {
        "ref": update.ref,
        "before": update.before,
        "after": update.after,
        "created": update.creates,
        "deleted": update.deletes,
        "forced": commits.forced,
        "base_ref": commits.base_ref,
        "compare": f"{call.base_url}/{full_name}/{_compare(update)}",
        "commits": shown,
        "head_commit": head,
        **context,
        "pusher": {"name": actor["login"], "email": f"{actor['id']}+{actor['login']}@users.noreply.github.com"},
    }


def created(call: Call, repository: Repository, update: RefUpdate) -> dict[str, Any]:
    """The body of `create`."""
    extra = {"master_branch": repository.default_branch, "description": repository.settings.get("description")}
    return {**_named(update), **extra, **_pusher_type(call), **_context(call, repository)}


def deleted(call: Call, repository: Repository, update: RefUpdate) -> dict[str, Any]:
    """The body of `delete`."""
    return {**_named(update), **_pusher_type(call), **_context(call, repository)}


def hook_shape(call: Call, hook: Webhook) -> dict[str, Any]:
    """The webhook as REST and `ping` show it: of its secret only that there is one."""
    full_name = call.store.full_name(call.store.repositories[hook.repository_id])
    url = f"{call.api_url}/repos/{full_name}/hooks/{hook.id}"
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": hook.events,
        "config": config_shape(hook),
        "updated_at": timestamp(hook.updated_at),
        "created_at": timestamp(hook.created_at),
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": _last_response(call.store, hook),
    }


def config_shape(hook: Webhook) -> dict[str, str]:
    """How it is told, as REST shows it."""
    secret = {"secret": "********"} if hook.secret else {}
    return {"content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl, **secret, "url": hook.url}


def _last_response(store: Store, hook: Webhook) -> dict[str, Any]:
    """What the receiver said last. The words of `status` other than `unused` and `active` are not confirmed."""
    last = next(reversed(store.deliveries_of(hook)), None)
    if last is None:
        return {"code": None, "status": "unused", "message": None}
    return {"code": last.status_code, "status": "active" if last.status == "OK" else "failed", "message": last.status}


class Commits:
    """What a moved ref brings: the commits that were not there before, oldest first, and the one it is at now."""

    def __init__(self, *, new: Sequence[Commit] = (), head: Commit | None = None, forced: bool = False) -> None:
        self.new = new
        self.head = head
        self.forced = forced
        self.base_ref: str | None = None
        """For a new ref without commits of its own: the branch that is at the same commit."""


def read(git: BareRepository, update: RefUpdate) -> Commits:
    """The commits of an update. Two git processes at most for the usual push: receivers wait for it."""
    if update.deletes:
        return Commits()
    branch = update.ref.removeprefix("refs/heads/")
    if branch == update.ref:
        return _of_tag(git, update)
    others = (f"--exclude={branch}", "--branches")
    if update.creates:
        new = list(_log(git, update.after, "--not", *others))
        commits = Commits(new=new[::-1], head=new[0] if new else _one(git, update.after))
        commits.base_ref = None if new else _branch_at(git, update.after, update.ref)
        return commits
    new = list(_log(git, f"{update.before}..{update.after}"))
    # A path that leads back to `before` ends in one of its children: without one, the ref was moved elsewhere.
    forced = not any(update.before in commit["parents"] for commit in new)
    if forced and len(new) >= MAX_COMMITS:
        forced = not git.is_ancestor(update.before, update.after)
    known = set(git.commits(*(f"^{update.before}", update.after), "--not", *others)) if new else set()
    for commit in new:
        commit["distinct"] = commit["id"] in known
    return Commits(new=new[::-1], head=new[0] if new else _one(git, update.after), forced=forced)


def _of_tag(git: BareRepository, update: RefUpdate) -> Commits:
    commit = git.commit_id(update.after)
    if commit is None:  # a tag of a file or folder
        return Commits(forced=not update.creates)
    commits = Commits(head=_one(git, commit), forced=not update.creates)
    commits.base_ref = _branch_at(git, commit, update.ref)
    return commits


def _branch_at(git: BareRepository, commit: str, ref: str) -> str | None:
    names = git.run("for-each-ref", f"--points-at={commit}", "--format=%(refname)", "refs/heads/").splitlines()
    return next((name for name in names if name != ref), None)


def _one(git: BareRepository, commit: str) -> Commit | None:
    return next(_log(git, "--max-count=1", commit), None)


def _log(git: BareRepository, *revisions: str) -> Iterator[Commit]:
    """Commits, newest first, with the files that each changed against its first parent."""
    shown = ("-z", f"--format={FORMAT}", "--name-status", "--no-renames", "--diff-merges=first-parent")
    parts = git.run("log", *shown, f"--max-count={MAX_COMMITS}", *revisions, "--").split("\0")
    position = 0
    while position + FIELDS <= len(parts):
        sha, tree, parents, author, author_email, committer, committer_email, when, message = parts[
            position : position + FIELDS
        ]
        position += FIELDS
        files: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
        while position + 1 < len(parts) and LETTER.fullmatch(parts[position]):
            files[KINDS.get(parts[position].strip(), "modified")].append(parts[position + 1])
            position += 2
        yield {
            "id": sha,
            "tree_id": tree,
            "parents": parents.split(),
            "distinct": True,
            "message": message.rstrip("\n"),
            "timestamp": when,
            "author": {"name": author, "email": author_email},
            "committer": {"name": committer, "email": committer_email},
            **files,
        }


def _commit(call: Call, full_name: str, commit: Mapping[str, Any]) -> Commit:
    """The commit as it is told: with its web address, and with the logins of people that the forge knows."""
    people = {role: _person(call.store, commit[role]) for role in ("author", "committer")}
    shown = {**commit, "url": f"{call.base_url}/{full_name}/commit/{commit['id']}", **people}
    del shown["parents"]
    return shown


def _person(store: Store, person: dict[str, str]) -> dict[str, str]:
    user = store.user(person["name"])
    return person if user is None else {**person, "username": user.login}


def _compare(update: RefUpdate) -> str:
    short = update.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if update.creates:
        return f"compare/{short}"
    return f"compare/{update.before[:SHORT]}...{update.after[:SHORT]}"


def _named(update: RefUpdate) -> dict[str, str]:
    _, kind, name = update.ref.split("/", 2)
    return {"ref": name, "ref_type": {"heads": "branch", "tags": "tag"}[kind]}


def _pusher_type(call: Call) -> dict[str, str]:
    """The word for a deploy key is GitHub's documentation's."""
    return {"pusher_type": "deploy key" if call.identity.kind is IdentityKind.DEPLOY_KEY else "user"}


def _actor(call: Call) -> dict[str, Any]:
    """Who did it. A deploy key acts in the name of whoever added it (not confirmed for keys that an App added)."""
    key = call.store.deploy_keys.get(call.identity.deploy_key_id or 0)
    user = None if key is None else call.store.user(key.added_by)
    if user is not None:
        return shapes.account(call, user)
    return shapes.actor(call, call.identity) or {"login": call.identity.label, "id": 0, "type": "User"}


def _context(call: Call, repository: Repository) -> dict[str, Any]:
    """What all bodies end with."""
    shape = repositories.shape(call, repository)
    del shape["permissions"]
    owner = call.store.accounts[repository.owner_id]
    organization = {"organization": shapes.account(call, owner)} if owner.kind == "Organization" else {}
    return {"repository": shape, **organization, "sender": _actor(call)}
