"""One attempt: a real push, a real call. What came of it is read from the forge's refs and records, not believed."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncssh
import httpx

from gitops_infra.plan.access import Operation
from gitops_infra.plan.actors import RENAMED
from gitops_infra.sandbox.client import Outcome
from gitops_infra.sandbox.forge.model import PullRequest
from guarantee.matrix.cast import Means
from guarantee.matrix.credentials import TIMEOUT
from guarantee.matrix.stage import HEADS, Stage

METHODS = ("merge", "squash", "rebase")

REFUSED = frozenset({401, 403, 404})
"""What the forge answers who may not, or may not even know."""
UNPROCESSABLE = 422
NOT_ALLOWED = 405
RULES = ("Repository rule violations", "Cannot delete the default branch")
"""How a refusal by rules begins; any other 422 or 405 is a mistake of ours and must not pass for one."""

_SHUT_OUT = {
    "could not read Username": "401: git would ask for another credential now",
    "Authentication failed": "401: the forge does not know the credential",
    "Permission denied (publickey)": "the forge does not know the key",
}
"""Git's own words when the forge lets it in as nobody -> what they mean; an address that changes is not kept."""


class NotAskedError(RuntimeError):
    """The forge did not decide: a broken connection, a fault of its own, or a question that made no sense."""


@dataclass(frozen=True)
class Answer:
    """Whether it was let happen, and what was said."""

    allowed: bool
    said: str
    shut_out: bool = False
    """The forge did not even let the client connect to the repository, so nothing else can be tried that way."""


def push(stage: Stage, means: Means, ref: str, operation: Operation) -> Answer:
    """A push by git itself. Raises NotAskedError."""
    commit = {
        Operation.CREATE: stage.new,
        Operation.PUSH: stage.new,
        Operation.PUSH_FOREIGN: stage.foreign,
        Operation.PUSH_WORKFLOW: stage.workflow,
        Operation.FORCE_PUSH: stage.older,
        Operation.DELETE: "",
    }[operation]
    # Git itself moves no tag and goes nowhere backwards without being forced; here the forge shall decide.
    force = operation is Operation.FORCE_PUSH or not ref.startswith(HEADS)
    url = means.url(stage.forge, stage.full_name)
    outcome = stage.clone.push(url, f"{commit}:{ref}", means.credential, force=force)
    return of_git(outcome, f"{operation} {ref} of {stage.full_name} as {means.actor}")


def listed(stage: Stage, means: Means) -> tuple[frozenset[str], Answer]:
    """Names of the refs that it can read in the repository. Raises NotAskedError."""
    outcome = stage.clone.read(means.url(stage.forge, stage.full_name), means.credential)
    answer = of_git(outcome, f"read {stage.full_name} as {means.actor}")
    lines = outcome.message.splitlines() if answer.allowed else []
    return frozenset(line.partition("\t")[2] for line in lines), answer


def of_git(outcome: Outcome, what: str) -> Answer:
    """What git says of an attempt. Raises NotAskedError with `what` when it was not the forge that refused."""
    if outcome.allowed:
        return Answer(allowed=True, said="done")
    lines = [line.strip() for line in outcome.message.splitlines()]
    if rejected := next((line for line in lines if line.startswith("!")), None):
        if "[remote rejected]" not in rejected:
            raise NotAskedError(f"{what}: {outcome.message}")
        rules = [line.removeprefix("remote: - ") for line in lines if line.startswith("remote: - ")]
        return Answer(allowed=False, said=" ".join(rules) or rejected.rpartition("(")[2].rstrip(")"))
    for line in lines:
        for prefix in ("remote: ", "ERROR: "):
            if line.startswith(prefix) and "Internal" not in line:
                return Answer(allowed=False, said=line.removeprefix(prefix).strip(), shut_out=True)
        if meaning := next((meaning for words, meaning in _SHUT_OUT.items() if words in line), None):
            return Answer(allowed=False, said=meaning, shut_out=True)
    raise NotAskedError(f"{what}: {outcome.message}")


