"""A repository's webhooks: which there can be, and which events they are told of.

Sources: GitHub, "Webhook events and payloads"; GitHub REST, "Repository webhooks". How they are told is in `hookshot`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gitops_infra.sandbox.forge.identity import Identity
from gitops_infra.sandbox.forge.model import Repository, Webhook
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.rules import RefUpdate
from gitops_infra.sandbox.forge.store import Store

EVERYTHING = "*"
SENT = ("create", "delete", "push")
"""Events that this forge tells of. Besides, `ping`, which nobody subscribes to."""
EVENTS = frozenset({
    "*", "branch_protection_configuration", "branch_protection_rule", "check_run", "check_suite",
    "code_scanning_alert", "commit_comment", "create", "custom_property_values", "delete", "dependabot_alert",
    "deploy_key", "deployment", "deployment_protection_rule", "deployment_review", "deployment_status", "discussion",
    "discussion_comment", "fork", "gollum", "issue_comment", "issues", "label", "member", "merge_group", "meta",
    "milestone", "package", "page_build", "project", "project_card", "project_column", "public", "pull_request",
    "pull_request_review", "pull_request_review_comment", "pull_request_review_thread", "push", "registry_package",
    "release", "repository", "repository_advisory", "repository_import", "repository_ruleset",
    "repository_vulnerability_alert", "secret_scanning_alert", "secret_scanning_alert_location",
    "security_and_analysis", "star", "status", "sub_issues", "team_add", "watch", "workflow_job", "workflow_run",
})  # fmt: skip
"""What a repository's webhook may subscribe to."""
MAX_HOOKS = 20
"""Of one event in one repository."""
MAX_TAGS = 3
"""Of more tags that move at once, nobody is told."""

CONTENT_TYPES = ("json", "form")
CONFIGURED = ("url", "content_type", "insecure_ssl", "secret")
"""Fields of a webhook that stand in its `config`."""
BAD_URL = "The URL you've entered is not valid. Please make sure that you encode all special characters first"


@dataclass(frozen=True)
class Pushed:
    """Refs of a repository moved."""

    repository_id: int
    identity: Identity
    updates: tuple[RefUpdate, ...]


@dataclass(frozen=True)
class Pinged:
    """Somebody wants to see whether a webhook works."""

    hook_id: int
    identity: Identity


@dataclass(frozen=True)
class Tested:
    """Somebody wants a webhook to be told of the last push once more."""

    hook_id: int


@dataclass(frozen=True)
class Repeated:
    """Somebody wants a delivery to be attempted again."""

    delivery_id: int


def create(  # noqa: PLR0913  (what a webhook has, all but the first two by name)
    store: Store,
    repository: Repository,
    *,
    identity: Identity,
    config: dict[str, Any],
    events: Sequence[str] = ("push",),
    active: bool = True,
) -> Webhook:
    """A new webhook, which is told of its creation (`ping`). Raises Refusal 422."""
    now = store.now()
    hook = Webhook(
        id=store.new_id(),
        repository_id=repository.id,
        **checked_config(config),
        events=checked_events(events),
        active=active,
        created_at=now,
        updated_at=now,
    )
    _check_among_others(store, repository, hook)
    store.add(hook)
    if active:
        store.announce(Pinged(hook.id, identity))
    return hook


def change(store: Store, hook: Webhook, changes: dict[str, Any]) -> None:
    """Gives some of its fields, already checked, other values. Raises Refusal 422."""
    changed = Webhook(**{**vars(hook), **changes, "updated_at": store.now()})
    _check_among_others(store, store.repositories[hook.repository_id], changed)
    vars(hook).update(vars(changed))
    store.save(hook)


def checked_config(config: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, Any]:
    """The fields of a webhook that a `config` sets; those that it leaves out as in `known`, by default GitHub's.

    Raises Refusal 422.
    """
    start = known or {"url": "", "content_type": "form", "insecure_ssl": "0", "secret": ""}
    if unknown := sorted(config.keys() - set(CONFIGURED)):
        raise refused(f"stand-in has no config {unknown[0]}")
    merged = {**start, **{name: str(value) for name, value in config.items() if value is not None}}
    if not merged["url"]:
        raise refused("Config must contain URL for webhooks")
    _check_url(merged["url"])
    if merged["content_type"] not in CONTENT_TYPES:
        raise refused("Config content_type must be one of json, form")
    if merged["insecure_ssl"] not in {"0", "1"}:
        raise refused("Config insecure_ssl must be one of 0, 1")
    return merged


def checked_events(events: Sequence[Any]) -> list[str]:
    """The events, sorted, each once. Raises Refusal 422 for one that GitHub does not know."""
    for event in events:
        if not isinstance(event, str) or event not in EVENTS:
            raise refused(f"{event!r} is not an event that a repository's webhook can subscribe to")
    if not events:
        raise refused("events must name at least one event")
    return sorted(set(events))


def refused(message: str, field: str | None = None, code: str = "custom") -> Refusal:
    """422 as GitHub words it."""
    error = {"resource": "Hook", "code": code, "message": message} | ({"field": field} if field else {})
    return Refusal(422, "Validation Failed", [error])


def wants(hook: Webhook, event: str) -> bool:
    """Whether it is to be told of such an event."""
    return hook.active and (event in hook.events or EVERYTHING in hook.events)


def told(updates: Sequence[RefUpdate]) -> Iterator[tuple[str, RefUpdate]]:
    """The events that moved refs give, in the order in which GitHub tells of them.

    Branches and tags only, and of the tags of one push only when they are few.
    """
    tags = [update for update in updates if update.ref.startswith("refs/tags/")]
    for update in updates:
        is_tag = update in tags
        moved = update.before != update.after
        if not moved or not (is_tag or update.ref.startswith("refs/heads/")) or (is_tag and len(tags) > MAX_TAGS):
            continue
        yield "push", update
        if update.creates or update.deletes:
            yield ("create" if update.creates else "delete"), update


def announce_push(store: Store, repository: Repository, identity: Identity, updates: Sequence[RefUpdate]) -> None:
    """Lets the repository's webhooks hear of refs that moved; costs nothing when there are none."""
    if updates and any(hook.repository_id == repository.id for hook in store.webhooks.values()):
        store.announce(Pushed(repository.id, identity, tuple(updates)))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c <= " " or c in '"<>\\^`{|}' or not c.isascii() for c in url):
        raise refused(BAD_URL)


def _check_among_others(store: Store, repository: Repository, hook: Webhook) -> None:
    """Raises Refusal when another webhook is the same, or when there are too many."""
    others = [other for other in store.webhooks_of(repository) if other.id != hook.id]
    for other in others:
        same = all(getattr(other, name) == getattr(hook, name) for name in CONFIGURED)
        if same and set(other.events) & set(hook.events):
            raise refused("Hook already exists on this repository")
    full = [event for event in hook.events if sum(event in other.events for other in others) >= MAX_HOOKS]
    if full:
        words = [f'The "{event}" event cannot have more than {MAX_HOOKS} hooks' for event in full]
        raise Refusal(
            422, "Validation Failed", [{"resource": "Hook", "code": "custom", "message": text} for text in words]
        )
