"""Refs: what kind they are, which patterns name them, and which ones stand for all others in the access matrix."""

import re
from collections.abc import Iterator
from functools import lru_cache

from gitops_infra.plan.model import Plan, RefKind, Repository

HEADS = "refs/heads/"

_KINDS = {HEADS: RefKind.BRANCH, "refs/tags/": RefKind.TAG}
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def kind_of_ref(ref: str) -> RefKind | None:
    """Whether a full ref is a branch or a tag; None for any other namespace, which no ruleset governs."""
    return next((kind for prefix, kind in _KINDS.items() if ref.startswith(prefix)), None)


def matches(pattern: str, ref: str) -> bool:
    """Whether a ruleset's pattern names that full ref: exact, `~ALL`, or a glob whose `*` stops at a slash."""
    return pattern in {"~ALL", ref} or _compiled(pattern).fullmatch(ref) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(_WILD.get(part, re.escape(part)) for part in parts))


def sample_refs(plan: Plan, repository: Repository) -> tuple[str, ...]:
    """Full refs of that repository that stand for all others of their kind, in a fixed order.

    Branches: the default one, a feature branch, those of environments; then, beside each environment's branch, a new
    name under its prefix, one that differs by case only, and one that begins with it. Then tags, and another namespace.
    """
    heads = [f"{HEADS}{repository.default_branch}", f"{HEADS}feature/x"]
    application = repository.full_name == plan.application.full_name
    environments = [
        each.ref
        for each in plan.environments
        if each.ref is not None
        # Of the application's branches those that are, or were before a move, an environment's; all in a small one.
        and (not application or each.repository == repository.full_name or (each.former and each.former.state is None))
    ]
    own = [each.ref for each in plan.environments if each.ref is not None and each.repository == repository.full_name]
    patterns = [ref for each in repository.rulesets if each.key == "release-tags" for ref in each.include]
    tags = [pattern.replace("*", "1").replace("?", "1") for pattern in patterns] or ["refs/tags/v1.0.0"]
    tricks = [name for ref in own for name in beside(ref)]
    return tuple(dict.fromkeys([*heads, *environments, *tricks, *tags, "refs/notes/commits"]))


def beside(ref: str) -> Iterator[str]:
    """Full refs that a careless pattern would take for the branch `ref` (a full ref)."""
    name = ref.removeprefix(HEADS)
    prefix, slash, rest = name.rpartition("/")
    yield f"{HEADS}{prefix}{slash}new"
    other_case = f"{prefix.swapcase()}{slash}{rest}" if prefix.swapcase() != prefix else name.swapcase()
    if other_case != name:
        yield f"{HEADS}{other_case}"
    # Not `env/staging/x`: git has no branch below a branch.
    yield f"{HEADS}{name}-x"
