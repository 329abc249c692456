"""Reads GraphQL documents: text to operations and fragments, nothing about what they mean.

Source: GraphQL specification (October 2021), section 2, without subscriptions, block strings and type definitions.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r"""(?P<skip>[\s,\ufeff]+|\#[^\n]*)
    |(?P<punctuation>\.\.\.|[!$&()\[\]{}:=@|])
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<string>"(?:[^"\\\n]|\\.)*")""",
    re.VERBOSE,
)
WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
DEEPEST = 50
"""Selections within selections; a document that goes deeper is refused before it can exhaust the stack."""


class SyntaxProblem(ValueError):  # noqa: N818  (it is an answer to the client)
    """The document cannot be read; the text says where."""


@dataclass(frozen=True)
class Variable:
    """`$name` where a value stands."""

    name: str


@dataclass(frozen=True)
class Selection:
    """One field, fragment spread (`...name`) or inline fragment (`... on Type`)."""

    name: str = ""
    """Of the field or of the spread fragment; empty for an inline fragment."""
    alias: str = ""
    kind: str = "field"
    """`field`, `spread` or `inline`."""
    on: str = ""
    """Inline fragments: the type condition, empty for none."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    directives: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    selections: tuple["Selection", ...] = ()

    @property
    def key(self) -> str:
        """What the field is called in the answer."""
        return self.alias or self.name


@dataclass(frozen=True)
class Operation:
    """A query or mutation."""

    kind: str
    name: str
    defaults: Mapping[str, Any]
    """Declared variables that have a default value."""
    selections: tuple[Selection, ...]


@dataclass(frozen=True)
class Fragment:
    """A named fragment."""

    on: str
    selections: tuple[Selection, ...]


@dataclass(frozen=True)
class Document:
    """What a client sends as `query`."""

    operations: tuple[Operation, ...]
    fragments: Mapping[str, Fragment]


def parse(text: str) -> Document:
    """The document. Raises SyntaxProblem."""
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        self._depth = 0
        position = 0
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise SyntaxProblem(f"Parse error on {text[position]!r} at [{_line(text, position)}]")
            if match.lastgroup != "skip":
                self._tokens.append((match.lastgroup, match[0], _line(text, position)))
            position = match.end()
        self._tokens.append(("end", "end of file", _line(text, position)))
        self._at = 0

    def document(self) -> Document:
        operations, fragments = [], {}
        while self._kind != "end":
            if self._word == "fragment":
                self._take()
                name = self._name()
                self._expect("on")
                fragments[name] = Fragment(self._name(), self._selections())
            else:
                operations.append(self._operation())
        return Document(tuple(operations), fragments)

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _word(self) -> str:
        return self._tokens[self._at][1]

    def _take(self) -> str:
        word = self._word
        if self._kind == "end":
            raise self._unexpected()
        self._at += 1
        return word

    def _expect(self, word: str) -> None:
        if self._word != word:
            raise self._unexpected()
        self._take()

    def _unexpected(self) -> SyntaxProblem:
        return SyntaxProblem(f"Parse error on {self._word!r} at [{self._tokens[self._at][2]}]")

    def _accept(self, word: str) -> bool:
        found = self._word == word and self._kind == "punctuation"
        self._at += found
        return found

    def _name(self) -> str:
        if self._kind != "name":
            raise self._unexpected()
        return self._take()

    def _operation(self) -> Operation:
        if self._word == "{":
            return Operation("query", "", {}, self._selections())
        kind = self._name()
        if kind not in {"query", "mutation"}:
            raise SyntaxProblem(f"Parse error on {kind!r}: only queries and mutations are read")
        name = self._name() if self._kind == "name" else ""
        defaults = self._defaults() if self._accept("(") else {}
        self._directives()
        return Operation(kind, name, defaults, self._selections())

    def _defaults(self) -> dict[str, Any]:
        defaults = {}
        while not self._accept(")"):
            self._expect("$")
            name = self._name()
            self._expect(":")
            self._type()
            if self._accept("="):
                defaults[name] = self._value()
        return defaults

    def _type(self) -> None:
        if self._accept("["):
            self._type()
            self._expect("]")
        else:
            self._name()
        self._accept("!")

    def _selections(self) -> tuple[Selection, ...]:
        self._expect("{")
        self._depth += 1
        if self._depth > DEEPEST:
            raise SyntaxProblem(f"the document is nested deeper than {DEEPEST} selections")
        found = []
        while not self._accept("}"):
            found.append(self._selection())
        self._depth -= 1
        return tuple(found)

    def _selection(self) -> Selection:
        if self._accept("..."):
            if self._kind == "name" and self._word != "on":
                return Selection(self._name(), kind="spread", directives=self._directives())
            on = ""
            if self._word == "on":
                self._take()
                on = self._name()
            return Selection(kind="inline", on=on, directives=self._directives(), selections=self._selections())
        name, alias = self._name(), ""
        if self._accept(":"):
            name, alias = self._name(), name
        arguments = self._arguments()
        directives = self._directives()
        within = self._selections() if self._word == "{" and self._kind == "punctuation" else ()
        return Selection(name, alias, arguments=arguments, directives=directives, selections=within)

    def _arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._accept("("):
            while not self._accept(")"):
                name = self._name()
                self._expect(":")
                found[name] = self._value()
        return found

    def _directives(self) -> dict[str, dict[str, Any]]:
        found = {}
        while self._accept("@"):
            name = self._name()
            found[name] = self._arguments()
        return found

    def _value(self) -> Any:
        if self._accept("$"):
            return Variable(self._name())
        if self._accept("["):
            items = []
            while not self._accept("]"):
                items.append(self._value())
            return items
        if self._accept("{"):
            members: dict[str, Any] = {}
            while not self._accept("}"):
                name = self._name()
                self._expect(":")
                members[name] = self._value()
            return members
        kind, word = self._kind, self._word
        if kind == "punctuation":
            raise self._unexpected()
        self._take()
        return json.loads(word) if kind in {"number", "string"} else WORDS.get(word, word)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
