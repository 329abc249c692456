"""A GitHub App that moves an environment branch: its key is its own, it is installed, it may do just what it must.

Asked with the App's own private key, so it works before `pulumi up` and needs no other token.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from gitops_infra.apps.assertion import BadKey, assertion
from gitops_infra.audit.findings import Finding, error, warning
from gitops_infra.audit.github_client import Answer, GitHubReader
from gitops_infra.pipelines.installation_token import PERMISSIONS

MAX_SKEW = 50
"""Seconds that this machine's clock may differ from GitHub's before a refused token is its fault."""

BREAKING = {
    "administration": "it could lift the rules that isolate the environments",
    "environments": "it could open the environments and so their secrets",
    "secrets": "it could replace the credentials of the environments",
}
"""Permissions that undo the guarantee when they can be written -> how."""

HARMLESS = {"metadata": "read", **PERMISSIONS}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: how it is, in words, or the finding that it is not so."""

    text: str
    finding: Finding | None = None


@dataclass(frozen=True)
class AppWriter:
    """The App of one environment, as the topology and the stack's configuration have it."""

    app: int
    pem: str = field(repr=False)
    repositories: tuple[str, ...]
    """`owner/name` of the repositories whose branch it moves."""
    environment: str
    key: str
    """Configuration key of the PEM."""

    @property
    def where(self) -> str:
        """How findings call it."""
        return f"GitHub App {self.app} of environment {self.environment}"


def app_findings(
    writer: AppWriter, base_url: str | None = None, *, now: Callable[[], float] = time.time
) -> tuple[Finding, ...]:
    """What is wrong with the App; empty if it can move the branches. Raises as `app_checks`."""
    return tuple(check.finding for check in app_checks(writer, base_url, now=now) if check.finding is not None)


def app_checks(
    writer: AppWriter, base_url: str | None = None, *, now: Callable[[], float] = time.time
) -> tuple[Check, ...]:
    """Each thing that must hold, in order; what cannot be asked after a failed one is left out.

    At most two requests, and one for each repository. Raises ForgeUnreachable and BadAddress of the client.
    """
    return tuple(_checks(writer, base_url, now))


def _checks(writer: AppWriter, base_url: str | None, now: Callable[[], float]) -> Iterator[Check]:
    try:
        token = assertion(writer.app, writer.pem, now())
    except BadKey as refused:
        yield _failed(writer, "writer-key-malformed", f"the value of {writer.key} is no key: {refused}", _store(writer))
        return
    with GitHubReader(token, base_url) as reader:
        answer = reader.get("/app")
        if not answer.ok or not isinstance(answer.data, dict):
            yield _unknown(writer, answer, now())
            return
        own = answer.data
        yield Check(f"{writer.key} is a key of GitHub App {writer.app} ({own.get('name')})")
        for repository in writer.repositories:
            yield from _installed(writer, repository, own, reader)


def _installed(writer: AppWriter, repository: str, own: Mapping[str, Any], reader: GitHubReader) -> Iterator[Check]:
    answer = reader.get("/repos/{}/{}/installation", *repository.partition("/")[::2])
    if answer.status == HTTPStatus.NOT_FOUND:
        address = f"{own.get('html_url')}/installations/new"
        yield _failed(
            writer, "writer-not-installed", f"it is not installed on {repository}", f"Install it at {address}"
        )
        return
    if not answer.ok or not isinstance(answer.data, dict):
        reason = f"its installation on {repository} cannot be read: {answer.message or answer.status}"
        yield _failed(writer, "writer-unreadable", reason, "Try again")
        return
    found = answer.data
    where = str(found.get("html_url"))
    if found.get("suspended_at"):
        reason = f"its installation on {repository} is suspended"
        yield _failed(writer, "writer-suspended", reason, f"Unsuspend it at {where}")
        return
    yield Check(f"it is installed on {repository}")
    yield from _permitted(writer, repository, found.get("permissions") or {}, own.get("permissions") or {}, where)


def _permitted(
    writer: AppWriter, repository: str, held: Mapping[str, str], asked: Mapping[str, str], where: str
) -> Iterator[Check]:
    for name, level in PERMISSIONS.items():
        if held.get(name) == level:
            yield Check(f"it has {name}: {level} on {repository}")
            continue
        accept = f"Accept it at {where}"
        remedy = accept if asked.get(name) == level else f"Add it to the App, then a{accept[1:]}"
        yield _failed(writer, "writer-permission-missing", f"it lacks {name}: {level} on {repository}", remedy)
    for name, level in sorted(held.items()):
        if HARMLESS.get(name) == level or level not in ("write", "admin"):
            continue
        reason = f"it has {name}: {level} on {repository}"
        remedy = "Take the permission from the App: contents and workflows are enough"
        if why := BREAKING.get(name):
            yield _failed(writer, "writer-too-powerful", f"{reason}, so {why}", remedy)
        else:
            yield Check(reason, warning(writer.where, "writer-more-than-needed", reason, remedy))


def _unknown(writer: AppWriter, answer: Answer, now: float) -> Check:
    """Why GitHub does not take the token for the App's."""
    ahead = _ahead(answer.headers, now)
    if answer.status == HTTPStatus.NOT_FOUND:
        remedy = "Correct `writer.app`: it is the App's id, not its client id and not its installation's"
        return _failed(writer, "writer-app-absent", "there is no such App on this forge", remedy)
    if answer.status == HTTPStatus.UNAUTHORIZED and abs(ahead) > MAX_SKEW:
        way = "ahead" if ahead > 0 else "behind"
        reason = f"the clock of this machine is {abs(ahead)} s {way}, so GitHub refuses what it signs"
        return _failed(writer, "writer-clock", reason, "Set the clock")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        reason = f"{writer.key} is a key, but none of this App: it is another one's, or was deleted"
        return _failed(writer, "writer-key-foreign", reason, _store(writer))
    return _failed(writer, "writer-unreadable", f"it cannot be read: {answer.message or answer.status}", "Try again")


def _ahead(headers: Mapping[str, str], now: float) -> int:
    """Seconds that this machine's clock is ahead of the forge's; 0 if the forge does not tell."""
    try:
        return round(now - parsedate_to_datetime(headers["date"]).timestamp())
    except (KeyError, ValueError, TypeError):
        return 0


def _store(writer: AppWriter) -> str:
    return (
        f"Make a private key on the App's page and run `pulumi config set --secret {writer.key} < FILE` "
        "(`gitops-infra app create --new-key` says how)"
    )


def _failed(writer: AppWriter, code: str, reason: str, remedy: str) -> Check:
    return Check(reason, error(writer.where, code, reason, remedy))
