"""B. Measurement: what the plan predicts and what real pushes and calls do are the same, in every isolation mode."""

import json
from collections import Counter
from pathlib import Path

import pytest

from gitops_infra.plan.access import ActorKind, Operation, actors
from gitops_infra.sandbox.client import Outcome
from guarantee.matrix import table
from guarantee.matrix.attempts import NotAskedError, of_git
from guarantee.matrix.cells import LEFT_OUT, Cell
from guarantee.matrix.measure import Matrix, measure
from guarantee.matrix.modes import Mode
from guarantee.matrix.world import World, world

pytestmark = pytest.mark.engine

FEWEST = {Mode.REPOSITORY: 4_000, Mode.APPS: 2_500, Mode.MACHINE_USERS: 2_300, Mode.SHARED: 2_300}
"""Cells of a mode: fewer would mean that some are no longer asked."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name.lower())
def test_every_cell_comes_as_predicted(mode: Mode, tmp_path: Path) -> None:
    """B: every actor, every ref, every operation, each from the same state; what came of it is kept as a table."""
    with world(mode, tmp_path / "world") as made:
        matrix = measure(made)
    table.write(matrix, table.folder(tmp_path / "out"))
    assert not matrix.mismatches, "\n".join(map(str, matrix.mismatches))
    assert len(matrix.cells) >= FEWEST[mode]
    _check_that_everybody_tried(made, matrix)
    _check_that_each_operation_is_both_allowed_and_refused(matrix)
    _check_that_it_is_the_predicted_rule(made, matrix)
    _check_the_guarantee(made, matrix)


def _check_that_everybody_tried(made: World, matrix: Matrix) -> None:
    tried = {cell.actor for cell in matrix.cells}
    assert tried >= {str(actor) for actor in actors(made.plan)}
    assert {cell.credential for cell in matrix.cells if cell.actor == "outsider"} == {
        "nothing at all",
        "a personal token",
    }
    assert set(matrix.left_out) <= set(LEFT_OUT)
    assert {cell.operation for cell in matrix.cells} == {operation.value for operation in Operation}


def _check_that_each_operation_is_both_allowed_and_refused(matrix: Matrix) -> None:
    """Were a call wrong in itself, everybody would be refused, and nothing would be measured."""
    seen = Counter((cell.operation, cell.observed) for cell in matrix.cells)
    assert all(seen[operation.value, allowed] for operation in Operation for allowed in (True, False)), seen


def _check_that_it_is_the_predicted_rule(made: World, matrix: Matrix) -> None:
    """A refusal by a ruleset is by the one that the plan names: not by luck."""
    names = {ruleset.name for repository in made.plan.repositories for ruleset in repository.rulesets}
    by_rule = [(cell.rule.rpartition(": ")[0], cell) for cell in matrix.cells if not cell.observed]
    wrong = [str(cell) for name, cell in by_rule if name in names and name not in cell.said]
    assert not wrong, "\n".join(wrong)


def _check_the_guarantee(made: World, matrix: Matrix) -> None:
    """What DESIGN §5 promises, read from what was observed alone."""
    moves = {Operation.CREATE, Operation.PUSH, Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW, Operation.REST_UPDATE}
    breaks = {Operation.FORCE_PUSH, Operation.DELETE, Operation.REST_FORCE, Operation.RENAME}
    for environment in made.plan.environments:
        if environment.ref is None:
            continue
        on_it = [c for c in matrix.cells if (c.repository, c.ref) == (environment.repository, environment.ref)]
        movers = {cell.actor for cell in on_it if cell.observed and cell.operation in moves}
        own = {f"credential of {environment.name}"}
        shared = {f"credential of {each.name}" for each in made.plan.environments if each.credential}
        assert movers == (shared if made.mode is Mode.SHARED else own)
        assert not [cell for cell in on_it if cell.observed and cell.operation in breaks]
    gone = {ActorKind.EXPIRED, ActorKind.REVOKED, ActorKind.ROTATED_OUT}
    assert not [cell for cell in matrix.cells if cell.observed and cell.actor.startswith(tuple(gone))]


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to access 'http://127.0.0.1:1/x': Failed to connect to 127.0.0.1 port 1: Connection refused",
        "fatal: unable to access 'http://127.0.0.1:1/x': The requested URL returned error: 500",
        "ssh: connect to host 127.0.0.1 port 1: Connection refused",
        "ERROR: Internal error, see the log of the forge.",
        " ! [rejected] a -> b (non-fast-forward)",
        "",
    ],
)
def test_a_broken_connection_never_passes_for_a_refusal(said: str) -> None:
    with pytest.raises(NotAskedError):
        of_git(Outcome(allowed=False, message=said), "a push")


def cell(actor: str, *, observed: bool) -> Cell:
    """A push that the plan predicts to be refused."""
    where = {"repository": "acme/shop", "ref": "refs/heads/main", "operation": "delete"}
    return Cell(actor, "a personal token", **where, predicted=False, observed=observed, rule="a rule", said="words")


def test_the_table_shows_a_difference(tmp_path: Path) -> None:
    cells = (cell("developer", observed=False), cell("owner", observed=True))
    as_json, as_markdown = table.write(Matrix(Mode.REPOSITORY, cells, {}, 1.0), tmp_path)
    assert json.loads(as_json.read_text())["mismatches"] == 1
    assert "| owner (a personal token) | **ALLOWED** |" in as_markdown.read_text()
    assert "| developer (a personal token) | - |" in as_markdown.read_text()
