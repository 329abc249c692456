"""Turns pydantic's errors into problems: one per place, in the user's words, never with the value."""

import difflib
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gitops_infra.topology.problems import ROOT, Problem, path
from gitops_infra.topology.secret_shapes import shown

FOUND: tuple[tuple[type, str], ...] = (
    (type(None), "nothing (null)"),
    (bool, "true or false (bool)"),
    (int, "a whole number (int)"),
    (float, "a number (float)"),
    (str, "text (str)"),
    (list, "a list"),
    (tuple, "a list (tuple)"),
    (dict, "a mapping (dict)"),
)
"""What a value of a wrong type is called; the first that matches. Others are called by the name of their type."""


class _Expectation(NamedTuple):
    """What should have been there, and how to get it."""

    what: str
    remedy: str


_TEXT = _Expectation("text", "Give text; put a number, true or false in quotes")
_NUMBER = _Expectation("a whole number", "Give a whole number, without quotes")
_BOOLEAN = _Expectation("true or false", "Write `true` or `false`, without quotes")
_LIST = _Expectation("a list", "Write a list: one `-` per entry")
_MAPPING = _Expectation("a mapping", "Write `key: value` lines")

EXPECTED: Mapping[str, _Expectation] = {
    "string_type": _TEXT,
    "string_unicode": _Expectation("text in Unicode", "Remove the characters that are no valid Unicode"),
    "string_sub_type": _TEXT,
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_parsing_size": _NUMBER,
    "int_from_float": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
}
"""pydantic's error type -> what was expected."""


