"""What every call of an App as itself starts with: its JWT."""

from gitops_infra.sandbox.forge.app_auth import UNDECODABLE
from gitops_infra.sandbox.forge.identity import IdentityKind
from gitops_infra.sandbox.forge.model import App
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.router import Call


def authenticated_app(call: Call) -> App:
    """The App whose JWT came along. Raises Refusal 401 for any other credential, as GitHub does."""
    if call.identity.kind is not IdentityKind.INTEGRATION:
        raise Refusal(401, UNDECODABLE)
    return call.store.apps[call.identity.app_id or 0]
