"""One topology laid over another: what merges, what replaces, what is removed, and who said it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_infra.topology.merge import merged, part, plain, said_at


def over(base: Any, top: Any) -> Any:
    return plain(merged(part(base, lambda _: "base"), part(top, lambda _: "top")))


@pytest.mark.parametrize(
    ("base", "top", "expected"),
    [
        ({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
        ({"a": {"b": 1}}, {"a": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({}, {"a": None}, {}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 2}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"environments": [{"name": "x"}]}}, {"a": {"environments": []}}, {"a": {"environments": []}}),
        ([1], {"a": 1}, {"a": 1}),
    ],
)
def test_mappings_merge_null_removes_and_anything_else_replaces(*, base: Any, top: Any, expected: Any) -> None:
    assert over(base, top) == expected


@pytest.mark.parametrize(
    ("key", "name"),
    [("environments", "name"), ("repositories", "name"), ("clusters", "name"), ("promotions", "target")],
)
def test_entries_merge_by_name_in_the_order_of_the_base_and_new_ones_follow(key: str, name: str) -> None:
    base = {key: [{name: "a", "x": {"p": 1}, "y": [1]}, {name: "b", "z": 1}]}
    top = {key: [{name: "c"}, {name: "b", "z": None}, {name: "a", "x": {"q": 2}, "y": [2]}]}
    assert over(base, top) == {key: [{name: "a", "x": {"p": 1, "q": 2}, "y": [2]}, {name: "b"}, {name: "c"}]}


def test_reviewers_and_other_lists_replace_those_of_the_base() -> None:
    base = {"environments": [{"name": "a", "reviewers": [{"user": "ana"}, {"user": "bob"}]}]}
    top = {"environments": [{"name": "a", "reviewers": [{"user": "eve"}]}]}
    assert over(base, top) == top


def test_entries_that_cannot_be_merged_are_kept_for_the_rules_to_refuse() -> None:
    base = {"environments": [{"kind": "staging"}, "text", {"name": 5}, {"name": "a"}, {"name": "a", "x": 1}]}
    top = {"environments": [{"name": "a", "y": 2}, {"name": "a"}, None, {"name": 5}]}
    assert over(base, top)["environments"] == [
        {"kind": "staging"},
        "text",
        {"name": 5},
        {"name": "a", "y": 2},
        {"name": "a", "x": 1},
        {"name": "a"},
        None,
        {"name": 5},
    ]


def test_every_place_knows_who_said_it() -> None:
    base = part({"owner": "acme", "environments": [{"name": "a", "kind": "staging"}]}, lambda place: f"base {place}")
    top = part({"environments": [{"name": "b"}, {"name": "a", "branch": "x"}]}, lambda place: f"top {place}")
    assert said_at(merged(base, top)) == {
        "": "top ",
        "owner": "base owner",
        "environments": "top environments",
        "environments[0]": "top environments[1]",
        "environments[0].name": "top environments[1].name",
        "environments[0].kind": "base environments[0].kind",
        "environments[0].branch": "top environments[1].branch",
        "environments[1]": "top environments[0]",
        "environments[1].name": "top environments[0].name",
    }


NAMES = st.sampled_from(["name", "target", "environments", "promotions", "a", "b"])
DATA = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, DATA))
def test_nothing_on_top_changes_nothing(data: Any) -> None:
    assert over(data, {}) == data


@given(DATA, DATA)
def test_any_two_are_laid_over_each_other_and_what_is_on_top_shows(base: Any, top: Any) -> None:
    result = over(base, top)
    if isinstance(base, dict) and isinstance(top, dict):
        assert {key for key, value in base.items() if value is not None and key not in top} <= result.keys()
        assert all(result[key] == value for key, value in top.items() if isinstance(value, (int, str)))
    else:
        assert result == top
