"""The page about the topology names every key of every model as the models have it, and every refusal."""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gitops_infra.topology import Topology
from gitops_infra.topology.rules.values import RANGES
from gitops_infra.topology.translate import is_list, model_in

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "topology.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")] for line in TEXT.splitlines() if line.startswith("| `")
]
REFUSALS = (ROOT / "tests" / "topology" / "refusals.yaml").read_text(encoding="utf-8")


def fields(model: type[BaseModel] = Topology, outer: str = "") -> Iterator[tuple[str, type[BaseModel], str, FieldInfo]]:
    """Key as the page writes it, and where it is; `repositories` has the keys of `application`."""
    for name, field in model.model_fields.items():
        key = f"{outer}{field.alias or name}"
        yield key, model, name, field
        inner = model_in(field.annotation)
        if inner is not None and key != "repositories":
            yield from fields(inner, f"{key}[]." if is_list(field.annotation) else f"{key}.")


FIELDS = list(fields())


def row_of(key: str) -> list[str]:
    found = [row for row in ROWS if row[0] == f"`{key}`"]
    assert len(found) == 1, f"{key} has {len(found)} rows"
    return found[0]


def words_of(annotation: Any) -> list[str]:
    """The words that the key takes; empty for other types."""
    types = [annotation, *get_args(annotation)]
    return [word.value for kind in types if isinstance(kind, type) and issubclass(kind, StrEnum) for word in kind]


@pytest.mark.parametrize(("key", "model", "name", "field"), FIELDS, ids=[key for key, *_ in FIELDS])
def test_every_key_has_one_row_with_its_default_its_words_and_its_range(
    key: str, model: type[BaseModel], name: str, field: FieldInfo
) -> None:
    _, default, meaning, *_ = row_of(key)
    if field.is_required():
        assert default == "required"
    elif field.default is None:
        assert default != "required"
    else:
        shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert default == f"`{shown}`"
    assert [word for word in words_of(field.annotation) if f"`{word}`" not in meaning] == []
    if (model, name) in RANGES:
        border = RANGES[model, name]
        assert f"{border.low:,} to {border.high:,}" in meaning or f"{border.low:,} to {border.high:,}" in default


def test_no_row_is_about_a_key_that_does_not_exist() -> None:
    known = {f"`{key}`" for key, *_ in FIELDS}
    assert [row[0] for row in ROWS if len(row) >= 3 and row[0] not in known] == []


def test_every_refusal_is_named_where_its_key_is() -> None:
    codes = set(re.findall(r"\[([a-z]+(?:-[a-z]+)+)\]", REFUSALS))
    assert len(codes) > 60
    assert sorted(code for code in codes if f"`{code}`" not in TEXT) == []