def found(value: object) -> str:
    """What a value is called by its type, such as `a whole number (int)`; never the value."""
    return next((name for kind, name in FOUND if isinstance(value, kind)), f"a value of type {type(value).__name__}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None if nothing is near."""
    # Cut: difflib needs quadratic time, and no known word is longer.
    return _nearest(word[:60], tuple(known))


@lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    """As `nearest`. Cached: a misspelt key is often copied into every environment."""
    by_fold = {name.casefold().replace("-", "_"): name for name in known}
    folded = word.casefold().replace("-", "_")
    starting = [name for fold, name in by_fold.items() if fold.startswith(folded)]
    if len(folded) > 2 and len(starting) == 1:  # noqa: PLR2004 - one or two letters start too much
        return starting[0]
    near = difflib.get_close_matches(folded, list(by_fold), n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None


def keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that users write: the names of the fields, `import` for `import_`."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def called(model: type[BaseModel]) -> str:
    """What a model is called in messages: `state repository` for `StateRepositoryArgs`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__.removesuffix("Args")).lower()


def problems_of(error: ValidationError, model: type[BaseModel], data: object, *, root: str = ROOT) -> Iterator[Problem]:
    """One problem per place for everything that pydantic refused in `data` as `model`; `root` names the whole."""
    by_place: dict[str, Problem] = {}
    misspelt: set[str] = set()
    for detail in error.errors(include_url=False):
        location = _location(detail["loc"], data, detail["type"])
        where = path(*location) if location else root
        # A union reports every branch; the first says what most users should write.
        owner = _owner(model, location)
        by_place.setdefault(where, _problem(where, location, detail, owner))
        if detail["type"] == "extra_forbidden" and owner:
            misspelt.add(path(*location[:-1], nearest(str(location[-1]), keys(owner)) or ""))
    # Who misspelt a key need not be told as well that the right one is missing.
    yield from (by_place[where] for where in by_place if by_place[where].code != "missing-key" or where not in misspelt)


def _problem(where: str, location: Sequence[str | int], detail: ErrorDetails, owner: type[BaseModel] | None) -> Problem:
    special = _not_text_key if detail["loc"][-1:] == ("[key]",) else _SPECIAL.get(detail["type"])
    if special is not None:
        return special(where, location, detail, owner)
    expectation = EXPECTED.get(detail["type"])
    if expectation is None:
        return Problem(where, "wrong-value", "this value is not accepted here", "See the description of the key")
    reason = f"expected {expectation.what}, found {found(detail['input'])}"
    return Problem(where, "wrong-type", reason, expectation.remedy)


def _missing(where: str, location: Sequence[str | int], _: ErrorDetails, owner: type[BaseModel] | None) -> Problem:
    key = str(location[-1])
    meaning = owner.model_fields[key].description if owner and key in owner.model_fields else None
    remedy = f"Add `{key}`: {_first_sentence(meaning)}" if meaning else f"Add `{key}`"
    return Problem(where, "missing-key", f"`{key}` is missing", remedy)


def _unknown(where: str, location: Sequence[str | int], _: ErrorDetails, owner: type[BaseModel] | None) -> Problem:
    key = str(location[-1])
    noun = called(owner) if owner else "mapping"
    known = sorted(keys(owner)) if owner else []
    near = nearest(key, known)
    remedy = f"Did you mean `{near}`?" if near else "Remove it; known keys are " + ", ".join(known)
    article = "an" if noun[0] in "aeiou" else "a"
    return Problem(where, "unknown-key", f"{shown(key)} is not a key of {article} {noun}", remedy.rstrip("."))


def _enum(where: str, _: Sequence[str | int], detail: ErrorDetails, __: type[BaseModel] | None) -> Problem:
    words = detail.get("ctx", {}).get("expected", "").replace("'", "`")
    value = detail["input"]
    near = nearest(value, re.findall(r"`([^`]*)`", words)) if isinstance(value, str) else None
    remedy = f"Did you mean `{near}`?" if near else "Write one of these"
    what = "another word" if isinstance(value, str) else found(value)
    return Problem(where, "unknown-word", f"expected {words}, found {what}", remedy)


def _not_text_key(where: str, _: Sequence[str | int], __: ErrorDetails, ___: type[BaseModel] | None) -> Problem:
    return Problem(where, "wrong-type", "expected text as a key", "Put the key in quotes")


def _own(where: str, _: Sequence[str | int], detail: ErrorDetails, __: type[BaseModel] | None) -> Problem:
    """What a validator of ours says: it is written for users and names no value."""
    reason = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    return Problem(where, "wrong-value", reason, "Correct the value")


_SPECIAL: Mapping[str, Callable[[str, Sequence[str | int], ErrorDetails, type[BaseModel] | None], Problem]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "enum": _enum,
    "invalid_key": _not_text_key,
    "value_error": _own,
    "assertion_error": _own,
}


def _location(loc: tuple[int | str, ...], data: object, error_type: str) -> tuple[str | int, ...]:
    """The place in the data, without the names that pydantic adds for branches of a union."""
    place: list[str | int] = []
    here: Any = data
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if _holds(here, part):
            inside: Any = here.__dict__ if isinstance(here, BaseModel) else here
            here = inside[part]
        elif not (last and error_type == "missing"):
            continue
        place.append(part)
    return tuple(place)


def _holds(value: object, part: str | int) -> bool:
    """Whether the value has this key, index or field."""
    if isinstance(value, (list, tuple)):
        return isinstance(part, int) and part < len(value)
    return part in (value if isinstance(value, Mapping) else value.__dict__ if isinstance(value, BaseModel) else ())


def _owner(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model whose key is at the end of the location."""
    here: type[BaseModel] | None = model
    for part in location[:-1]:
        if isinstance(part, int) or here is None:
            continue
        field = here.model_fields.get(part)
        here = model_in(field.annotation) if field else None
    return here


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `Optional[Model]` or `list[Model]`; None for anything else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, list):
        return next(filter(None, map(model_in, get_args(annotation))), None)
    return None


def is_list(annotation: Any) -> bool:
    """Whether the annotation is `list[...]` or contains one beside other alternatives."""
    return get_origin(annotation) is list or any(get_origin(part) is list for part in get_args(annotation))


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[a-z`)])\.(?:\s|\Z)", " ".join(text.split()), maxsplit=1)[0].rstrip(".")
