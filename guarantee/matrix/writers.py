"""What moves the branches in each mode: made before `up`, exchanged before the second one."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncssh

from gitops_infra.pipelines.installation_token import PERMISSIONS
from gitops_infra.sandbox.forge.identity import normalised_key
from gitops_infra.sandbox.forge.server import Sandbox
from guarantee.matrix.modes import Mode


class Writers:
    """Deploy keys that `up` makes itself: `generation` rotates them, and nothing is needed before."""

    def __init__(self, isolation: Mapping[str, Any]) -> None:
        self._isolation = isolation
        self.keys: dict[str, str] = {}
        """Key of the stack's configuration -> private key that the user gives."""

    def settings(self, _environment: str) -> dict[str, Any]:
        """What the topology says about the environment's writer."""
        return dict(self._isolation)

    def rotate(self) -> None:
        """Exchanges what the user gave: new keys, and the old ones worthless."""


class _Apps(Writers):
    """A GitHub App for each environment, with the permissions that `gitops-infra app create` asks for."""

    def __init__(self, forge: Sandbox, application: str, environments: Sequence[str]) -> None:
        super().__init__({"isolation": "branch"})
        self._forge, owner = forge, application.partition("/")[0]
        granted = {**PERMISSIONS, "metadata": "read"}
        self._apps = {name: forge.app(owner, f"moves-{name}", granted, [application]) for name in environments}
        self.keys = self._new_keys()

    def settings(self, environment: str) -> dict[str, Any]:
        writer = {"app": self._apps[environment].id, "key": f"{environment}Key"}
        return {"isolation": "branch", "writer": writer}

    def rotate(self) -> None:
        for app in self._apps.values():
            self._forge.revoke_app_keys(app)
        self.keys = self._new_keys()

    def _new_keys(self) -> dict[str, str]:
        return {f"{name}Key": self._forge.app_key(app) for name, app in self._apps.items()}


class _MachineUsers(Writers):
    """A user for each environment, who signs in by an SSH key."""

    def __init__(self, forge: Sandbox, application: str, environments: Sequence[str]) -> None:
        super().__init__({"isolation": "branch"})
        self._forge, owner = forge, application.partition("/")[0]
        self._logins = {name: f"moves-{name}" for name in environments}
        for login in self._logins.values():
            forge.add_user(login)
            forge.add_member(owner, login)
            forge.grant(application, login, "write")
        self.keys = self._new_keys()

    def settings(self, environment: str) -> dict[str, Any]:
        user = self._forge.user(self._logins[environment])
        return {"isolation": "branch", "writer": {"user": user.login, "id": user.id, "key": f"{environment}Key"}}

    def rotate(self) -> None:
        store = self._forge.store
        users = {self._forge.user(login).id for login in self._logins.values()}
        for key in [each for each in store.user_keys.values() if each.user_id in users]:
            store.delete(key)
        self.keys = self._new_keys()

    def _new_keys(self) -> dict[str, str]:
        made = {}
        for name, login in self._logins.items():
            pair = asyncssh.generate_private_key("ssh-ed25519")
            self._forge.add_ssh_key(login, normalised_key(pair.export_public_key("openssh").decode()))
            made[f"{name}Key"] = pair.export_private_key("openssh").decode()
        return made


def writers(mode: Mode, forge: Sandbox, application: str, environments: Sequence[str]) -> Writers:
    """What moves the branches of the application's environments in that mode."""
    match mode:
        case Mode.REPOSITORY:
            return Writers({})
        case Mode.SHARED:
            return Writers({"isolation": "shared", "accept_shared_bypass": True})
        case Mode.APPS:
            return _Apps(forge, application, environments)
        case Mode.MACHINE_USERS:
            return _MachineUsers(forge, application, environments)
