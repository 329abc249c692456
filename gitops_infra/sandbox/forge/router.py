"""From method and path to the handler that answers: one table, matched on the undecoded path.

Branch and environment names arrive with `%2F`, refs, labels and file paths with real slashes. A route the table does
not have is refused by name with 501, never accepted and ignored.
"""

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from gitops_infra.sandbox.forge.app_auth import from_jwt, is_jwt
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import (
    ANONYMOUS,
    Identity,
    IdentityKind,
    from_token,
    may,
    may_organization,
    role,
)
from gitops_infra.sandbox.forge.model import Account, Repository
from gitops_infra.sandbox.forge.responses import Moved, Refusal, Response, not_found, page
from gitops_infra.sandbox.forge.store import Store

API_PREFIX = "/api/v3"
LOG = logging.getLogger(__name__)

NUMERIC_REPOSITORY = re.compile(r"^/repositories/(\d+)(?=/|$)")
NUMERIC_TEAM = re.compile(r"^/organizations/(\d+)/team/(\d+)(?=/|$)")
GRAPHQL_PATHS = frozenset({"/api/graphql", "/graphql"})
"""Of a server of one's own, and of api.github.com."""
NEEDS_PUSH = frozenset({"contents", "secrets", "variables", "environments", "issues", "statuses", "deployments"})
"""Permissions whose lack GitHub words as missing push access; the others need an administrator."""

EXPIRATION = "GitHub-Authentication-Token-Expiration"

HIDDEN = frozenset({"repository_hooks"})
"""Permissions without which people learn not even that there is something to ask for: 404."""


@dataclass(frozen=True)
class Request:
    """One REST request as it came in."""

    method: str
    path: str
    """Undecoded, without the `/api/v3` prefix."""
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    content: bytes = b""
    api: bool = True
    """Whether it came under `/api/v3`. Web pages answer the others first."""
    base_url: str = ""
    """`http://127.0.0.1:PORT` or `https://...`, by which the client came; empty: the forge's own."""


@dataclass(frozen=True)
class Endpoints:
    """Where the forge is reached."""

    url: str = ""
    """`http://127.0.0.1:PORT`."""
    ssh_host: str = "127.0.0.1"
    ssh_port: int = 0
    ssh_host_keys: tuple[str, ...] = ()
    """`type base64` lines of the SSH server."""

    def http_url(self, full_name: str) -> str:
        """What to clone over HTTP."""
        return f"{self.url}/{full_name}.git"

    def ssh_url(self, full_name: str) -> str:
        """What to clone over SSH."""
        return f"ssh://git@{self.ssh_host}:{self.ssh_port}/{full_name}.git"


