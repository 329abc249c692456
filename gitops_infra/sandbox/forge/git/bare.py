"""One bare repository on disk, read and written with git's own plumbing."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gitops_infra.sandbox.forge.git import process
from gitops_infra.sandbox.forge.git.process import GitError

ABSENT = "0" * 40
"""The object id that stands for "no such ref"."""

CONFIGURATION: Mapping[str, str] = {
    "receive.fsckObjects": "true",
    # Real histories have these blemishes from tools of long ago; GitHub keeps such repositories too.
    "receive.fsck.zeroPaddedFilemode": "warn",
    "receive.fsck.badTimezone": "warn",
    "receive.fsck.missingSpaceBeforeDate": "warn",
    "receive.fsck.missingSpaceBeforeEmail": "warn",
    "receive.advertisePushOptions": "true",
    "receive.denyCurrentBranch": "ignore",
    # Who may delete or force what is the decision's business, in decide.py; git must not answer first.
    "receive.denyDeleteCurrent": "ignore",
    "receive.hideRefs": "refs/pull",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowTipSHA1InWant": "true",
    "uploadpack.allowReachableSHA1InWant": "true",
    "core.logAllRefUpdates": "false",
}
"""Settings of every bare repository of the forge."""


class Person(NamedTuple):
    """An author or committer."""

    name: str
    email: str
    date: str | None = None
    """As git takes dates, such as `1700000000 +0000`; None: now."""

    def variables(self, part: str) -> dict[str, str]:
        """Git's environment variables for `AUTHOR` or `COMMITTER`."""
        # Git refuses an empty name, and drops these characters itself.
        clean = "".join(c for c in self.name if c not in "<>\n\0").strip() or "unknown"
        pairs = {f"GIT_{part}_NAME": clean, f"GIT_{part}_EMAIL": self.email.strip("<>\n ") or "unknown@localhost"}
        return pairs | ({f"GIT_{part}_DATE": self.date} if self.date else {})


FORGE = Person("GitHub", "noreply@github.com")
"""Who commits what is made on the web page or by REST, as at GitHub."""


