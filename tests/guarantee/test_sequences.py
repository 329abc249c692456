"""Random sequences on random topologies agree; a sample of them as real pushes; and every weakening is noticed."""

from dataclasses import replace
from itertools import islice

import pytest

from gitops_infra.plan.build import plan, plans
from gitops_infra.plan.model import Environment, Plan, Rules, Ruleset
from gitops_infra.topology.topology import Topology
from guarantee.oracle.pushed import run_pushed
from guarantee.oracle.sequences import LEAST, run, workplace
from guarantee.oracle.weaker import judge, layouts, plan_mutants
from guarantee.oracle.weaker_plans import weaker_plans

TOPOLOGIES, SHARES = 500, 5


@pytest.mark.parametrize("share", range(SHARES))
def test_oracle_prediction_and_decision_agree_on_random_sequences(share: int) -> None:
    """500 topologies together, each with at least 20 attempts; each share draws other ones."""
    result = run(TOPOLOGIES // SHARES, start=share + 1, workers=1)
    assert result.violations == (), "\n\n".join(result.violations)
    assert result.topologies >= TOPOLOGIES // SHARES
    assert result.operations >= LEAST * result.topologies
    assert set(SPOKEN) <= {answer.partition(":")[0] for answer in result.answers}, result.answers


SPOKEN = ("1", "2", "3", "4", "main", "retired", "revoked", "reading", "secret", "undo")
"""Sentences that have to come up in every share; else it would agree about nothing."""


def test_the_same_start_gives_the_same_sequences() -> None:
    first, again = (run(4, start=99, workers=1) for _ in range(2))
    assert (first.answers, first.operations) == (again.answers, again.operations)


def test_a_failure_is_told_as_a_small_reproduction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a product that forgets its rules: the sentence, with one environment at most beside it, and few attempts."""
    monkeypatch.setattr("guarantee.oracle.sequences.plans", forgetful)
    [told] = run(100, start=5, workers=1).violations
    assert "sentence" in told
    assert told.count("after:") <= 2
    assert told.count("'kind'") <= 2


def forgetful(topology: Topology) -> tuple[Plan, ...]:
    """Plans in which the rulesets of environment branches have no rules."""

    def bare(rulesets: tuple[Ruleset, ...]) -> tuple[Ruleset, ...]:
        return tuple(replace(each, rules=Rules()) for each in rulesets)

    def weak(each: Environment) -> Environment:
        state = None if each.state is None else replace(each.state, rulesets=bare(each.state.rulesets))
        return replace(each, rulesets=bare(each.rulesets), state=state)

    return tuple(replace(made, environments=tuple(map(weak, made.environments))) for made in plans(topology))


def test_a_sample_of_the_sequences_agrees_with_real_pushes() -> None:
    """Git over HTTP and SSH, with the tokens and keys of everybody, against a forge that listens."""
    result = run_pushed(20, start=3)
    assert result.violations == (), "\n\n".join(result.violations)
    assert result.topologies >= 20
    assert result.operations >= LEAST * result.topologies
    assert result.answers["allowed"] >= 10
    assert result.answers["denied"] >= 10


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("layout", sorted(layouts()))
def test_every_weaker_plan_is_noticed_by_the_oracle(layout: str, share: int) -> None:
    """By what it says about attempts on a forge where the weaker plan stands; what opens nothing has its reason."""
    judged = plan_mutants(only=[layout], share=share, of=2)
    assert [f"{each.name}: {each.why}" for each in judged if each.missed] == []
    assert sum(each.caught for each in judged) >= CAUGHT[layout]


CAUGHT = {"repository": 40, "branch": 70, "shared": 45}
"""In each half, at least: fewer would mean that a protection is planned no more, or weakened no more."""


def test_the_oracle_notices_nothing_where_nothing_is_weaker() -> None:
    with workplace() as workshop:
        for layout, topology in layouts().items():
            for weaker in islice(weaker_plans(layout, plan(topology)), 0, None, 75):
                own = replace(weaker, plan=plan(topology))
                assert not judge(workshop, topology, own).caught, own.name
