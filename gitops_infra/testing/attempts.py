"""Tries operations on one ref with every credential of a forge, each from the same state, and takes them back."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from gitops_infra.plan.actors import Operation
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.identity import role
from gitops_infra.sandbox.forge.model import PullRequest, Repository
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.rulesets import governing
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.access import Access, Attempt
from gitops_infra.testing.admissions import PROBE
from gitops_infra.testing.gate import HEADS, TAGS, people
from gitops_infra.testing.keyring import Means, keyring
from gitops_infra.testing.replica import replica, taken_back

MOVES = (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE)
METHODS = ("merge", "squash", "rebase")

_OK = 200
_TIMEOUT = 30.0


def try_out(forge: Sandbox, full_name: str, ref: str, operations: Sequence[Operation]) -> Access:
    """What every actor of the forge can do to a full ref. The forge itself stays as it is.

    Pushes are real, over HTTP or SSH, of commits without a change of files. An operation supposes that the ref exists
    (`create`: that it does not), so in the replica it is made, or removed, first. Raises ValueError for a repository
    that does not exist or a name that is no ref.
    """
    git = BareRepository(forge.store.git_dir(forge.repository(full_name)))
    if not git.valid_ref(ref):
        raise ValueError(f"{ref!r} is no name of a ref")
    with replica(forge) as copy, tempfile.TemporaryDirectory(prefix="gitops-infra-probe-") as scratch:
        trial = _Trial(copy, full_name, ref, Path(scratch))
        means = keyring(copy)
        attempts = [one for operation in operations for one in trial.tried(operation, means)]
    return Access(full_name, ref, tuple(attempts))


class _Trial:
    """One ref of one repository of a replica, and the commits to try on it."""

    def __init__(self, forge: Sandbox, full_name: str, ref: str, scratch: Path) -> None:
        self.forge, self.full_name, self.ref = forge, full_name, ref
        self.git = BareRepository(forge.store.git_dir(self.repository))
        self.clone = Clone.empty(scratch / "clone")
        objects = self.git.path.resolve() / "objects"
        (self.clone.directory / ".git" / "objects" / "info" / "alternates").write_text(f"{objects}\n")
        present = self.git.commit_id(ref)
        # The same files everywhere: a token without the permission `workflows` is then refused by rules alone.
        self.tree = f"{present}^{{tree}}" if present else self.git.run("mktree", input="")
        self.tip = present or self._commit("first")
        self.shut_out: dict[Means, str] = {}

    @property
    def repository(self) -> Repository:
        """The record: looked up anew, because a push may replace it."""
        return self.forge.repository(self.full_name)

    def tried(self, operation: Operation, means: Sequence[Means]) -> Iterator[Attempt]:
        """One attempt with each credential."""
        attempt = self._merge if operation is Operation.MERGE_UNREVIEWED else self._push
        with taken_back(self.forge, self.repository):
            self._arrange(operation)
            for each in means:
                if each in self.shut_out:  # who may not even connect is not asked again
                    allowed, why = False, self.shut_out[each]
                else:
                    with taken_back(self.forge, self.repository):
                        allowed, why = attempt(operation, each)
                yield Attempt(each.actors, each.label, operation, allowed, why)

    def _arrange(self, operation: Operation) -> None:
        exists = self.git.resolve(self.ref) is not None
        if operation is Operation.CREATE and exists:
            self.git.run("update-ref", "-d", self.ref)
        elif operation is not Operation.CREATE and not exists:
            self.git.run("update-ref", self.ref, self.tip)

    def _push(self, operation: Operation, means: Means) -> tuple[bool, str]:
        commit = {
            Operation.CREATE: self.tip,
            Operation.PUSH: self._commit("one more", self.tip),
            Operation.FORCE_PUSH: self._commit("an unrelated history"),
            Operation.DELETE: "",
        }[operation]
        # Git itself moves no tag without being forced; here the forge shall decide.
        force = operation is Operation.FORCE_PUSH or self.ref.startswith(TAGS)
        count = len(self.forge.store.pushes)
        url = means.url(self.forge, self.full_name)
        outcome = self.clone.push(url, f"{commit}:{self.ref}", means.credential, force=force)
        if len(self.forge.store.pushes) > count:
            return outcome.allowed, self._rule(means)
        refusal = _refusal(outcome.message)
        if outcome.allowed or refusal is None:  # a broken connection must not pass for a refusal
            raise RuntimeError(f"the forge was not asked to {operation} {self.ref}: {outcome.message}")
        self.shut_out[means] = refusal
        return False, refusal

    def _merge(self, _operation: Operation, means: Means) -> tuple[bool, str]:
        """A pull request that nobody reviewed, by each method that there is."""
        if not isinstance(means.credential, TokenCredential):
            return False, "a key cannot merge a pull request"
        pull = self._pull()
        if pull is None:
            return False, "nobody can open a pull request"
        address = f"{self.forge.api_url}/repos/{self.full_name}/pulls/{pull.number}/merge"
        headers = {"Authorization": f"Bearer {means.credential.token}"}
        why: list[str] = []
        with httpx.Client(headers=headers, trust_env=False, timeout=_TIMEOUT) as http:
            for method in METHODS:
                answer = http.put(address, json={"merge_method": method})
                if answer.status_code == _OK:
                    return True, self._rule(means)
                why.append(str(answer.json().get("message", answer.status_code)))
        return False, " ".join(why[0].split())

    def _pull(self) -> PullRequest | None:
        """A pull request with a commit that is not on the ref yet, by the first who may open one."""
        branch = f"{PROBE}-unreviewed"
        self.git.run("update-ref", HEADS + branch, self._commit("not reviewed", self.tip))
        for author in people(self.forge, self.repository):
            try:
                return self.forge.open_pull_request(
                    self.full_name, author.login, branch, self.ref.removeprefix(HEADS), "Not reviewed"
                )
            except Refusal:
                continue
        return None

    def _commit(self, message: str, *parents: str) -> str:
        return self.git.commit_tree(self.tree, list(parents), message, FORGE)

    def _rule(self, means: Means) -> str:
        """What the forge wrote down about the last update of the ref that it judged."""
        record = next(r for r in reversed(self.forge.store.pushes_of(self.repository)) if r.ref == self.ref)
        if not record.allowed:
            return record.reason
        if record.bypassed:
            return f"bypasses {' and '.join(f'ruleset {name!r}' for name in record.bypassed)}"
        held = role(self.forge.store, means.identity, self.repository)
        rules = governing(self.forge.store, self.repository, self.ref)
        why = "no rule forbids it" if rules else "no ruleset governs the ref"
        return f"{why}, and its role is {held}"


def _refusal(message: str) -> str | None:
    """The line in which the forge tells why it let nobody in; None when it was not the forge who spoke."""
    for line in map(str.strip, message.splitlines()):
        for prefix in ("remote: ", "ERROR: "):
            if line.startswith(prefix) and line.removeprefix(prefix).strip():
                return line.removeprefix(prefix).strip()
    return None
