"""A forge that has what a plan says, without the engine: the same calls that the provider makes, in the same order.

Every call goes through the forge's own handlers, as the App that runs `pulumi up`, so that their validation and the
price plan stay in force. That the result is what a real `up` makes is tested field by field.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nacl.public import PublicKey, SealedBox

from gitops_infra.plan.model import (
    Access,
    BypassActor,
    BypassKind,
    CredentialKind,
    DeploymentPolicy,
    Environment,
    Plan,
    PullRequestRule,
    Repository,
    Rules,
    Ruleset,
)
from gitops_infra.plan.settings import APPLICATION_SETTINGS, STATE_SETTINGS
from gitops_infra.sandbox.forge.model import Repository as Record
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.rest import TABLES
from gitops_infra.sandbox.forge.router import Request, Router
from gitops_infra.sandbox.forge.seed import Seeding
from gitops_infra.sandbox.forge.store import Store

ROLE_WORDS = {"read": "pull", "triage": "triage", "write": "push", "maintain": "maintain", "admin": "admin"}
"""Roles as the API names them where one is given."""


class Forge(Seeding):
    """A forge without listeners: its store, and its REST handlers called directly."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self.store = Store(directory, clock)
        self.router = Router(self.store, TABLES)


class NotFurnishedError(RuntimeError):
    """The forge refused a part of the plan; the text is the call and its answer."""


