"""Git as an outsider runs it: real clones and pushes with one credential at a time.

The demo and the tests observe the guarantee through this module only: what git prints and returns, never the
forge's own records.
"""

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

IDENTITY = {
    "GIT_AUTHOR_NAME": "Dana Developer",
    "GIT_AUTHOR_EMAIL": "dana@acme.example",
    "GIT_COMMITTER_NAME": "Dana Developer",
    "GIT_COMMITTER_EMAIL": "dana@acme.example",
}


@dataclass(frozen=True)
class TokenCredential:
    """A bearer token for git over HTTP."""

    token: str = field(repr=False)

    def environment(self, _scratch: Path) -> dict[str, str]:
        """Variables that make git send the token; it is never on a command line or in a URL."""
        basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }


@dataclass(frozen=True)
class KeyCredential:
    """A private key for git over SSH, with the host keys to trust."""

    private_key: str = field(repr=False)
    known_hosts: str

    def environment(self, scratch: Path) -> dict[str, str]:
        """Variables that make git use this key and no other; the key lies in `scratch`, readable by its owner only."""
        key, hosts = scratch / "key", scratch / "known_hosts"
        key.unlink(missing_ok=True)
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.private_key.rstrip("\n") + "\n")
        hosts.write_text(self.known_hosts.rstrip("\n") + "\n")
        options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}")
        arguments = " ".join(f"-o {option}" for option in options)
        return {"GIT_SSH_COMMAND": f"ssh -F none -i {key} {arguments}"}


Credential = TokenCredential | KeyCredential | None


@dataclass(frozen=True)
class Outcome:
    """What git answered to one command."""

    allowed: bool
    message: str


class Clone:
    """A local repository of one person or job, with helpers to make commits and to push them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._scratch = directory.parent / f"{directory.name}-keys"
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)

    @classmethod
    def empty(cls, directory: Path) -> "Clone":
        """A new repository without commits."""
        directory.mkdir(parents=True, exist_ok=True)
        clone = cls(directory)
        clone.git("init", "--quiet", "--initial-branch", "main")
        return clone

    @classmethod
    def of(cls, url: str, directory: Path, credential: Credential) -> "Clone":
        """A clone of `url`. Raises CalledProcessError when it cannot be read."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        clone = cls(directory)
        clone._run(["git", "clone", "--quiet", url, str(directory)], credential, cwd=directory.parent, check=True)
        return clone

    def git(self, *arguments: str, stdin: str | None = None, extra: Mapping[str, str] | None = None) -> str:
        """Output of one local git command. Raises CalledProcessError."""
        return self._run(["git", *arguments], None, stdin=stdin, extra=extra, check=True).stdout.strip()

    def fetch(self, url: str, refspec: str, credential: Credential) -> str:
        """SHA that was fetched. Raises CalledProcessError."""
        self._run(["git", "fetch", "--quiet", url, refspec], credential, check=True)
        return self.git("rev-parse", "FETCH_HEAD")

    def commit(self, parent: str | None, message: str, files: Mapping[str, str] | None = None) -> str:
        """SHA of a new commit on `parent` (None: a root commit) with some files changed; no branch moves."""
        index = {"GIT_INDEX_FILE": str(self._scratch / "index")}
        self.git("read-tree", parent or "--empty", extra=index)
        for path, content in (files or {}).items():
            blob = self.git("hash-object", "-w", "--stdin", stdin=content)
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", extra=index)
        tree = self.git("write-tree", extra=index)
        parents = ["-p", parent] if parent else []
        return self.git("commit-tree", tree, *parents, "-m", message, extra=IDENTITY)

    def push(self, url: str, refspec: str, credential: Credential, *, force: bool = False) -> Outcome:
        """What the forge answers to a real push of `refspec`."""
        flags = ["--force"] if force else []
        return self._outcome(["git", "push", "--porcelain", *flags, url, refspec], credential)

    def read(self, url: str, credential: Credential) -> Outcome:
        """Whether the refs of `url` can be listed."""
        return self._outcome(["git", "ls-remote", url], credential)

    def head(self, url: str, ref: str, credential: Credential) -> str | None:
        """SHA of `ref` at `url`; None when it does not exist. Raises CalledProcessError."""
        lines = self._run(["git", "ls-remote", url, ref], credential, check=True).stdout.split()
        return lines[0] if lines else None

    def _outcome(self, command: list[str], credential: Credential) -> Outcome:
        done = self._run(command, credential)
        return Outcome(done.returncode == 0, (done.stderr + done.stdout).strip())

    def _run(  # noqa: PLR0913 - one place that decides how every git process is started
        self,
        command: list[str],
        credential: Credential,
        *,
        cwd: Path | None = None,
        stdin: str | None = None,
        extra: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            **(extra or {}),
        }
        if credential is not None:
            environment |= credential.environment(self._scratch)
        return subprocess.run(
            command,
            cwd=cwd or self.directory,
            env=environment,
            input=stdin,
            text=True,
            capture_output=True,
            check=check,
        )
