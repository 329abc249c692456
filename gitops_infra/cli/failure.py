"""How a command fails: one clear text on stderr and exit code 1, no traceback for what a user can put right."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something the user can put right. The text says what, where, why and the remedy."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around imports of an optional part: a missing library becomes a UserError that names the extra."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "gitops_infra":
            raise
        raise UserError(
            f"this command needs {missing.name}. Run: python -m pip install 'gitops-infra[{name}]'"
        ) from None


@contextmanager
def clear(*kinds: type[Exception]) -> Iterator[None]:
    """Around work whose errors of these kinds are worded for users."""
    try:
        yield
    except kinds as failed:
        raise UserError(str(failed)) from None
