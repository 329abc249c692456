"""What an environment gets where the topology leaves something out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_infra.topology import Environment, EnvironmentKind, Isolation
from gitops_infra.topology.defaults import (
    Stage,
    branch_of,
    is_moved,
    kind_of,
    state_repository_name,
    state_repository_of,
    usual_sources,
)

STAGING, PRODUCTION = EnvironmentKind.STAGING, EnvironmentKind.PRODUCTION
PATHS = st.sampled_from([frozenset(), frozenset({"api"}), frozenset({"web"}), frozenset({"api", "web"})])
STAGES = st.lists(st.tuples(st.sampled_from([STAGING, PRODUCTION]), PATHS), max_size=8).map(
    lambda drawn: [Stage(f"e{number}", *one) for number, one in enumerate(drawn)]
)


@given(STAGES)
def test_every_stage_leads_back_to_the_default_branch_and_production_leads_nowhere(stages: list[Stage]) -> None:
    sources = usual_sources(stages)
    kinds = {stage.name: stage.kind for stage in stages}
    assert list(sources) == [stage.name for stage in stages]
    for stage in stages:
        assert {kinds[name] for name in sources[stage.name]} <= {STAGING}
        trail = [stage.name]
        while sources[trail[-1]]:
            trail.append(sources[trail[-1]][0])
            assert len(trail) <= len(stages)


@given(STAGES)
def test_production_skips_no_staging_of_its_paths_that_is_listed_before_it(stages: list[Stage]) -> None:
    sources = usual_sources(stages)
    for position, stage in enumerate(stages):
        before = [one.name for one in stages[:position] if one.kind is STAGING and one.paths == stage.paths]
        passed: list[str] = []
        here = stage.name
        while sources[here]:
            here = sources[here][0]
            passed.insert(0, here)
        assert passed[: len(before)] == before or stage.kind is PRODUCTION
        if before and stage.kind is PRODUCTION:
            assert passed == before


@given(STAGES)
def test_only_a_production_with_paths_of_no_staging_is_not_clear(stages: list[Stage]) -> None:
    staged = {stage.paths for stage in stages if stage.kind is STAGING}
    for stage in stages:
        unclear = stage.kind is PRODUCTION and stage.paths not in staged and len(staged) > 1
        assert (len(usual_sources(stages)[stage.name]) > 1) is unclear


@pytest.mark.parametrize(
    ("environment", "branch", "repository"),
    [
        ({"name": "staging"}, "env/staging", "shop-env-staging"),
        ({"name": "qa", "kind": "staging", "formerly": "test"}, "env/test", "shop-env-test"),
        ({"name": "staging", "branch": "live", "state_repository": "state"}, "live", "state"),
        ({"name": "staging", "isolation": "shared"}, "env/staging", "shop"),
        ({"name": "staging", "isolation": "branch", "formerly": "test"}, "env/test", "shop"),
        ({"name": "review"}, None, None),
    ],
)
def test_where_the_branch_is(environment: dict[str, str], branch: str | None, repository: str | None) -> None:
    made = Environment.model_validate(environment)
    assert (branch_of(made), state_repository_of("shop", made)) == (branch, repository)


def test_a_moved_environment_keeps_the_name_of_its_old_state_repository() -> None:
    moved = Environment(name="staging", isolation=Isolation.SHARED, moved_from=Isolation.REPOSITORY)
    assert state_repository_name("shop", moved) == "shop-env-staging"


@pytest.mark.parametrize("name", ["Staging", "prod", "production-eu", "reviews"])
def test_a_kind_is_never_guessed_from_a_similar_name(name: str) -> None:
    assert kind_of(Environment(name=name)) is None


@pytest.mark.parametrize(
    ("changes", "moved"),
    [({}, True), ({"retired": True}, False), ({"write_credential": False}, False), ({"kind": "review"}, False)],
)
def test_what_is_moved(changes: dict[str, object], *, moved: bool) -> None:
    assert is_moved(Environment.model_validate({"name": "x", "kind": "staging", **changes})) is moved