@dataclass(frozen=True)
class Call:
    """What a handler gets: who asks for what, and the store to answer from."""

    store: Store
    request: Request
    identity: Identity
    parameters: Mapping[str, str]
    """Decoded parts of the path."""
    query: Mapping[str, str]
    endpoints: Endpoints

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]

    @property
    def api_url(self) -> str:
        """Root of the REST interface, without a final slash."""
        return self.endpoints.url + API_PREFIX

    @property
    def base_url(self) -> str:
        """Root of the web pages."""
        return self.endpoints.url

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object sent; empty when nothing was. Raises Refusal 400 for anything else."""
        if not self.request.content:
            return {}
        try:
            value = json.loads(self.request.content)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        if not isinstance(value, dict):
            raise Refusal(400, "Body should be a JSON object")
        return value

    def fields(
        self, resource: str, known: Mapping[str, type | tuple[type, ...]], *, required: str = ""
    ) -> dict[str, Any]:
        """The body, with every field known and of its type; raises Refusal 422 that lists all that are not."""
        body = self.body
        errors = [
            {"resource": resource, "code": "missing_field", "field": name}
            for name in required.split()
            if body.get(name) is None
        ]
        for name, value in body.items():
            if name not in known:
                errors.append(
                    {"resource": resource, "code": "invalid", "field": name, "message": f"unknown field {name}"}
                )
            elif value is not None and not _is(value, known[name]):
                errors.append(
                    {"resource": resource, "code": "invalid", "field": name, "message": f"{name} has a wrong type"}
                )
        if errors:
            raise Refusal(422, "Validation Failed", errors)
        return body

    def repository(
        self, permission: str = "metadata", level: str = "read", *, even_archived: bool = False
    ) -> Repository:
        """The repository of the path, if the identity may do this to it.

        Raises Refusal: 404 when it does not exist or is invisible, Moved when it has another name or owner now, 401
        for anonymous writes, 403 otherwise.
        """
        repository = self.store.repository(self["owner"], self["repo"])
        self._follow(self.store.moved(self["owner"], self["repo"]))
        if repository is None or role(self.store, self.identity, repository) is None:
            raise not_found()
        if not may(self.store, self.identity, repository, permission, level):
            raise _forbidden(self.identity, permission)
        if level == "write" and repository.archived and not even_archived:
            raise Refusal(403, "Repository was archived so is read-only.")
        return repository

    def _follow(self, moved: Repository | None) -> None:
        """Raises Moved to the numeric address, which later renames do not change, when there is one to see."""
        hidden = moved is None or role(self.store, self.identity, moved) is None
        if moved is None or hidden or not self.request.path.startswith("/repos/"):
            return
        rest = "".join(f"/{part}" for part in self.request.path.split("/")[4:])
        query = f"?{self.request.query_string}" if self.request.query_string else ""
        reading = self.request.method in {"GET", "HEAD"}
        raise Moved(f"{self.api_url}/repositories/{moved.id}{rest}{query}", reading=reading)

    def organization(self, permission: str = "metadata", level: str = "read") -> Account:
        """The organisation of the path; `metadata` is for everybody. Raises Refusal 404, 401 or 403."""
        account = self.store.account(self["org"])
        if account is None or account.kind != "Organization":
            raise not_found()
        if permission != "metadata" and not may_organization(self.store, self.identity, account, permission, level):
            raise _forbidden(self.identity, permission)
        return account

    def user(self) -> Account:
        """The user of the token. Raises Refusal 401 without one and 403 for Apps and jobs."""
        if self.identity.kind is IdentityKind.ANONYMOUS:
            raise Refusal(401, "Requires authentication")
        if self.identity.user_id is None:
            raise Refusal(403, "Resource not accessible by integration")
        return self.store.accounts[self.identity.user_id]

    def git(self, repository: Repository) -> BareRepository:
        """The repository's git data."""
        return BareRepository(self.store.git_dir(repository))

    def page(self, items: Iterable[Any], key: str | None = None) -> Response:
        """One page of a list, as the query asks."""
        return page(self.api_url + self.request.path, self.query, list(items), key)


Handler = Callable[[Call], Response]
Routes = Mapping[tuple[str, str], Handler]


def _is(value: Any, wanted: type | tuple[type, ...]) -> bool:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _forbidden(identity: Identity, permission: str) -> Refusal:
    if identity.kind is IdentityKind.ANONYMOUS:
        return not_found() if permission in HIDDEN else Refusal(401, "Requires authentication")
    if identity.integration:
        return Refusal(403, "Resource not accessible by integration")
    if identity.permissions is not None:
        return Refusal(403, "Resource not accessible by personal access token")
    if permission in HIDDEN:
        return not_found()
    if permission in NEEDS_PUSH:
        return Refusal(403, "Must have push access to repository")
    return Refusal(403, "Must have admin rights to Repository.")


def path_pattern(template: str) -> re.Pattern[str]:
    """Matches undecoded paths: `{name}` is one segment, `{name+}` one or several."""
    parts = re.split(r"(\{\w+\+?\})", template)
    pieces = [
        f"(?P<{part[1:-1].rstrip('+')}>{'.+' if part.endswith('+}') else '[^/]+'})"
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    ]
    return re.compile("".join(pieces) + "$")


def _precedence(template: str) -> list[int]:
    """Sorts templates so that `/user/keys` comes before `/user/{id}`, and `{ref+}/status` before `{ref+}`."""
    return [*(part.startswith("{") + part.endswith("+}") for part in template.split("/")), 3]


