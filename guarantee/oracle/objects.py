"""Commits made without a git process, in an object folder that repositories share; and what is an ancestor of what.

They are real objects, which git reads. That every repository sees them all is no matter: what a ref holds is decided
about its history, and a repository's refs are its own.
"""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository

WHO = "Dana Developer <dana@acme.example> 1700000000 +0000"


class Objects:
    """One folder of loose objects, and the parents of every commit that is known."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.parents: dict[str, tuple[str, ...]] = {}
        self.trees: dict[str, Mapping[str, bytes]] = {}
        """Commit -> its files."""

    def lend_to(self, repository: BareRepository) -> None:
        """Makes the folder that of a new, empty repository too."""
        own = repository.path / "objects"
        for inside in own.iterdir():
            inside.rmdir()
        own.rmdir()
        own.symlink_to(self.folder, target_is_directory=True)

    def commit(self, parents: tuple[str, ...], files: Mapping[str, bytes], message: str) -> str:
        """The id of a new commit with exactly these files."""
        lines = [f"tree {self._tree(files)}", *(f"parent {parent}" for parent in parents)]
        text = "\n".join([*lines, f"author {WHO}", f"committer {WHO}", "", message, ""])
        sha = self._write(b"commit", text.encode())
        self.parents[sha], self.trees[sha] = parents, files
        return sha

    def child(self, parent: str, message: str, path: str = "change.txt") -> str:
        """The id of a new commit on top of `parent`, which changes one file."""
        return self.commit((parent,), {**self.trees[parent], path: message.encode()}, message)

    def learn(self, git: BareRepository, tip: str) -> None:
        """Takes note of commits that the forge made, such as those of a merge."""
        listed = git.run("rev-list", "--parents", "--max-count=20", tip).splitlines()
        for sha, *parents in reversed([line.split() for line in listed]):
            if sha not in self.parents:
                self.parents[sha] = tuple(parents)
                entries = git.tree(sha, recursive=True)
                self.trees[sha] = {each.path: git.file(sha, each.path) or b"" for each in entries}

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is in the history of `newer`, or the same."""
        waiting, seen = [newer], set()
        while waiting:
            sha = waiting.pop()
            if sha == older:
                return True
            if sha not in seen:
                seen.add(sha)
                waiting += self.parents[sha]
        return False

    def _tree(self, files: Mapping[str, bytes]) -> str:
        folders: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        entries: list[tuple[str, bytes]] = []
        for path, content in files.items():
            folder, slash, rest = path.partition("/")
            if slash:
                folders[folder][rest] = content
            else:
                entries.append(
                    (path, b"100644 " + path.encode() + b"\0" + bytes.fromhex(self._write(b"blob", content)))
                )
        for name, inside in folders.items():
            # Git sorts a folder as if its name ended with a slash.
            entries.append((f"{name}/", b"40000 " + name.encode() + b"\0" + bytes.fromhex(self._tree(inside))))
        return self._write(b"tree", b"".join(entry for _, entry in sorted(entries)))

    def _write(self, kind: bytes, content: bytes) -> str:
        data = kind + b" " + str(len(content)).encode() + b"\0" + content
        sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        path = self.folder / sha[:2] / sha[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(data, 1))
        return sha


def read_ref(git_dir: Path, ref: str) -> str | None:
    """The commit of a ref, read from its file, where git and the forge write it; None without one."""
    try:
        return (git_dir / ref).read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def write_ref(git_dir: Path, ref: str, sha: str) -> None:
    """Puts a ref somewhere without asking anybody: what was there before the rules, or a repair by hand."""
    if sha == ABSENT:
        (git_dir / ref).unlink(missing_ok=True)
        return
    path = git_dir / ref
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{sha}\n", encoding="ascii")
