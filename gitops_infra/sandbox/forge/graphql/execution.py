"""Answers documents from tables of types: which fields a type has, and how each is found.

A document is checked as a whole before anything is done. A type, field or argument that the tables do not have is
refused by name, with the operation that asked for it. Errors have GitHub's shape: `type`, `path`, `message`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitops_infra.sandbox.forge.graphql.language import Document, Operation, Selection, Variable
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.router import Call

ERROR_TYPES = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 422: "UNPROCESSABLE"}


@dataclass(frozen=True)
class Field:
    """How a field is found: `find(call, value, arguments)`.

    `of` names the type of what it finds, or of each item of a list; empty for text, numbers and the like.
    """

    find: Callable[[Call, Any, Mapping[str, Any]], Any]
    of: str = ""
    arguments: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Typed:
    """A value of one of the types that a union or interface stands for."""

    type: str
    value: Any


@dataclass(frozen=True)
class Schema:
    """The tables: type -> field name -> field, and abstract type -> the types it stands for."""

    types: Mapping[str, Mapping[str, Field]]
    abstract: Mapping[str, Sequence[str]]


class UnsupportedError(Exception):
    """The document asks for something that the stand-in does not have; the text names it."""


def execute(schema: Schema, document: Document, call: Call, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the answer: `data`, and `errors` where there are any. Raises UnsupportedError before any work."""
    operation = _chosen(document, name)
    _Check(schema, document, operation).run()
    return _Run(schema, document, operation, call, variables).run()


def _chosen(document: Document, name: str) -> Operation:
    found = [operation for operation in document.operations if name in {"", operation.name}]
    if len(found) != 1:
        raise UnsupportedError(f"No operation named {name!r}" if name else "An operation name is required")
    return found[0]


@dataclass(frozen=True)
class _Check:
    schema: Schema
    document: Document
    operation: Operation

    def run(self) -> None:
        self._selections(self.operation.kind.capitalize(), self.operation.selections, ())

    def _selections(self, type_name: str, selections: Sequence[Selection], within: tuple[str, ...]) -> None:
        for one in selections:
            if unknown := [name for name in one.directives if name not in {"include", "skip"}]:
                raise self._lacks(f"directive '@{unknown[0]}'")
            if one.kind == "inline":
                self._selections(one.on or type_name, one.selections, within)
            elif one.kind == "spread":
                fragment = self.document.fragments.get(one.name)
                if fragment is None or one.name in within:
                    raise self._lacks(f"fragment '{one.name}' that ends")
                self._selections(fragment.on, fragment.selections, (*within, one.name))
            elif one.name not in {"__typename", "__type"}:
                self._field(type_name, one, within)

    def _field(self, type_name: str, one: Selection, within: tuple[str, ...]) -> None:
        concrete = self.schema.abstract.get(type_name, (type_name,))
        if concrete[0] not in self.schema.types:
            raise self._lacks(f"type '{type_name}'")
        field = self.schema.types[concrete[0]].get(one.name)
        if field is None or any(one.name not in self.schema.types[each] for each in concrete):
            raise self._lacks(f"such field: Field '{one.name}' doesn't exist on type '{type_name}'")
        if surplus := [name for name in one.arguments if name not in field.arguments]:
            raise self._lacks(f"argument '{surplus[0]}' of field '{one.name}' on type '{type_name}'")
        if bool(field.of) != bool(one.selections):
            raise UnsupportedError(f"Field '{one.name}' of type '{type_name}': selections where none belong, or none")
        if field.of:
            self._selections(field.of, one.selections, within)

    def _lacks(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"stand-in has no {what} ({self.operation.kind} {self.operation.name or 'unnamed'})")


