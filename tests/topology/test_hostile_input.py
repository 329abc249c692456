"""Whatever is given: a topology or one clear error, soon, and no secret in it."""

import copy
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_infra.topology import Topology, TopologyError, validate


def texts(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in texts(item, (*at, key))]
    if isinstance(value, list):
        return [place for index, item in enumerate(value) for place in texts(item, (*at, index))]
    return [at] if isinstance(value, str) else []


def with_text(data: dict[str, Any], place: tuple[str | int, ...], text: str) -> dict[str, Any]:
    """A copy with other text at that place."""
    changed = copy.deepcopy(data)
    here: Any = changed
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = text
    return changed


@pytest.fixture
def topologies(valid: dict[str, Any], rich: dict[str, Any]) -> list[dict[str, Any]]:
    """Valid ones, which together give every key."""
    valid["environments"][0] |= {"branch": "env/one", "state_repository": "state", "manifests": "deploy/one"}
    valid["environments"][0] |= {"cluster": "eu", "namespace": "shop-one"}
    valid["clusters"] = [{"name": "eu"}]
    return [valid, rich]


@pytest.mark.parametrize("hostile", ["${{ github.token }}", "a\x00b"])
def test_no_text_holds_an_expression_or_a_nul(hostile: str, topologies: list[dict[str, Any]]) -> None:
    places = [(data, place) for data in topologies for place in texts(data)]
    assert len(places) > 80
    for data, place in places:
        with pytest.raises(TopologyError) as caught:
            validate(with_text(data, place, hostile))
        assert "\x00" not in str(caught.value), place


FREE = {"variables", "labels", "description", "required_checks", "context"}
"""Keys of texts for people and programs. They travel as JSON; nothing puts them into a command, a path or a pattern."""


@pytest.mark.parametrize("hostile", ["a\nb: c", "\u202eniam", "`id`", "$(id)", "a;b", "a b", "~ALL", "-x", "\u0430cme"])
def test_no_name_holds_what_a_shell_a_path_or_a_pattern_reads_specially(
    hostile: str, topologies: list[dict[str, Any]]
) -> None:
    places = [(data, place) for data in topologies for place in texts(data) if not FREE & set(place)]
    assert len(places) > 70
    for data, place in places:
        with pytest.raises(TopologyError) as caught:
            validate(with_text(data, place, hostile))
        assert str(caught.value).isascii(), place


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
def test_no_message_shows_a_secret_wherever_it_was_pasted(
    secret: str, valid: dict[str, Any], topologies: list[dict[str, Any]]
) -> None:
    """Also in names of keys, in unknown keys and in places of a wrong type."""
    for data in topologies:
        for place in texts(data):
            with pytest.raises(TopologyError) as caught:
                validate(with_text(data, place, secret))
            assert secret not in str(caught.value), place
            assert secret not in repr(caught.value.__context__), place
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
        "branch",
        "shared",
        "repository",
        "writer",
        "app",
        "key",
        "id",
        "import",
        "import_",
        "formerly",
        "moved_from",
        "paths",
        "required_checks",
        "required_deployments",
        "repositories",
        "known_hosts",
        "sha_pinning",
        "accept_shared_bypass",
        "state_repository",
        "retired",
        "clusters",
        "cluster",
        "namespace",
        "kubeconfig",
        "context",
        "receiver_url",
        "sync",
        "permissions",
        "resources",
        "health_checks",
        "signed_by",
        "cluster_role",
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
    changes: st.DataObject, valid: dict[str, Any], rich: dict[str, Any]
) -> None:
    """The shape stays recognisable, so rules run beside malformed parts."""
    data: Any = copy.deepcopy(changes.draw(st.sampled_from([valid, rich])))
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


def test_the_rich_topology_is_valid_and_gives_nearly_every_key(rich: dict[str, Any]) -> None:
    """Else the tests above would prove less than they say."""
    topology = validate(rich)
    models = [topology, topology.application, *topology.repositories, *topology.environments, *topology.promotions]
    syncs = [each.sync for each in topology.environments if each.sync]
    models += [*topology.clusters, *syncs]
    models += [inner for sync in syncs for inner in (*(sync.permissions or ()), *(sync.health_checks or ()))]
    given = {(type(model).__name__, field) for model in models for field in model.model_fields_set}
    every = {(type(model).__name__, field) for model in models for field in type(model).model_fields}
    # Not beside several repositories, or only in a new one without an import; `conftest.VALID` has them.
    assert every - given == {
        ("Application", "labels"),
        ("Application", "required_reviews"),
        ("Environment", "namespace"),
        ("Environment", "state_repository"),
    }


def test_a_thousand_wrong_environments_are_refused_within_a_second(valid: dict[str, Any]) -> None:
    environments = [{"name": f"S{number}", "brnach": number, "variables": {"A": 1}} for number in range(1000)]
    error = validated(valid | {"environments": environments})
    assert isinstance(error, TopologyError)
    assert len(error.problems) > 3000