class Api:
    """The REST interface, as one credential sees it."""

    def __init__(self, http: httpx.Client, means: Means) -> None:
        self._http, self._means = http, means

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """One call below the repository or any other path. Raises NotAskedError."""
        content = None if body is None else json.dumps(body)
        answer = self._sent(method, path, content)
        said = _message(answer)
        if answer.is_success:
            return Answer(allowed=True, said=f"{answer.status_code}")
        by_rules = answer.status_code in {UNPROCESSABLE, NOT_ALLOWED} and said.startswith(RULES)
        if answer.status_code not in REFUSED and not by_rules:
            raise NotAskedError(f"{method} {path} as {self._means.actor}: {answer.status_code} {said}")
        return Answer(allowed=False, said=f"{answer.status_code} {said}")

    def text(self, path: str) -> str:
        """Everything that a GET answers, whatever its status below 500. Raises NotAskedError."""
        answer = self._sent("GET", path)
        if answer.is_server_error:
            raise NotAskedError(f"GET {path} as {self._means.actor}: {answer.status_code}")
        return answer.text

    def _sent(self, method: str, path: str, content: str | None = None) -> httpx.Response:
        try:
            return self._http.request(method, path, content=content, headers=self._means.headers)
        except httpx.TransportError as error:
            raise NotAskedError(f"{method} {path} as {self._means.actor}: {error!r}") from error


def http_of(stage: Stage) -> httpx.Client:
    """A client of the forge; it knows no proxy and no credential."""
    return httpx.Client(base_url=stage.forge.api_url, trust_env=False, timeout=TIMEOUT)


def by_api(stage: Stage, api: Api, ref: str, operation: Operation, pull: PullRequest | None) -> Answer:
    """A call that moves a ref. Raises NotAskedError."""
    root = f"/repos/{stage.full_name}"
    if pull is not None:
        address = f"{root}/pulls/{pull.number}/merge"
        return _first(api, [("PUT", address, {"merge_method": method}) for method in METHODS])
    if operation is Operation.RENAME:
        branch = quote(ref.removeprefix(HEADS), safe="")
        new_name = RENAMED.removeprefix(HEADS)
        return api.call("POST", f"{root}/branches/{branch}/rename", {"new_name": new_name})
    forced = operation is Operation.REST_FORCE
    body = {"sha": stage.older if forced else stage.new, "force": forced}
    return api.call("PATCH", f"{root}/git/{quote(ref)}", body)


def _edit_ruleset(stage: Stage, api: Api, _environment: str) -> Answer:
    """Switches one off, removes one, adds one; the first that is let happen counts."""
    root = f"/repos/{stage.full_name}/rulesets"
    known = stage.forge.store.rulesets_of(stage.repository)
    ways: list[tuple[str, str, dict[str, Any] | None]] = [
        *(("PUT", f"{root}/{each.id}", {"enforcement": "disabled"}) for each in known[:1]),
        *(("DELETE", f"{root}/{each.id}", None) for each in known[:1]),
        ("POST", root, {"name": "mine", "target": "branch", "enforcement": "active", "rules": [{"type": "deletion"}]}),
    ]
    return _first(api, ways)


def _add_key(stage: Stage, api: Api, _environment: str) -> Answer:
    public = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    body = {"title": "mine", "key": public, "read_only": False}
    return api.call("POST", f"/repos/{stage.full_name}/keys", body)


def _edit_policy(stage: Stage, api: Api, environment: str) -> Answer:
    """Takes the protection away, or admits one more branch."""
    root = f"/repos/{stage.full_name}/environments/{environment}"
    return _first(
        api,
        [
            ("PUT", root, {"reviewers": [], "prevent_self_review": False, "deployment_branch_policy": None}),
            ("POST", f"{root}/deployment-branch-policies", {"name": "*"}),
        ],
    )


def _first(api: Api, ways: Sequence[tuple[str, str, dict[str, Any] | None]]) -> Answer:
    """The first way that is let happen; what was said to the very first if none is."""
    answers: list[Answer] = []
    for way in ways:
        answers.append(api.call(*way))
        if answers[-1].allowed:
            return answers[-1]
    return answers[0]


def _message(answer: httpx.Response) -> str:
    """The forge's words, in one line."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    return " ".join(str(told.get("message", "")).split()) if isinstance(told, dict) else ""


EDITS: Mapping[Operation, Callable[[Stage, Api, str], Answer]] = {
    Operation.EDIT_RULESET: _edit_ruleset,
    Operation.ADD_KEY: _add_key,
    Operation.EDIT_POLICY: _edit_policy,
}
"""How settings are changed; the last argument names an environment, where there is one."""
