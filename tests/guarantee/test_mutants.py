"""B. Mutation: each weakening of what `up` generates is caught by the matrix or by the audit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guarantee.matrix import table
from guarantee.matrix.modes import Mode
from guarantee.matrix.world import World, world
from guarantee.mutation import mutants
from guarantee.mutation.mutants import AUDIT, MATRIX, UNCHANGED, Mutant, Mutation
from guarantee.mutation.weakenings import unweakened

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

FEWEST = 180
"""Weakenings: fewer would mean that some protection is no longer tried."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(Mode.REPOSITORY, tmp_path_factory.mktemp("mutants")) as found:
        yield found


@pytest.fixture(scope="module")
def mutation(made: World) -> Mutation:
    return mutants.run(made)


def test_every_generated_protection_is_weakened(made: World) -> None:
    assert not list(unweakened(made))


def test_every_weakening_is_caught(mutation: Mutation, tmp_path: Path) -> None:
    listed = "".join(f"{each}: {'; '.join(each.told)}\n" for each in mutation.mutants)
    (table.folder(tmp_path) / "mutants.txt").write_text(listed)
    assert not mutation.survivors, "\n".join(map(str, mutation.survivors))
    assert len({each.name for each in mutation.mutants}) == len(mutation.mutants) >= FEWEST


def test_both_catch_some_that_are_their_own(mutation: Mutation) -> None:
    """Neither of the two stands idle: real pushes show weakenings, and settings that no push shows are audited."""
    caught = [set(each.caught_by) for each in mutation.mutants]
    assert sum(MATRIX in each for each in caught) >= 120
    assert sum(each == {AUDIT} for each in caught) >= 40


def test_an_unchanged_world_is_caught_by_neither(mutation: Mutation) -> None:
    assert mutation.unchanged.caught_by == (), mutation.unchanged.told


def test_a_weakening_that_nothing_shows_survives() -> None:
    seen, unseen = Mutant("seen", "a rule", (AUDIT,), ("told",)), Mutant("unseen", "a rule", (), ())
    assert Mutation(Mutant(UNCHANGED, "", (), ()), (seen, unseen)).survivors == (unseen,)
    assert str(unseen) == "unseen: NOT CAUGHT"
