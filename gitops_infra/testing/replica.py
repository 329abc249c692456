"""A second forge with the content of the first: what an assertion tries, it tries there."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.record_codec import decode, encode
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.forge.store import DATABASE

NOT_COPIED = (f"{DATABASE}*", "forge.lock", "hooks", "state.json*")
"""Files of the forge's folder that belong to one process, or are read in another way."""
UNFINISHED = "tmp_objdir-"
"""Prefix of the folder in which git keeps the objects of a push that is under way."""


@contextmanager
def replica(forge: Sandbox) -> Iterator[Sandbox]:
    """A running copy of the forge: records, git data and host key, on ports of its own; gone afterwards.

    What happens in it never reaches the original. It has the original's clock; faults that were switched on are not
    copied.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-replica-") as folder:
        target = Path(folder) / "forge"
        with forge.store.lock:  # no request is halfway through while records and refs are read
            shutil.copytree(forge.directory, target, ignore=_left_out(forge.directory), copy_function=_link_objects)
            with (
                closing(sqlite3.connect(forge.directory / DATABASE)) as source,
                closing(sqlite3.connect(target / DATABASE)) as copy,
            ):
                source.backup(copy)
        with Sandbox(target, clock=forge.store.now) as running:
            yield running


def _left_out(root: Path) -> Callable[[str, list[str]], Collection[str]]:
    """What copytree skips: at the top the names above, for a branch may be called `hooks`."""

    def ignore(folder: str, names: list[str]) -> Collection[str]:
        if Path(folder) == root:
            return [name for name in names if any(fnmatch(name, pattern) for pattern in NOT_COPIED)]
        return [name for name in names if name.startswith(UNFINISHED)]

    return ignore


def _link_objects(source: str, target: str) -> None:
    """Git never changes a file of its object store, so a link saves copying a long history."""
    if f"{os.sep}objects{os.sep}" in source:
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            return
    shutil.copy2(source, target)


@contextmanager
def taken_back(forge: Sandbox, repository: Repository) -> Iterator[None]:
    """Takes back what happens inside to the repository's refs, its default branch and its pull requests."""
    store, git = forge.store, BareRepository(forge.store.git_dir(repository))
    with store.lock:
        refs, head = git.refs(), git.head()
        records = [(type(each), encode(each)) for each in (repository, *store.pull_requests_of(repository))]
    try:
        yield
    finally:
        with store.transaction():
            present = git.refs()
            lines = [f"delete {ref}\n" for ref in present.keys() - refs.keys()]
            lines += [f"update {ref} {sha}\n" for ref, sha in refs.items() if present.get(ref) != sha]
            if lines:
                git.run("update-ref", "--stdin", input="".join(lines))
            if git.head() != head:
                git.set_head(head.removeprefix("refs/heads/"))
            kept: list[Any] = [decode(kind, text) for kind, text in records]
            for pull in store.pull_requests_of(repository):
                if all(pull.id != each.id for each in kept):
                    store.delete(pull)
            for record in kept:
                _restore(forge, record)


def _restore(forge: Sandbox, record: Any) -> None:
    """The record as it was, in the object that the forge and its callers hold."""
    present = (forge.store.repositories if isinstance(record, Repository) else forge.store.pull_requests)[record.id]
    if encode(present) != encode(record):
        vars(present).update(vars(record))
        forge.store.save(present)
