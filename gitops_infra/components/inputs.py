"""What every component's arguments are made of, and how they are checked."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar, Union

from pulumi import Output
from pydantic import ConfigDict, ValidationError

from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.topology.model import Model
from gitops_infra.topology.problems import Problem, TopologyError
from gitops_infra.topology.validate import validate_model

_T = TypeVar("_T")

In = Union[_T, Awaitable[_T], Output[_T]]
"""A value, or one that is known only while the program runs. What decides the shape of a component is never an `In`."""


class Args(Model):
    """Base of every component's arguments: frozen, unknown keys refused, null means "not given"."""

    model_config = ConfigDict(arbitrary_types_allowed=True)


_A = TypeVar("_A", bound=Args)
_R = TypeVar("_R")


def checked(args_type: type[_A], args: "_A | Mapping[str, Any]", *rules: Callable[[_A], tuple[Problem, ...]]) -> _A:
    """The arguments as a model, from an instance or a mapping with snake-case keys.

    Every rule is asked as soon as the types are right, and all findings are reported together. Raises
    ConfigurationError.
    """
    found: tuple[Problem, ...] = ()
    valid: _A | None = None
    try:
        valid = validate_model(args_type, args)
    except TopologyError as error:
        found = error.problems
        with suppress(ValidationError):
            valid = args_type.model_validate(args)
    problems = (*found, *(problem for rule in rules for problem in (rule(valid) if valid else ())))
    # Raised here, outside the handler: what pydantic raised holds the values, and a chained traceback prints them.
    if problems or valid is None:
        raise ConfigurationError(problems)
    return valid


def decided(decide: Callable[[], _R]) -> _R:
    """What `decide` returns. A refusal of topology or plan ends the program as ConfigurationError instead."""
    try:
        return decide()
    except TopologyError as error:
        raise ConfigurationError(error.problems) from None