@dataclass(frozen=True)
class TreeEntry:
    """One entry of a folder: `type` is `blob`, `tree` or `commit`; `size` in bytes, None unless a blob."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


class BareRepository:
    """The bare repository in a folder. Methods raise GitError when git refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # Making

    def create(self, default_branch: str) -> None:
        """Makes an empty repository whose HEAD names `default_branch`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        process.run("init", "--quiet", "--bare", "--template=", f"--initial-branch={default_branch}", str(self.path))
        lines = [f"[{section}]\n\t{key} = {value}\n" for section, key, value in _sections(CONFIGURATION)]
        with (self.path / "config").open("a", encoding="utf-8") as config:
            config.writelines(lines)

    def import_from(self, path: Path) -> str | None:
        """Copies all branches and tags with their whole history; the branch that is checked out there, if any.

        HEAD moves to that branch when the one it names does not come with the import. Raises ValueError when
        `path` is no git repository, or a shallow clone.
        """
        with tempfile.TemporaryDirectory() as folder:
            # The source may belong to another user, and git drops settings from the environment for the process
            # that reads it: only a global file reaches that one.
            config = Path(folder, "config")
            config.write_text("[safe]\n\tdirectory = *\n", encoding="utf-8")
            env = {"GIT_CONFIG_GLOBAL": str(config)}
            source = str(path.resolve())
            try:
                shallow = process.run("-C", source, "rev-parse", "--is-shallow-repository", env=env).stdout
            except GitError as error:
                raise ValueError(f"{path} is not a git repository: {error.stderr.strip()}") from error
            if shallow.strip() == b"true":
                raise ValueError(
                    f"{path} is a shallow clone, its history is not whole: run `git fetch --unshallow` there"
                )
            self.run(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--", source),
                *("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"),
                env=env,
            )
            head = process.run("-C", source, "symbolic-ref", "--quiet", "HEAD", env=env, accept=(0, 1)).stdout
        branch = head.decode().strip().removeprefix("refs/heads/") or None
        if branch and self.resolve(self.head()) is None and self.resolve(f"refs/heads/{branch}"):
            self.set_head(branch)
        return branch

    def copy_tree(self, source: "BareRepository", tree: str) -> None:
        """Copies a tree of another repository with all that is in it; no commit comes along."""
        names = source.run("rev-list", "--objects", "--no-object-names", tree) + "\n"
        pack = process.run("pack-objects", "--quiet", "--stdout", directory=source.path, input=names.encode())
        process.run("unpack-objects", "-q", directory=self.path, input=pack.stdout)

    # Running

    def run(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002  (as subprocess.run names it)
        env: Mapping[str, str] | None = None,
    ) -> str:
        """What `git` printed, without the last line end. Undecodable bytes become surrogates."""
        data = None if input is None else input.encode("utf-8", "surrogateescape")
        printed = process.run(*arguments, directory=self.path, input=data, env=env).stdout
        return printed.decode("utf-8", "surrogateescape").removesuffix("\n")

    def succeeds(self, *arguments: str, env: Mapping[str, str] | None = None) -> bool:
        """Whether a question that git answers with exit code 0 or 1 is answered with 0."""
        return process.run(*arguments, directory=self.path, env=env, accept=(0, 1)).returncode == 0

    # Refs

    def resolve(self, revision: str, env: Mapping[str, str] | None = None) -> str | None:
        """The object id that a full ref, an id or an expression such as `refs/heads/main^{commit}` names, or None."""
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision)
        done = process.run(*arguments, directory=self.path, env=env, accept=(0, 1, 128))
        return done.stdout.decode().strip() or None if done.returncode == 0 else None

    def commit_id(self, revision: str, env: Mapping[str, str] | None = None) -> str | None:
        """As `resolve`, tags peeled; None when it is not a commit."""
        return self.resolve(f"{revision}^{{commit}}", env)

    def has(self, sha: str, env: Mapping[str, str] | None = None) -> bool:
        """Whether the object exists."""
        return process.run("cat-file", "-e", sha, directory=self.path, env=env, accept=(0, 1, 128)).returncode == 0

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Full ref names below `prefix` (whole path components) and their object ids, in order of name."""
        listed = self.run("for-each-ref", "--format=%(objectname) %(refname)", prefix)
        return {name: sha for sha, name in (line.split(" ", 1) for line in listed.splitlines())}

    def empty(self) -> bool:
        """Whether there is no branch yet."""
        return not self.run("for-each-ref", "--count=1", "--format=x", "refs/heads/")

    def head(self) -> str:
        """The full ref that HEAD names, whether it exists or not."""
        return self.run("symbolic-ref", "HEAD")

    def set_head(self, branch: str) -> None:
        """Points HEAD at a branch (name without `refs/heads/`), which need not exist."""
        self.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def valid_ref(self, ref: str) -> bool:
        """Whether git accepts the full ref name."""
        return ref.startswith("refs/") and "\0" not in ref and self.succeeds("check-ref-format", ref)

    def update_ref(self, ref: str, after: str, before: str) -> None:
        """Moves a ref if it still is at `before`; `ABSENT` stands for creation or deletion. Raises GitError else."""
        if after == ABSENT:
            self.run("update-ref", "--no-deref", "-d", ref, before)
        else:
            self.run("update-ref", "--no-deref", ref, after, before)

    # History

    def is_ancestor(self, older: str, newer: str, env: Mapping[str, str] | None = None) -> bool:
        """Whether `older` is in the history of `newer`, or the same; False too when either is no commit."""
        arguments = ("merge-base", "--is-ancestor", older, newer)
        return process.run(*arguments, directory=self.path, env=env, accept=(0, 1, 128)).returncode == 0

    def has_merge_commits(self, *revisions: str, env: Mapping[str, str] | None = None) -> bool:
        """Whether a commit with several parents is among the revisions, such as `a..b`."""
        return bool(self.merge_commits(*revisions, limit=1, env=env))

    def merge_commits(self, *revisions: str, limit: int, env: Mapping[str, str] | None = None) -> list[str]:
        """Ids of up to `limit` commits with several parents, newest first."""
        return self.run("rev-list", "--merges", f"--max-count={limit}", *revisions, "--", env=env).splitlines()

    def commits(self, *revisions: str, env: Mapping[str, str] | None = None) -> list[str]:
        """Ids of the commits, newest first."""
        return self.run("rev-list", *revisions, "--", env=env).splitlines()

    def changed_paths(
        self, before: str, after: str, *pathspecs: str, env: Mapping[str, str] | None = None
    ) -> list[str]:
        """Paths that differ between two commits or trees; `before` may be `ABSENT`. Renames count as two paths."""
        if before == ABSENT:
            return [entry.path for entry in self.tree(after, recursive=True, env=env) if _within(entry.path, pathspecs)]
        arguments = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after, "--", *pathspecs)
        return [path for path in self.run(*arguments, env=env).split("\0") if path]

    # Content

    def tree(
        self, revision: str, path: str = "", *, recursive: bool = False, env: Mapping[str, str] | None = None
    ) -> list[TreeEntry]:
        """Entries of a folder (empty path: the root), or of all below it; empty when there is no such folder."""
        name = f"{revision}:{path}" if path else f"{revision}^{{tree}}"
        tree = self.resolve(name, env)
        if tree is None or self.run("cat-file", "-t", tree, env=env) != "tree":
            return []
        arguments = ("ls-tree", "-z", "--long", *(("-r",) if recursive else ()), tree)
        prefix = f"{path}/" if path else ""
        return [_entry(line, prefix) for line in self.run(*arguments, env=env).split("\0") if line]

    def file(self, revision: str, path: str, env: Mapping[str, str] | None = None) -> bytes | None:
        """The bytes of a file at a revision, or None when there is no file of that path."""
        done = process.run("cat-file", "blob", f"{revision}:{path}", directory=self.path, env=env, accept=(0, 128))
        return done.stdout if done.returncode == 0 else None

    def write_blob(self, content: bytes) -> str:
        """The id of a new blob."""
        return process.run("hash-object", "-w", "--stdin", directory=self.path, input=content).stdout.decode().strip()

    def write_file(  # noqa: PLR0913, PLR0917  (a commit has so many parts)
        self, branch: str, path: str, content: bytes, message: str, author: Person, committer: Person = FORGE
    ) -> str:
        """The id of a new commit on top of the branch that adds or replaces one file. Does not move the branch.

        A branch that does not exist gives a first commit. Raises ValueError for a path that git does not store.
        """
        return self._change(branch, f"100644 {self.write_blob(content)}\t{path}", message, author, committer)

    def delete_file(self, branch: str, path: str, message: str, author: Person, committer: Person = FORGE) -> str:
        """As `write_file`, without the file."""
        return self._change(branch, f"0 {ABSENT}\t{path}", message, author, committer)

    def _change(self, branch: str, line: str, message: str, author: Person, committer: Person) -> str:
        parent = self.resolve(f"refs/heads/{branch}")
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            if parent:
                self.run("read-tree", parent, env=env)
            arguments = ("update-index", "-z", "--add", "--replace", "--index-info")
            data = (line + "\0").encode("utf-8", "surrogateescape")
            done = process.run(*arguments, directory=self.path, input=data, env=env, accept=(0, 128))
            # A path that git will not store is passed over with a warning and exit code 0.
            if done.returncode or done.stderr:
                raise ValueError(f"git cannot store the path {line.partition(chr(9))[2]!r}")
            tree = self.run("write-tree", env=env)
        return self.commit_tree(tree, [parent] if parent else [], message, author, committer)

    def commit_tree(
        self, tree: str, parents: list[str], message: str, author: Person, committer: Person = FORGE
    ) -> str:
        """The id of a new commit."""
        env = Person(*author).variables("AUTHOR") | Person(*committer).variables("COMMITTER")
        arguments = [argument for parent in parents for argument in ("-p", parent)]
        return self.run("commit-tree", tree, *arguments, "-F", "-", input=message.rstrip("\n") + "\n", env=env)


def _sections(settings: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(section header, key, value) of dotted keys; the middle part is a subsection."""
    result = []
    for dotted, value in settings.items():
        section, _, key = dotted.rpartition(".")
        name, _, sub = section.partition(".")
        result.append((f'{name} "{sub}"' if sub else name, key, value))
    return result


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return not folders or any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _entry(line: str, prefix: str) -> TreeEntry:
    facts, name = line.split("\t", 1)
    mode, kind, sha, size = facts.split()
    return TreeEntry(mode, kind, sha, None if size == "-" else int(size), prefix + name)


def quarantine(objects: str, repository: Path) -> dict[str, str]:
    """Environment that shows the objects of a push which is not accepted yet, beside those of the repository.

    Raises ValueError when the folder is not inside the repository's own object folder.
    """
    own = os.path.realpath(repository / "objects")
    if not Path(os.path.realpath(objects)).is_relative_to(own):
        raise ValueError("the quarantine folder is not in the repository")
    return {"GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": own}