@dataclass
class _Run:
    schema: Schema
    document: Document
    operation: Operation
    call: Call
    variables: Mapping[str, Any]

    def run(self) -> dict[str, Any]:
        self.errors: list[dict[str, Any]] = []
        data = self._object(self.operation.kind.capitalize(), None, self.operation.selections, ())
        return {"data": data, **({"errors": self.errors} if self.errors else {})}

    def _object(
        self, type_name: str, value: Any, selections: Sequence[Selection], path: tuple[str | int, ...]
    ) -> dict[str, Any]:
        merged: dict[str, Selection] = {}
        for one in self._flat(type_name, selections):
            known = merged.get(one.key)
            if known is not None:  # the same field in two fragments: both ask for parts of it
                one = Selection(  # noqa: PLW2901
                    one.name, one.alias, arguments=one.arguments, selections=(*known.selections, *one.selections)
                )
            merged[one.key] = one
        return {key: self._field(type_name, value, one, (*path, key)) for key, one in merged.items()}

    def _flat(self, type_name: str, selections: Sequence[Selection]) -> Iterator[Selection]:
        """The fields that apply to the type, fragments resolved."""
        for one in selections:
            if not self._wanted(one):
                continue
            if one.kind == "field":
                yield one
                continue
            fragment = self.document.fragments.get(one.name)
            on, within = (one.on, one.selections) if fragment is None else (fragment.on, fragment.selections)
            if on in {"", type_name} or type_name in self.schema.abstract.get(on, ()):
                yield from self._flat(type_name, within)

    def _wanted(self, one: Selection) -> bool:
        found = {name: self._value(arguments.get("if")) for name, arguments in one.directives.items()}
        return found.get("include", True) and not found.get("skip", False)

    def _field(self, type_name: str, value: Any, one: Selection, path: tuple[str | int, ...]) -> Any:
        arguments = {name: self._value(given) for name, given in one.arguments.items()}
        if one.name == "__typename":
            return type_name
        if one.name == "__type":
            return self._described(str(arguments.get("name")), one)
        field = self.schema.types[type_name][one.name]
        try:
            found = field.find(self.call, value, arguments)
        except Refusal as refusal:
            self.errors.append(error(refusal, path))
            return None
        return self._completed(field, found, one, path)

    def _completed(self, field: Field, found: Any, one: Selection, path: tuple[str | int, ...]) -> Any:
        if found is None or not field.of:
            return found
        if isinstance(found, list):
            return [self._completed(field, item, one, (*path, number)) for number, item in enumerate(found)]
        if isinstance(found, Typed):
            return self._object(found.type, found.value, one.selections, path)
        return self._object(field.of, found, one.selections, path)

    def _described(self, name: str, one: Selection) -> Any:
        """`__type(name:)`: the fields that clients ask for before they use them. Null for a type that is not here."""
        fields = self.schema.types.get(name)
        if fields is None:
            return None
        known = {"name": name, "fields": [{"name": each, "args": _named(field)} for each, field in fields.items()]}
        return _projected(known, one.selections)

    def _value(self, given: Any) -> Any:
        if isinstance(given, Variable):
            return self.variables.get(given.name, self.operation.defaults.get(given.name))
        if isinstance(given, list):
            return [self._value(item) for item in given]
        if isinstance(given, Mapping):
            return {name: self._value(item) for name, item in given.items()}
        return given


def error(refusal: Refusal, path: Sequence[str | int] = ()) -> dict[str, Any]:
    """A refusal as an entry of `errors`."""
    details = "; ".join(_sentence(item) for item in refusal.errors)
    message = f"{refusal.message}: {details}" if details else refusal.message
    return {"type": ERROR_TYPES.get(refusal.status, "UNPROCESSABLE"), "path": list(path), "message": message}


def _named(field: Field) -> list[dict[str, str]]:
    return [{"name": name} for name in sorted(field.arguments)]


def _projected(value: Any, selections: Sequence[Selection]) -> Any:
    """What is selected of plain data."""
    if isinstance(value, list):
        return [_projected(item, selections) for item in value]
    if not isinstance(value, dict):
        return value
    return {one.key: _projected(value.get(one.name), one.selections) for one in selections}


def _sentence(item: Any) -> str:
    """One entry of a REST error list, in words."""
    if not isinstance(item, dict):
        return str(item)
    return str(item.get("message") or f"{item.get('field', 'it')} is {item.get('code', 'refused')}")
