"""Short words for the actors and operations of an access report, and for what stops them."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from gitops_infra.plan.actors import OF_ENVIRONMENT, Mechanism, Operation

Data = Mapping[str, Any]

LISTED = 3
"""How many names are listed before the rest is counted."""

_ANY_PUSH = (Operation.PUSH, Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW)
_MERGES = (Operation.MERGE_REVIEWED, Operation.MERGE_UNREVIEWED)

TOGETHER: tuple[tuple[str, tuple[Operation, ...]], ...] = (
    ("use the API", (Operation.REST_UPDATE, Operation.REST_FORCE, Operation.RENAME, *_MERGES)),
    ("push", (*_ANY_PUSH, Operation.REST_UPDATE)),
    ("push by git", _ANY_PUSH),
    ("push foreign commits", (Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW)),
    ("force", (Operation.FORCE_PUSH, Operation.REST_FORCE)),
    ("merge", _MERGES),
    ("push commits of the default branch", (Operation.PUSH,)),
    ("push foreign commits", (Operation.PUSH_FOREIGN,)),
    ("push workflow files", (Operation.PUSH_WORKFLOW,)),
    ("merge unreviewed", (Operation.MERGE_UNREVIEWED,)),
    ("merge reviewed", (Operation.MERGE_REVIEWED,)),
    ("read the secrets", (Operation.READ_SECRET,)),
    ("edit rulesets", (Operation.EDIT_RULESET,)),
    ("add write keys", (Operation.ADD_KEY,)),
    ("edit the policy", (Operation.EDIT_POLICY,)),
)
"""Words for operations that mostly go together, the widest first. Any other operation is called by its own name."""


def what(operations: Iterable[str], asked: Collection[str]) -> str:
    """The operations in words; `asked` are all that are tried in the place."""
    left, several = set(operations), len(asked) > LISTED
    if several and left == set(asked):
        return "everything"
    if several and left == set(asked) - {Operation.READ.value}:
        return "everything but read"
    words = []
    for word, together in TOGETHER:
        names = {operation.value for operation in together}
        if names <= left:
            words.append(word)
            left -= names
    return ", ".join([*words, *(each.value for each in Operation if each.value in left)])


def who(actors: Sequence[str], everybody: Iterable[str], environment: str | None, *, general: bool = False) -> str:
    """The actors in words. Those of other environments are counted where all of a kind are meant.

    `general` leaves out the name of `environment`, so that environments can be compared.
    """
    words: list[str] = []
    for kind in dict.fromkeys(_kind(name) for name in actors):
        if kind not in OF_ENVIRONMENT:
            words.append(kind)
            continue
        meant = [name.removeprefix(f"{kind} of ") for name in actors if _kind(name) == kind]
        if environment in meant:
            words.append(f"its {kind}" if general else f"{kind} of {environment}")
        others = [name for name in meant if name != environment]
        known = [name for name in everybody if _kind(name) == kind and name != f"{kind} of {environment}"]
        if others and len(others) == len(known) and (general or len(others) > LISTED):
            words.append(f"every other {kind}")
        elif others and general:
            words.append(f"{len(others)} other {kind}{'' if len(others) == 1 else 's'}")
        elif others:
            words.append(f"{kind} of {counted(others)}")
    return ", ".join(words)


def why(verdict: Data) -> str:
    """What decides, in words: of a ruleset its name."""
    rule: str = verdict["rule"]
    if verdict["mechanism"] == Mechanism.RULESET.value:
        return f"ruleset {rule.rpartition(': ')[0]}"
    return rule if rule.startswith(verdict["mechanism"]) else f"{verdict['mechanism']}: {rule}"


def without_names(words: str, environment: Data) -> str:
    """The words without what is called after the environment."""
    repository = environment["repository"] or ""
    own = (
        (repository, "its repository"),
        (repository.rpartition("/")[2], "its repository"),
        (f"'{environment['environment']}'", "<environment>"),
        (f"gitops: {environment['environment']}", "gitops: <environment>"),
    )
    for name, instead in own:
        words = re.sub(rf"(?<![\w./-]){re.escape(name)}(?![\w/-])", instead, words) if name else words
    return words


def counted(names: Sequence[str]) -> str:
    """The names; of many the first ones, and how many more."""
    if len(names) <= LISTED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"


def _kind(actor: str) -> str:
    """What kind of actor it is, by its name."""
    return next((kind.value for kind in OF_ENVIRONMENT if actor.startswith(f"{kind.value} of ")), actor)
