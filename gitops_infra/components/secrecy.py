"""Refuses a program in which a property that holds a secret is not marked secret."""

import copy
import json
from collections.abc import Awaitable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import pulumi

from gitops_infra.components.sensitive import SENSITIVE, Sensitive
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.topology.problems import Problem


def refuse_plain_secrets() -> None:
    """From here on, no resource of this program is registered with a known secret in plain text (`SENSITIVE`).

    Call it once, before the first resource. A plain value ends the program as ConfigurationError at once; an output
    that turns out to hold a plain value does so before its resource is registered. What is not known yet, in a preview,
    is not judged. The error names resource, property and remedy, never the value. Properties of packaged components
    that the engine runs elsewhere are not seen.
    """
    pulumi.runtime.register_stack_transformation(_guard)


def _guard(args: pulumi.ResourceTransformationArgs) -> Optional[pulumi.ResourceTransformationResult]:
    sensitive = SENSITIVE.get(args.type_)
    if sensitive is None:
        return None
    props = dict(args.props)
    problems = []
    for one in sensitive:
        if one.only_with and not any(_given(props, name) for name in one.only_with):
            continue
        found = _Property(args.type_, args.name, one)
        if _watch(props, one.path.split("."), found):
            problems.append(found.problem())
    # All of one resource together; the next resource is not made.
    if problems:
        raise ConfigurationError(problems)
    return pulumi.ResourceTransformationResult(props, args.opts)


@dataclass(frozen=True)
class _Property:
    """A property of one resource."""

    type: str
    name: str
    sensitive: Sensitive

    def is_plain(self, value: Any, path: tuple[str, ...] = ()) -> bool:
        """Whether a value that nobody marked holds a secret at `path` within it."""
        if path and isinstance(value, str):
            value = _parsed(value)  # the SDK hands nested settings of a provider over as JSON
        if path:
            key = _key(value, path[0])
            return key is not None and self.is_plain(_content(value)[key], path[1:])
        if isinstance(value, Mapping):
            return any(self.is_plain(each) for each in value.values())
        if isinstance(value, (list, tuple)):
            return any(self.is_plain(each) for each in value)
        # An output in it is looked at by itself.
        return bool(value) and not isinstance(value, pulumi.Output) and not self._is_file(value)

    def problem(self) -> Problem:
        """What is shown. It does not hold the value."""
        return Problem(
            where=f"resource '{self.name}' ({self.type})",
            code="secret-not-marked",
            reason=f"`{self.sensitive.path}` holds a secret and is not marked so, so state and previews would show it",
            remedy="Pass `pulumi.Output.secret(value)`, or take it from the configuration with `config.require_secret`",
        )

    def _is_file(self, value: Any) -> bool:
        return self.sensitive.or_file and isinstance(value, str) and "\n" not in value and "{" not in value


def _watch(holder: dict[Any, Any], path: list[str], found: _Property) -> bool:
    """Whether the property is plain already. An output in its place is replaced by one that is judged when it is known.

    Everything on the way is copied: what the caller holds stays as it is.
    """
    key = _key(holder, path[0])
    if key is None:
        return False
    value, rest = holder[key], path[1:]
    if isinstance(value, (pulumi.Output, Awaitable)):
        output = value if isinstance(value, pulumi.Output) else pulumi.Output.from_input(value)
        holder[key] = _judged(output, found, tuple(rest))
        return False
    if rest and isinstance(value, str):
        return found.is_plain(value, tuple(rest))
    if rest or isinstance(value, Mapping):
        within = _content(value)
        if not within:
            return False
        plain = [_watch(within, rest or [name], found) for name in ([rest[0]] if rest else list(within))]
        holder[key] = _with_content(value, within)
        return any(plain)
    return found.is_plain(value)


def _judged(output: "pulumi.Output[Any]", found: _Property, path: tuple[str, ...]) -> "pulumi.Output[Any]":
    return pulumi.Output(
        _Ask(output, "resources"), _Judged(output, found, path), _Ask(output, "is_known"), _Ask(output, "is_secret")
    )


@dataclass(frozen=True)
class _Ask:
    """One question to an output. Not a coroutine: when the program fails nobody awaits it, and Python would warn."""

    output: "pulumi.Output[Any]"
    question: str

    def __await__(self) -> Generator[Any, None, Any]:
        return (yield from getattr(self.output, self.question)().__await__())


@dataclass(frozen=True)
class _Judged:
    """The value of an output. Raises ConfigurationError for one that is known, plain and not marked."""

    output: "pulumi.Output[Any]"
    found: _Property
    path: tuple[str, ...]

    def __await__(self) -> Generator[Any, None, Any]:
        value = yield from _Ask(self.output, "future").__await__()
        secret = yield from _Ask(self.output, "is_secret").__await__()
        known = yield from _Ask(self.output, "is_known").__await__()
        if known and not secret and self.found.is_plain(value, self.path):
            raise ConfigurationError([self.found.problem()])
        return value


def _key(holder: Any, wanted: str) -> Any:
    """The key of the holder that means this property, or None: the SDK takes `pem_file` as well as `pemFile`."""
    return next((key for key in _content(holder) if _spelled(str(key)) == _spelled(wanted)), None)


def _spelled(name: str) -> str:
    return name.replace("_", "").casefold()


def _given(props: Mapping[str, Any], name: str) -> bool:
    key = _key(props, name)
    return key is not None and bool(props[key])


def _content(value: Any) -> dict[Any, Any]:
    """The properties of a mapping or of the SDK's classes of arguments, copied; empty for anything else."""
    return dict(value) if isinstance(value, Mapping) else dict(getattr(value, "__dict__", {}))


def _with_content(value: Any, content: dict[Any, Any]) -> Any:
    if isinstance(value, Mapping):
        return content
    replaced = copy.copy(value)
    replaced.__dict__.update(content)
    return replaced


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
