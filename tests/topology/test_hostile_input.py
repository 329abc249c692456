"""Whatever is given: a topology or one clear error, soon, and no secret in it."""

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_infra.topology import Topology, TopologyError, validate

Changed = Callable[[dict[str, Any]], dict[str, Any]]


def texts(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in texts(item, (*at, key))]
    if isinstance(value, list):
        return [place for index, item in enumerate(value) for place in texts(item, (*at, index))]
    return [at] if isinstance(value, str) else []


@pytest.mark.parametrize("hostile", ["${{ github.token }}", "a\x00b"])
def test_no_text_holds_an_expression_or_a_nul(hostile: str, changed: Changed, valid: dict[str, Any]) -> None:
    optional = {
        "environments.0.branch": "env/one",
        "environments.0.state_repository": "state",
        "environments.0.manifests": "deploy/one",
        "application.default_branch": "main",
    }
    places = texts(changed(optional))
    assert len(places) > 30
    for place in places:
        key = ".".join(map(str, place))
        outer: Any = valid
        for part in place[:-1]:
            outer = outer[part]
        kept = outer[place[-1]]
        with pytest.raises(TopologyError) as caught:
            validate(changed({key: hostile}))
        assert "\x00" not in str(caught.value), key
        outer[place[-1]] = kept


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_0123456789abcdefghij",
        "github_pat_0123456789abcdefghij",
        "ghs_0123456789abcdefghij",
        "glpat-0123456789abcdefghij",
        "AKIA0123456789ABCDEF",
        "xoxb-0123456789-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "postgres://shop:hunter22@db/shop",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_no_message_shows_a_secret_wherever_it_was_pasted(secret: str, changed: Changed, valid: dict[str, Any]) -> None:
    """Also in names of keys, in unknown keys and in places of a wrong type."""
    for place in texts(valid):
        outer: Any = valid
        for part in place[:-1]:
            outer = outer[part]
        kept = outer[place[-1]]
        with pytest.raises(TopologyError) as caught:
            validate(changed({".".join(map(str, place)): secret}))
        assert secret not in str(caught.value), place
        assert secret not in repr(caught.value.__context__), place
        outer[place[-1]] = kept
    with pytest.raises(TopologyError) as caught:
        validate(valid | {secret: 1, "environments": [{"name": "staging", "variables": {secret: "x"}}, secret]})
    assert secret not in str(caught.value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=3)
WORDS = st.sampled_from(
    [
        "owner",
        "github_plan",
        "application",
        "environments",
        "promotions",
        "name",
        "kind",
        "branch",
        "reviewers",
        "user",
        "team",
        "target",
        "source",
        "variables",
        "secrets",
        "grants",
        "role",
        "labels",
        "free",
        "production",
        "staging",
        "enterprise",
        "prod-eu",
        "${{x}}",
        "env/*",
        "..",
        "-",
        "existing",
        "visibility",
        "public",
        "isolation",
    ]
)
ANYTHING = st.recursive(
    SCALARS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=8) | st.integers(), inner, max_size=6)
    ),
    max_leaves=30,
)


def validated(data: object) -> Topology | TopologyError:
    """What comes out within a second of computing; any other exception fails the test."""
    started = time.process_time()
    result: Topology | TopologyError
    try:
        result = validate(data)
    except TopologyError as error:
        result = error
    assert time.process_time() - started < 1
    if isinstance(result, TopologyError):
        assert result.problems
        assert all(problem.where and problem.reason and problem.remedy for problem in result.problems)
    return result


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_any_input_is_a_topology_or_a_topology_error(data: object) -> None:
    validated(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.data())
def test_a_topology_spoiled_anywhere_gives_nothing_but_a_topology_error(
    changes: st.DataObject, valid: dict[str, Any]
) -> None:
    """The shape stays recognisable, so rules run beside malformed parts."""
    data: Any = copy.deepcopy(valid)
    for _ in range(changes.draw(st.integers(1, 4))):
        here: Any = data
        while True:
            keys: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = changes.draw(st.sampled_from(keys))
            inner = here[key]
            if isinstance(inner, (dict, list)) and inner and changes.draw(st.booleans()):
                here = inner
                continue
            here[key] = changes.draw(ANYTHING)
            break
    validated(data)


def test_a_thousand_wrong_environments_are_refused_within_a_second(valid: dict[str, Any]) -> None:
    environments = [{"name": f"S{number}", "brnach": number, "variables": {"A": 1}} for number in range(1000)]
    error = validated(valid | {"environments": environments})
    assert isinstance(error, TopologyError)
    assert len(error.problems) > 3000