class Router:
    """The table of routes of one forge."""

    def __init__(self, store: Store, tables: Iterable[Routes]) -> None:
        """Raises ValueError when two tables claim the same route."""
        self.store = store
        self.endpoints = Endpoints()
        self._routes: dict[tuple[str, str], Handler] = {}
        for table in tables:
            if taken := self._routes.keys() & table.keys():
                raise ValueError(f"routes defined twice: {sorted(taken)}")
            self._routes.update(table)
        self._patterns: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, path_pattern(template), handler)
            for (method, template), handler in sorted(self._routes.items(), key=lambda route: _precedence(route[0][1]))
        ]
        self._templates = {path_pattern(template): template for _, template in self._routes}

    def identify(self, request: Request) -> Identity | None:
        """Who asks; None for a bad credential."""
        with self.store.lock:
            try:
                return self._identity(credential(request.headers))
            except Refusal:
                return None

    def named(self, path: str) -> str:
        """The path with numeric repository and team ids replaced by names, or as it is when there are no such."""
        with self.store.lock:
            try:
                return self._named(path)
            except Refusal:
                return path

    def route_of(self, request: Request) -> str:
        """The template of the route that answers the request; empty when none does."""
        wanted, path = "GET" if request.method == "HEAD" else request.method, self.named(request.path)
        found = (pattern for method, pattern, _ in self._patterns if method == wanted and pattern.match(path))
        pattern = next(found, None)
        return "" if pattern is None else self._templates.get(pattern, "")

    def answer(self, request: Request) -> tuple[Response, Identity]:
        """Runs the handler in one transaction and tells who asked. Never raises: a fault of ours is a logged 500."""
        identity = None
        try:
            with self.store.transaction():
                identity = self._identity(credential(request.headers))
                if identity is None:
                    return Refusal(401, "Bad credentials").response(), ANONYMOUS
                return self._with_expiration(_with_scopes(self._run(request, identity), identity), identity), identity
        except Refusal as refusal:  # of the credential; a handler's are answered in _run
            return refusal.response(), ANONYMOUS
        except Exception:  # the client gets no traceback, the log does
            LOG.exception("%s %s failed", request.method, request.path)
            return Refusal(500, "Server Error").response(), identity or ANONYMOUS

    def _with_expiration(self, response: Response, identity: Identity) -> Response:
        """The answer with the header by which clients learn when a personal token ends, if it does."""
        token = self.store.tokens.get(identity.token_id or 0)
        if token is None or token.kind != "pat" or token.expires_at is None:
            return response
        ends = datetime.fromtimestamp(token.expires_at, UTC)
        return replace(response, headers={**response.headers, EXPIRATION: f"{ends:%Y-%m-%d %H:%M:%S} UTC"})

    def _identity(self, value: str | None) -> Identity | None:
        """Who shows this bearer value; None for one that is no good. Raises Refusal for a JWT that is not."""
        return from_jwt(self.store, value) if value and is_jwt(value) else from_token(self.store, value)

    def _run(self, request: Request, identity: Identity) -> Response:
        """A refusal is answered inside the transaction: what a handler recorded before it (a refused push) stays."""
        try:
            path = self._named(request.path)
            wanted = "GET" if request.method == "HEAD" else request.method
            for method, pattern, handler in self._patterns:
                if method == wanted and (match := pattern.match(path)):
                    parameters = {name: unquote(value) for name, value in match.groupdict().items()}
                    query = dict(parse_qsl(request.query_string, keep_blank_values=True))
                    call = Call(self.store, request, identity, parameters, query, self._endpoints(request))
                    return handler(call)
        except Refusal as refusal:
            return refusal.response()
        return Response(501, {"message": f"stand-in has no {request.method} {request.path}"})

    def _endpoints(self, request: Request) -> Endpoints:
        """The addresses as this client knows them: who came by TLS stays with it."""
        return replace(self.endpoints, url=request.base_url) if request.base_url else self.endpoints

    def _named(self, path: str) -> str:
        """The path with numeric repository and team ids replaced by names, so that each route is written once."""
        if match := NUMERIC_REPOSITORY.match(path):
            repository = self.store.repositories.get(int(match[1]))
            if repository is None:
                raise not_found()
            return f"/repos/{self.store.full_name(repository)}{path[match.end() :]}"
        if match := NUMERIC_TEAM.match(path):
            team = self.store.teams.get(int(match[2]))
            if team is None or team.organization_id != int(match[1]):
                raise not_found()
            return f"/orgs/{self.store.accounts[team.organization_id].login}/teams/{team.slug}{path[match.end() :]}"
        return path


def _with_scopes(response: Response, identity: Identity) -> Response:
    """The answer with `X-OAuth-Scopes`, by which clients learn what a classic token may do."""
    if identity.scopes is None:
        return response
    return replace(response, headers={**response.headers, "X-OAuth-Scopes": ", ".join(sorted(identity.scopes))})


def credential(headers: Mapping[str, str]) -> str | None:
    """The value of `Authorization: Bearer|token VALUE`, None without one; Basic is for git and gives a bad token."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    return value.strip() if scheme.lower() in ("bearer", "token") else "-"


def request_id() -> str:
    """A value for `X-GitHub-Request-Id`."""
    return ":".join(secrets.token_hex(2).upper() for _ in range(5))
