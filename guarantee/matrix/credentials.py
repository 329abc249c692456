"""Environment credentials as their real holder gets them: through the gate of a CI job, then made usable."""

from typing import Any

import httpx
import jwt

from gitops_infra.pipelines.installation_token import PERMISSIONS
from gitops_infra.plan.model import Credential, CredentialKind, Plan
from gitops_infra.sandbox.client import KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant, JobWaiting, Outcome
from gitops_infra.sandbox.forge.server import Sandbox

TIMEOUT = 30.0
"""Seconds that a call to the forge may take."""


def passed(forge: Sandbox, answer: Outcome, approver: str) -> Outcome:
    """What becomes of a job that waits when its timer has run out and that person approves it."""
    if not isinstance(answer, JobWaiting):
        return answer
    forge.store.deployments[answer.deployment_id].created_at = 0.0
    return forge.approve(answer.deployment_id, approver)


def granted(forge: Sandbox, plan: Plan, environment: str, starter: str, approver: str) -> JobGrant:
    """What a job of the default branch gets in an environment. Raises RuntimeError with the reason if it does not."""
    asked: dict[str, Any] = {"event": "push", "ref": f"refs/heads/{plan.application.default_branch}", "actor": starter}
    answer = forge.job(repository=plan.application.full_name, environment=environment, **asked)
    answer = passed(forge, answer, approver)
    if not isinstance(answer, JobGrant):
        raise RuntimeError(f"no job of the default branch gets into {environment}: {answer}")  # noqa: TRY004 - an answer
    return answer


def credential_of(plan: Plan, environment: str) -> Credential:
    """What moves the environment's branch. Raises ValueError when nothing does."""
    credential = plan.environment(environment).credential
    if credential is None:
        raise ValueError(f"environment {environment} has no credential")
    return credential


def private_key(forge: Sandbox, plan: Plan, environment: str, starter: str, approver: str) -> str:
    """The private key that a job of the default branch finds in the environment's secret."""
    return granted(forge, plan, environment, starter, approver).secrets[credential_of(plan, environment).secret_name]


def usable(forge: Sandbox, credential: Credential, key: str) -> TokenCredential | KeyCredential:
    """What git is given, made of the private key. Raises RuntimeError if an App gets no token for it."""
    if credential.kind is not CredentialKind.APP:
        return KeyCredential(key, forge.known_hosts)
    headers = {"Authorization": f"Bearer {signed(forge, credential, key)}"}
    with httpx.Client(base_url=forge.api_url, headers=headers, trust_env=False, timeout=TIMEOUT) as http:
        found = _answered(http.get(f"/repos/{credential.repository}/installation"))
        body = {"repositories": [credential.repository.partition("/")[2]], "permissions": PERMISSIONS}
        made = _answered(http.post(f"/app/installations/{found['id']}/access_tokens", json=body))
    return TokenCredential(made["token"])


def _answered(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise RuntimeError(f"the App gets no token: {answer.request.url.path} was answered {answer.status_code}")
    return answer.json()


def signed(forge: Sandbox, credential: Credential, key: str) -> str:
    """A JSON Web Token by which the App says who it is."""
    now = int(forge.store.now())
    return jwt.encode({"iat": now - 60, "exp": now + 540, "iss": str(credential.app)}, key, algorithm="RS256")
