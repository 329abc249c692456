"""Clones of people and keys: real git, real ssh, nothing of the developer's own configuration."""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.server import Sandbox

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{part}_NAME": "Test" for part in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{part}_EMAIL": "test@example.test" for part in ("AUTHOR", "COMMITTER")},
}


@dataclass
class Clone:
    """A working copy of somebody; `git` and `push` return the finished process with text output."""

    directory: Path
    url: str
    environment: dict[str, str]

    def git(self, *arguments: str, check: bool = True, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def commit(self, path: str = "file.txt", content: str = "", message: str = "change") -> str:
        """The id of a new commit that changes a file."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content or f"{os.urandom(8).hex()}\n")
        self.git("add", "--", path)
        self.git("commit", "--quiet", "-m", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *refspecs: str) -> "subprocess.CompletedProcess[str]":
        return self.git("push", "origin", *refspecs, check=False)


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an SSH key pair; the private key's path, the public key beside it as `.pub`."""

    def make(name: str) -> Path:
        path = tmp_path / "keys" / name
        path.parent.mkdir(exist_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example.test", "-f", str(path)]
        subprocess.run(command, check=True)
        return path

    return make


@pytest.fixture
def deploy_key(forge: Sandbox, make_key: Callable[[str], Path]) -> Callable[..., Path]:
    """Adds a deploy key by REST as olivia, with her token `token` when given; the private key's path."""

    def add(full_name: str, title: str = "writer", *, read_only: bool = False, token: str | None = None) -> Path:
        path = make_key(title)
        public = Path(f"{path}.pub").read_text()
        answer = httpx.post(
            f"{forge.api_url}/repos/{full_name}/keys",
            json={"title": title, "key": public, "read_only": read_only},
            headers={"Authorization": f"Bearer {token or forge.token('olivia')}"},
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text
        return path

    return add


@pytest.fixture
def workplace(forge: Sandbox, tmp_path: Path) -> Callable[..., Clone]:
    """Makes a working copy: over HTTP as `login` or with `token`, over SSH with the private key `key`."""
    numbers = iter(range(1, 1000))

    def make(
        full_name: str = "acme/shop", *, login: str | None = None, token: str | None = None, key: Path | None = None
    ) -> Clone:
        directory = tmp_path / f"clone-{next(numbers)}"
        directory.mkdir()
        environment = dict(ENVIRONMENT)
        if key is not None:
            known_hosts = tmp_path / "known_hosts"
            known_hosts.write_text(forge.known_hosts + "\n")
            options = ["-F", os.devnull, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"]
            options += ["-o", f"UserKnownHostsFile={known_hosts}", "-o", "StrictHostKeyChecking=yes", "-i", str(key)]
            environment["GIT_SSH_COMMAND"] = " ".join(map(shlex.quote, ["ssh", *options]))
            url = forge.ssh_url(full_name)
        else:
            secret = token or (forge.token(login) if login else None)
            url = forge.http_url(full_name)
            url = url.replace("http://", f"http://x-access-token:{secret}@") if secret else url
        clone = Clone(directory, url, environment)
        clone.git("init", "--quiet", "--initial-branch=main")
        clone.git("remote", "add", "origin", url)
        return clone

    return make


@pytest.fixture
def cloned(workplace: Callable[..., Clone]) -> Callable[..., Clone]:
    """As `workplace`, with the repository's `main` fetched and checked out."""

    def make(*arguments: Any, **keywords: Any) -> Clone:
        clone = workplace(*arguments, **keywords)
        clone.git("fetch", "--quiet", "origin")
        clone.git("checkout", "--quiet", "-B", "main", "origin/main")
        return clone

    return make


@pytest.fixture
def ruleset(forge: Sandbox) -> Callable[..., dict[str, Any]]:
    """Adds a ruleset to acme/shop (or `repository`) by REST as olivia; the answer's body.

    Rules are type names or whole rules, bypass actors `(type, id)` or `(type, id, mode)`.
    """

    def add(
        name: str,
        include: Sequence[str],
        rules: Sequence[str | dict[str, Any]],
        bypass: Sequence[tuple[Any, ...]] = (),
        *,
        target: str = "branch",
        exclude: Sequence[str] = (),
        repository: str = "acme/shop",
        enforcement: str = "active",
    ) -> dict[str, Any]:
        actors = [
            {"actor_type": kind, "actor_id": number, "bypass_mode": mode[0] if mode else "always"}
            for kind, number, *mode in bypass
        ]
        body = {
            "name": name,
            "target": target,
            "enforcement": enforcement,
            "conditions": {"ref_name": {"include": list(include), "exclude": list(exclude)}},
            "rules": [{"type": rule} if isinstance(rule, str) else rule for rule in rules],
            "bypass_actors": actors,
        }
        answer = httpx.post(
            f"{forge.api_url}/repos/{repository}/rulesets",
            json=body,
            headers={"Authorization": f"Bearer {forge.token('olivia')}"},
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()
        return result

    return add


@pytest.fixture
def bare(forge: Sandbox) -> Callable[..., BareRepository]:
    """The git data of a repository as the forge has it."""
    return lambda full_name="acme/shop": BareRepository(forge.store.git_dir(forge.repository(full_name)))
