"""What the pre-receive hook of a push asks over a loopback connection, and what it is told."""

import asyncio
import logging
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from gitops_infra.sandbox.forge.decide import RefUpdate, Verdict, decide_push
from gitops_infra.sandbox.forge.git import pre_receive
from gitops_infra.sandbox.forge.git.bare import BareRepository, quarantine
from gitops_infra.sandbox.forge.identity import Identity
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.forge.updates import after_push, not_made

LOG = logging.getLogger(__name__)


@dataclass
class Push:
    """One push under way: who pushes where, and once the hook has asked, what was decided."""

    identity: Identity
    repository: Repository
    via: str
    """`http` or `ssh`."""
    web_url: str | None
    """Where the forge's web pages are, for the link in a refusal."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    updates: list[RefUpdate] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether the hook asked, and every ref may move."""
        return bool(self.verdicts) and all(verdict.allowed for verdict in self.verdicts)

    def reasons(self) -> dict[str, str]:
        """Ref -> why it is refused, for git's report."""
        pairs = zip(self.updates, self.verdicts, strict=False)
        return {update.ref: verdict.reason for update, verdict in pairs if not verdict.allowed}


class HookServer:
    """Answers the hooks of all pushes that this process serves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pushes: dict[str, Push] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listens on the loopback address and writes the hook script."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        write_script(self.directory)

    async def stop(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def directory(self) -> Path:
        """Folder with the hook script, for `core.hooksPath`."""
        return self._store.directory / "hooks"

    def environment(self, push: Push) -> dict[str, str]:
        """Variables that tell the hook which push it belongs to; they are good until `finish`."""
        self._pushes[push.token] = push
        return {pre_receive.ADDRESS: str(self.port), pre_receive.TOKEN: push.token}

    def finish(self, push: Push) -> None:
        """Forgets the push, and remembers in the store what really moved."""
        self._pushes.pop(push.token, None)
        with self._store.lock:
            # Looked up anew: a request that was rolled back meanwhile replaces the records it had touched.
            repository = self._store.repositories.get(push.repository.id)
            if not push.accepted or repository is None:
                return
            present = BareRepository(self._store.git_dir(repository)).refs()
            made = [u for u in push.updates if present.get(u.ref) == (None if u.deletes else u.after)]
            for update in push.updates:
                if update not in made:
                    not_made(self._store, repository, update, "git could not move the ref")
            after_push(self._store, repository, push.identity, made)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = b"1error: the forge could not decide about this push; its log says why\n"
        try:
            text = (await reader.read(-1)).decode("utf-8", "surrogateescape")
            answer = await asyncio.to_thread(self._decide, text)
        except Exception:  # whatever it is: the push is refused, and the operator finds the reason
            LOG.exception("the decision about a push failed")
        finally:
            writer.write(answer)
            writer.close()
            await writer.wait_closed()

    def _decide(self, text: str) -> bytes:
        token, objects, *lines = text.splitlines()
        push = self._pushes[token]
        repository = self._store.repositories[push.repository.id]
        git = BareRepository(self._store.git_dir(repository))
        push.updates = [RefUpdate(ref, before, after) for before, after, ref in (line.split(" ", 2) for line in lines)]
        env = quarantine(objects, git.path) if objects else None
        push.verdicts = decide_push(self._store, git, push.identity, repository, push.updates, via=push.via, env=env)
        message = message_for(push.updates, push.verdicts, rules_url(self._store, push))
        return (b"0" if push.accepted else b"1") + message.encode("utf-8", "surrogateescape")


def rules_url(store: Store, push: Push) -> str | None:
    """Where the repository's rules can be read, without the ref; None when the web address is not known."""
    return f"{push.web_url}/{store.full_name(push.repository)}/rules" if push.web_url else None


def message_for(updates: Sequence[RefUpdate], verdicts: Sequence[Verdict], url: str | None) -> str:
    """What the client shows behind `remote:`, as GitHub words it; empty when no rule was violated."""
    lines: list[str] = []
    for update, verdict in zip(updates, verdicts, strict=True):
        if verdict.violations:
            lines.append(f"error: GH013: Repository rule violations found for {update.ref}.")
            if url:
                lines.append(f"Review all repository rules at {url}?ref={quote(update.ref, safe='')}")
            lines += ["", *_sentences(verdict.violations, verdict.found)]
        elif verdict.allowed and verdict.bypassed_violations:
            lines += [f"Bypassed rule violations for {update.ref}:", "", *_sentences(verdict.bypassed_violations, {})]
    return "".join(f"{line}\n" for line in lines)


def _sentences(sentences: Sequence[str], found: Mapping[str, tuple[str, ...]]) -> list[str]:
    lines: list[str] = []
    for sentence in sentences:
        commits = found.get(sentence, ())
        lines.append(f"- {sentence}")
        if commits:
            lines += [f"  Found {len(commits)} violation{'' if len(commits) == 1 else 's'}:", ""]
            lines += [f"  {commit}" for commit in commits]
        lines.append("")
    return lines


def write_script(directory: Path) -> None:
    """Puts the hook into a folder, for the interpreter that runs this process."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = " ".join(map(shlex.quote, (sys.executable, "-IS", pre_receive.__file__)))
    script = directory / "pre-receive"
    fresh = directory / "pre-receive.new"
    fresh.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    fresh.chmod(0o700)
    fresh.replace(script)  # a push that starts at this moment finds a whole script
