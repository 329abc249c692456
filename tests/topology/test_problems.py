"""How problems are ordered, placed and worded."""

import pytest

from gitops_infra.topology import Problem, TopologyError
from gitops_infra.topology.draft import draft, skip_unreadable
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import path


def problem(where: str, remedy: str = "Do that") -> Problem:
    return Problem(where, "some-code", "this is wrong", remedy)


def test_problems_are_sorted_by_place_and_told_once() -> None:
    error = TopologyError([problem("e[10]"), problem("e[2]"), problem("e[2]")])
    assert str(error) == (
        "2 problems in the topology:\n"
        "  - e[2]: this is wrong. Do that. [some-code]\n"
        "  - e[10]: this is wrong. Do that. [some-code]"
    )


def test_a_question_keeps_its_mark() -> None:
    assert str(problem("e", "Did you mean `f`?")) == "e: this is wrong. Did you mean `f`? [some-code]"


def test_a_path_quotes_odd_keys_and_hides_secrets() -> None:
    assert path() == "topology"
    assert path("environments", 1, "variables", "MY_KEY") == "environments[1].variables.MY_KEY"
    assert path("config", "shop:topology") == "config['shop:topology']"
    assert path("a", "ghp_0123456789abcdefghij") == "a[(hidden)]"
    assert path("a", "x\ny") == "a['x\\ny']"


def test_only_reading_what_could_not_be_parsed_is_silent() -> None:
    """A mistake in a rule is not mistaken for malformed input."""
    environment = draft(Environment, {"name": "staging", "generation": "two"})
    with skip_unreadable():
        raise AssertionError(environment.generation)
    with pytest.raises(AttributeError), skip_unreadable():
        environment.no_such_field  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test
    assert (environment.name, environment.prevent_self_review) == ("staging", True)
