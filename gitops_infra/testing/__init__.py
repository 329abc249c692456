"""The sandbox forge in your own pytest suite: fixtures `forge` and `stack`, and assertions about who can do what.

The fixtures come with the package (pytest finds them by its entry point); the rest is imported from here. Names are
loaded when they are first used: pytest imports this package in every run, whether a test needs it or not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitops_infra.plan.actors import Operation
    from gitops_infra.sandbox.forge.jobs import JobGrant
    from gitops_infra.sandbox.forge.server import Sandbox
    from gitops_infra.testing.access import Access, Attempt
    from gitops_infra.testing.actors import Actor
    from gitops_infra.testing.admissions import Admission
    from gitops_infra.testing.branches import assert_nobody_moves, assert_only_writers, assert_protected
    from gitops_infra.testing.gate import as_job
    from gitops_infra.testing.secret_readers import assert_secret_readers
    from gitops_infra.testing.stack import Change, Stack, StackFactory, Update, UpdateFailed
    from gitops_infra.testing.state import assert_no_changes, assert_no_secret_in_state

__all__ = [
    "Access",
    "Actor",
    "Admission",
    "Attempt",
    "Change",
    "JobGrant",
    "Operation",
    "Sandbox",
    "Stack",
    "StackFactory",
    "Update",
    "UpdateFailed",
    "as_job",
    "assert_no_changes",
    "assert_no_secret_in_state",
    "assert_nobody_moves",
    "assert_only_writers",
    "assert_protected",
    "assert_secret_readers",
]

_MODULES = {
    "plan.actors": ("Operation",),
    "sandbox.forge.jobs": ("JobGrant",),
    "sandbox.forge.server": ("Sandbox",),
    "testing.access": ("Access", "Attempt"),
    "testing.actors": ("Actor",),
    "testing.branches": ("assert_nobody_moves", "assert_only_writers", "assert_protected"),
    "testing.admissions": ("Admission",),
    "testing.gate": ("as_job",),
    "testing.secret_readers": ("assert_secret_readers",),
    "testing.stack": ("Change", "Stack", "StackFactory", "Update", "UpdateFailed"),
    "testing.state": ("assert_no_changes", "assert_no_secret_in_state"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, loaded now and kept. Raises AttributeError for any other name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"gitops_infra.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
