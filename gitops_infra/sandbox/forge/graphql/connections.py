"""Lists in pages, as GraphQL has them: `nodes`, `totalCount`, `pageInfo`, and a cursor that says where to go on."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gitops_infra.sandbox.forge.graphql.execution import Field
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.router import Call

MAX_PAGE = 100
PAGING = frozenset({"first", "last", "after"})
PREFIX = "cursor:"

PAGE_INFO: Mapping[str, Field] = {
    "hasNextPage": Field(lambda _call, page, _: page["hasNextPage"]),
    "endCursor": Field(lambda _call, page, _: page["endCursor"]),
}


def key(name: str, of: str = "") -> Field:
    """A field that stands in the value under that name."""
    return Field(lambda _call, value, _: value[name], of)


def attribute(name: str, of: str = "") -> Field:
    """A field that is an attribute of the record."""
    return Field(lambda _call, value, _: getattr(value, name), of)


def constant(value: Any, of: str = "") -> Field:
    """A field that has one value here, because the stand-in has nothing else."""
    return Field(lambda _call, _value, _: value, of)


def connection_type(of: str, **more: Field) -> Mapping[str, Field]:
    """The fields of a connection whose items are of a type."""
    return {
        "nodes": Field(_asked_for("nodes"), of),
        "totalCount": key("totalCount"),
        "pageInfo": Field(_asked_for("pageInfo"), "PageInfo"),
        **more,
    }


def connection(of: str, items: Callable[[Call, Any, Mapping[str, Any]], Iterable[Any]], *arguments: str) -> Field:
    """A field that is such a list: `items(call, value, arguments)` are all of them, and `arguments` narrow them."""

    def find(call: Call, value: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        return _page(list(items(call, value, given)), given)

    return Field(find, f"{of}Connection", PAGING | frozenset(arguments))


def none_of(of: str, *arguments: str) -> Field:
    """A list that is always empty, because the stand-in has no such things."""
    return connection(of, lambda _call, _value, _: (), *arguments)


def _asked_for(part: str) -> Callable[[Call, Any, Mapping[str, Any]], Any]:
    """A part of the page that was asked for by `first` or `last`."""

    def find(_call: Call, value: Mapping[str, Any], _given: Mapping[str, Any]) -> Any:
        if part not in value:
            raise Refusal(422, "You must provide a `first` or `last` value to properly paginate the connection.")
        return value[part]

    return find


def _page(items: list[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    size = given.get("first", given.get("last"))
    if size is None:  # enough to count them
        return {"totalCount": len(items)}
    if not 1 <= int(size) <= MAX_PAGE:
        raise Refusal(422, f"`first` and `last` must be from 1 to {MAX_PAGE}")
    if given.get("first") is None:
        return _answer(items[-int(size) :], len(items), len(items))
    start = _position(given.get("after"))
    return _answer(items[start : start + int(size)], start + int(size), len(items))


def _answer(nodes: list[Any], end: int, total: int) -> dict[str, Any]:
    cursor = base64.b64encode(f"{PREFIX}{end}".encode()).decode() if nodes else None
    return {"nodes": nodes, "totalCount": total, "pageInfo": {"hasNextPage": end < total, "endCursor": cursor}}


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix(PREFIX))
    except (ValueError, binascii.Error):
        raise Refusal(422, f"`{cursor}` does not appear to be a valid cursor.") from None
