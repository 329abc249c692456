"""Steering a running forge from another process: what `Sandbox` offers in Python, over `/_sandbox/` with a token.

`Control` is the server's half, `RemoteSandbox` the client's. Values travel as JSON, records by the name of their type.
"""

import hmac
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gitops_infra.sandbox.forge import jobs
from gitops_infra.sandbox.forge.decide import Verdict
from gitops_infra.sandbox.forge.faults import Fault, Faultable
from gitops_infra.sandbox.forge.ledger import CallTotal
from gitops_infra.sandbox.forge.model import PullRequest
from gitops_infra.sandbox.forge.pulls import MergeResult
from gitops_infra.sandbox.forge.record_codec import decode, encode
from gitops_infra.sandbox.forge.responses import Refusal, Response
from gitops_infra.sandbox.forge.router import Request, credential
from gitops_infra.sandbox.forge.server import STEERING_PATH, Sandbox
from gitops_infra.sandbox.forge.store import KINDS

SEGMENT = STEERING_PATH.strip("/")
METHODS = (
    "add_user",
    "add_ssh_key",
    "add_organization",
    "add_member",
    "add_team",
    "add_repository",
    "grant",
    "add_webhook",
    "webhook_deliveries",
    "wait_for_deliveries",
    "drop_deliveries",
    "dropped_deliveries",
    "token",
    "approve_token",
    "app",
    "create_app",
    "delete_app",
    "app_key",
    "revoke_app_keys",
    "install",
    "installation",
    "uninstall",
    "set_app_permissions",
    "app_token",
    "revoke",
    "configure_account",
    "job",
    "approve",
    "finish",
    "open_pull_request",
    "review",
    "merge",
    "limits",
    "unlimited",
    "latency",
    "inject_fault",
    "fault_hits",
    "release_fault",
    "remove_fault",
    "clear_faults",
    "calls",
)
"""Methods of `Sandbox` that `RemoteSandbox` has too, with the same arguments and results."""

TRAVELLERS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (*KINDS, CallTotal, jobs.JobGrant, jobs.JobRefused, jobs.JobWaiting, Verdict, MergeResult)
}
TIMEOUT = 120.0
"""Seconds; importing a repository with a long history is the slowest call."""


class RemoteError(ValueError):
    """The forge refused a call; the text says why."""


class Control:
    """Answers `/_sandbox/` requests that carry the control token."""

    def __init__(self, sandbox: Sandbox, token: str) -> None:
        """Registers itself with the sandbox."""
        self._sandbox = sandbox
        self._token = token
        sandbox.extra[SEGMENT] = self.answer

    def answer(self, request: Request) -> Response:
        """`GET /_sandbox/status` or `POST /_sandbox/call`; 401 without the control token."""
        if not hmac.compare_digest(credential(request.headers) or "", self._token):
            return Response(401, {"message": "the control token is missing or wrong"})
        if (request.method, request.path) == ("GET", f"/{SEGMENT}/status"):
            return Response(200, {"pid": os.getpid(), "url": self._sandbox.url})
        if (request.method, request.path) == ("POST", f"/{SEGMENT}/call"):
            return self._call(json.loads(request.content))
        return Response(501, {"message": f"stand-in has no {request.method} {request.path}"})

    def _call(self, body: Mapping[str, Any]) -> Response:
        if body["method"] not in METHODS:
            return Response(422, {"message": f"no method {body['method']!r}"})
        if (body["method"], *body["positional"]) == ("inject_fault", Fault.REFUSED) and not body["named"].get(
            "seconds"
        ):
            return Response(422, {"message": "fault refused needs seconds here: nobody could switch it off again"})
        try:
            positional = [self._unpacked(value) for value in body["positional"]]
            named = {name: self._unpacked(value) for name, value in body["named"].items()}
            return Response(200, {"result": packed(getattr(self._sandbox, body["method"])(*positional, **named))})
        except Refusal as refusal:
            return Response(422, {"message": ": ".join([refusal.message.rstrip("."), *map(_text, refusal.errors)])})
        except (ValueError, TypeError, LookupError, TimeoutError) as error:
            return Response(422, {"message": str(error)})

    def _unpacked(self, value: Any) -> Any:
        """As `unpacked`; a pull request is the forge's own record, so that changes reach it."""
        result = unpacked(value)
        return self._sandbox.store.pull_requests[result.id] if isinstance(result, PullRequest) else result


class RemoteSandbox(Faultable):
    """A forge in another process. Has the methods named in `METHODS`; each raises RemoteError when refused.

    `fault` gives a handle as on the forge itself.
    """

    def __init__(self, url: str, token: str) -> None:
        """`url` is `http://127.0.0.1:PORT`, `token` the control token of `daemon.State`."""
        self.url = url
        self._token = token

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The remote method of that name."""
        if name not in METHODS:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return partial(self._call, name)

    def status(self) -> Mapping[str, Any]:
        """`pid` and `url` of the running forge."""
        return self._request("GET", "status", None)

    def _call(self, method: str, /, *positional: Any, **named: Any) -> Any:
        arguments = {name: packed(value) for name, value in named.items()}
        body = {"method": method, "positional": [packed(value) for value in positional], "named": arguments}
        return unpacked(self._request("POST", "call", body)["result"])

    def _request(self, method: str, path: str, body: Any) -> Mapping[str, Any]:
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/{SEGMENT}/{path}", content, {"Authorization": f"Bearer {self._token}"})
            response = connection.getresponse()
            answer: Mapping[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004  (the only success of this interface)
            raise RemoteError(str(answer.get("message", response.status)))
        return answer


def packed(value: Any) -> Any:
    """The value as JSON data: a record is `{"$type": name, "body": {...}}`, a path absolute."""
    if isinstance(value, Path):
        return str(value.resolve())
    if is_dataclass(value) and not isinstance(value, type):
        return {"$type": type(value).__name__, "body": json.loads(encode(value))}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [packed(item) for item in value]
    if isinstance(value, Mapping):
        return {key: packed(item) for key, item in value.items()}
    return value


def unpacked(value: Any) -> Any:
    """What `packed` was given, with lists for tuples and sets, and strings for paths."""
    if isinstance(value, dict) and "$type" in value:
        return decode(TRAVELLERS[value["$type"]], json.dumps(value["body"]))
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    return {key: unpacked(item) for key, item in value.items()} if isinstance(value, dict) else value


def _text(error: Any) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
