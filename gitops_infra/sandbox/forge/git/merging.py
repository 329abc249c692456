"""Merges in a bare repository, without a working tree: commits are made, no ref is moved."""

from gitops_infra.sandbox.forge.git import process
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository, Person


class ConflictError(Exception):
    """The two sides change the same lines, or have no common history."""


def merged_tree(git: BareRepository, ours: str, theirs: str) -> str:
    """The tree of a three-way merge of two commits. Raises ConflictError."""
    done = process.run(
        *("merge-tree", "--write-tree", "--no-messages", "--name-only", ours, theirs),
        directory=git.path,
        accept=(0, 1, 128),
    )
    if done.returncode != 0:
        raise ConflictError(f"{ours} and {theirs} cannot be merged")
    return done.stdout.decode().split("\n", 1)[0]


def merge_commit(git: BareRepository, base: str, head: str, message: str, author: Person) -> str:
    """The id of a commit with both as parents. Raises ConflictError."""
    committer = FORGE._replace(date=author.date)
    return git.commit_tree(merged_tree(git, base, head), [base, head], message, author, committer)


def squash_commit(git: BareRepository, base: str, head: str, message: str, author: Person) -> str:
    """The id of one commit on top of the base with all that the head changed. Raises ConflictError."""
    committer = FORGE._replace(date=author.date)
    return git.commit_tree(merged_tree(git, base, head), [base], message, author, committer)


def rebased_commits(git: BareRepository, base: str, head: str, committer: Person) -> str:
    """The id of the last of the head's own commits, copied one by one onto the base. Raises ConflictError.

    Merge commits are left out, as `git rebase` does; authors, dates and messages stay.
    """
    top = base
    for commit in git.commits("--reverse", "--topo-order", "--no-merges", f"{base}..{head}"):
        parent = git.commit_id(f"{commit}^")
        if parent is None:
            raise ConflictError(f"{commit} has no parent to compare with")
        # merge-tree finds the merge base itself. A throw-away commit with the tree of `top` on the copied commit's
        # parent makes that parent the base, and so the merge a cherry-pick.
        here = git.commit_tree(git.run("rev-parse", f"{top}^{{tree}}"), [parent], "cherry-pick", FORGE)
        tree = merged_tree(git, here, commit)
        facts = git.run(
            "show", "--no-patch", "--no-show-signature", "--format=%an%x00%ae%x00%ad%x00%B", "--date=raw", commit
        )
        name, mail, date, message = facts.split("\0", 3)
        top = git.commit_tree(tree, [top], message, Person(name, mail, date), committer)
    return top