def call(forge: Any, token: str | None, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
    """What the forge answers to one REST call; `forge` is a `Forge` or a `Sandbox`."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    content = b"" if body is None else json.dumps(body).encode()
    answer: Response = forge.router.answer(Request(method, path, headers=headers, content=content))[0]
    return answer


def public_key(title: str) -> str:
    """A well-formed OpenSSH public key of nobody, the same for the same title."""
    kind = b"ssh-ed25519"
    data = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, hashlib.sha256(title.encode()).digest()))
    return f"{kind.decode()} {base64.b64encode(data).decode()}"


class Furnisher:
    """Puts plans into one forge. `token` is that of the App or person who provisions."""

    def __init__(
        self,
        forge: Any,
        token: str,
        *,
        keys: Callable[[str], str] = public_key,
        with_files: bool = True,
        when_made: Callable[[Record], None] = lambda _: None,
    ) -> None:
        """`keys` gives the public half for the title of a deploy key.

        `when_made` is called with each repository before anything is set in it, to give it people and a history.
        `with_files` False: a new application repository starts empty, without the files of the plan.
        """
        self.forge = forge
        self._token = token
        self._keys = keys
        self._with_files = with_files
        self._when_made = when_made

    def furnish(self, plan: Plan) -> None:
        """Everything that the plan says of the forge. Raises NotFurnishedError for what the forge refuses."""
        application = plan.application
        self._repository(application, {**APPLICATION_SETTINGS, "allow_merge_commit": not application.linear_history})
        self._files(application)
        for grant in application.access:
            self._grant(application, grant)
        self._rulesets(application.full_name, application.rulesets)
        for environment in plan.environments:
            self._environment(application.full_name, environment.name, environment.policy)
            for state in states(environment):
                self._repository(state, STATE_SETTINGS)
                self._rulesets(state.full_name, state.rulesets)
            guards = (*environment.rulesets, *(environment.former.rulesets if environment.former else ()))
            self._rulesets(application.full_name, guards)
        # Last, as `up` does it: a key opens nothing that has no rules yet, and a secret is read by no unruled job.
        for environment in plan.environments:
            self._credential(application.full_name, environment)
            self._values(application.full_name, environment)

    def change(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The body of the answer to a call that must succeed. Raises NotFurnishedError."""
        answer = call(self.forge, self._token, method, path, body)
        if answer.status >= 300:  # noqa: PLR2004 - no success
            raise NotFurnishedError(f"{method} {path}: {answer.status} {answer.body}")
        return answer.body

    def _repository(self, plan: Repository, settings: Mapping[str, Any]) -> None:
        if plan.existing:
            record = self.forge.repository(plan.full_name)
        else:
            started = plan.auto_init and self._with_files
            record = self.forge.add_repository(
                plan.full_name, visibility=plan.visibility.value, default_branch=plan.default_branch, auto_init=started
            )
        self._when_made(record)
        if plan.existing:
            return
        self.change("PATCH", f"/repos/{plan.full_name}", {"description": plan.description, **settings})
        for label in plan.labels:
            body = {"name": label.name, "color": label.color, "description": label.description or ""}
            self.change("POST", f"/repos/{plan.full_name}/labels", body)
        self._actions(plan)

    def _actions(self, plan: Repository) -> None:
        actions, path = plan.actions, f"/repos/{plan.full_name}/actions/permissions"
        if actions is None:
            return
        if not actions.enabled:
            self.change("PUT", path, {"enabled": False})
            return
        selected = {} if actions.patterns is None else {"allowed_actions": "selected"}
        self.change("PUT", path, {"enabled": True, "sha_pinning_required": bool(actions.sha_pinning), **selected})
        if actions.patterns is not None:
            patterns = {"github_owned_allowed": True, "verified_allowed": False}
            self.change("PUT", f"{path}/selected-actions", {**patterns, "patterns_allowed": list(actions.patterns)})
        if actions.read_only_token:
            token = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
            self.change("PUT", f"{path}/workflow", token)

    def _files(self, plan: Repository) -> None:
        for file in plan.files if self._with_files else ():
            body = {"message": file.message, "content": base64.b64encode(file.content.encode()).decode()}
            path = f"/repos/{plan.full_name}/contents/{quote(file.path)}"
            self.change("PUT", path, {**body, "branch": plan.default_branch})

    def _grant(self, plan: Repository, grant: Access) -> None:
        body = {"permission": ROLE_WORDS[grant.role.value]}
        if grant.team is not None:
            self.change("PUT", f"/orgs/{plan.owner}/teams/{grant.team}/repos/{plan.full_name}", body)
        else:
            self.change("PUT", f"/repos/{plan.full_name}/collaborators/{grant.user}", body)

    def _rulesets(self, full_name: str, rulesets: Sequence[Ruleset]) -> None:
        for ruleset in rulesets:
            self.change("POST", f"/repos/{full_name}/rulesets", payload(ruleset, self._id))

    def _id(self, login: str) -> int:
        number: int = self.forge.user(login).id
        return number

    def _environment(self, full_name: str, name: str, policy: DeploymentPolicy) -> None:
        path = f"/repos/{full_name}/environments/{quote(name, safe='')}"
        wanted: dict[str, Any] = {
            "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}
        }
        # What the price plan does not have is refused even for a default value, and the provider then leaves it out.
        if policy.wait_minutes:
            wanted["wait_timer"] = policy.wait_minutes
        if policy.approvers:
            wanted["reviewers"] = [
                {"type": "User", "id": approver.id or self._id(approver.user)}
                if approver.user is not None
                else {"type": "Team", "id": approver.id or self._team(full_name, approver.team or "")}
                for approver in policy.approvers
            ]
            wanted["prevent_self_review"] = policy.prevent_self_review
        if not policy.admins_bypass:
            wanted["can_admins_bypass"] = False
        self.change("PUT", path, wanted)
        for pattern in policy.branch_patterns:
            self.change("POST", f"{path}/deployment-branch-policies", {"name": pattern, "type": "branch"})

    def _team(self, full_name: str, slug: str) -> int:
        number: int = self.forge.store.team(self.forge.organization(full_name.partition("/")[0]), slug).id
        return number

    def _credential(self, application: str, environment: Environment) -> None:
        key = environment.credential
        if key is not None and key.kind is CredentialKind.DEPLOY_KEY:
            self.add_key(key.repository, key.title or "", read_only=False)
        if key is not None:
            self._secret(application, environment.name, key.secret_name, private_half(environment.name))
        if environment.delivery is not None:
            read = environment.delivery.key
            self.add_key(read.repository, read.title, read_only=True)

    def add_key(self, full_name: str, title: str, *, read_only: bool) -> int:
        """Id of a new deploy key of that title."""
        body = {"title": title, "key": self._keys(title), "read_only": read_only}
        number: int = self.change("POST", f"/repos/{full_name}/keys", body)["id"]
        return number

    def _values(self, application: str, environment: Environment) -> None:
        path = f"/repos/{application}/environments/{quote(environment.name, safe='')}/variables"
        for name, value in environment.variables.items():
            self.change("POST", path, {"name": name, "value": value})
        for name, key in environment.secrets.items():
            self._secret(application, environment.name, name, f"value of {key}")

    def _secret(self, application: str, environment: str, name: str, value: str) -> None:
        path = f"/repos/{application}/environments/{quote(environment, safe='')}/secrets"
        key = self.change("GET", f"{path}/public-key")
        box = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
        sealed = {"encrypted_value": base64.b64encode(box).decode(), "key_id": key["key_id"]}
        self.change("PUT", f"{path}/{name}", sealed)


def private_half(environment: str) -> str:
    """What stands in an environment's secret in place of a private key; nothing else on the forge has this text."""
    return f"private key of {environment}"


def states(environment: Environment) -> Iterator[Repository]:
    """The state repositories of an environment: that in use, and the one from before its isolation changed."""
    if environment.state is not None:
        yield environment.state
    if environment.former is not None and environment.former.state is not None:
        yield environment.former.state


def payload(ruleset: Ruleset, user_id: Callable[[str], int]) -> dict[str, Any]:
    """What the provider sends for a ruleset. `user_id` gives the id of a bypass actor that is named by login."""
    return {
        "name": ruleset.name,
        "target": ruleset.target.value,
        "enforcement": "active",
        "conditions": {"ref_name": {"include": list(ruleset.include), "exclude": list(ruleset.exclude)}},
        "rules": list(_rules(ruleset.rules)),
        "bypass_actors": [_bypass(actor, user_id) for actor in ruleset.bypass],
    }


def _bypass(actor: BypassActor, user_id: Callable[[str], int]) -> dict[str, Any]:
    number = user_id(actor.login) if actor.id is None and actor.login else actor.id
    without_id = actor.kind in {BypassKind.DEPLOY_KEY, BypassKind.ORGANIZATION_ADMIN}
    return {"actor_type": actor.kind.value, "bypass_mode": "always"} | ({} if without_id else {"actor_id": number})


def _rules(rules: Rules) -> Iterator[dict[str, Any]]:
    for kind in ("creation", "update", "deletion", "non_fast_forward", "required_linear_history"):
        if getattr(rules, kind):
            yield {"type": kind}
    if rules.pull_request is not None:
        yield {"type": "pull_request", "parameters": _pull_request(rules.pull_request)}
    if rules.required_checks:
        checks = [{"context": context} for context in rules.required_checks]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
        yield {"type": "required_status_checks", "parameters": parameters}
    if rules.required_deployments:
        names = {"required_deployment_environments": list(rules.required_deployments)}
        yield {"type": "required_deployments", "parameters": names}


def _pull_request(rule: PullRequestRule) -> dict[str, Any]:
    return {
        "required_approving_review_count": rule.approvals,
        "require_code_owner_review": rule.code_owner_review,
        "dismiss_stale_reviews_on_push": rule.dismiss_stale_reviews,
        "require_last_push_approval": rule.last_push_approval,
        "required_review_thread_resolution": False,
        "allowed_merge_methods": list(rule.merge_methods),
    }
