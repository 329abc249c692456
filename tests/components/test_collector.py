"""Python's search for reference cycles is rarer only while a topology is registered."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gitops_infra import GitOpsTopology
from gitops_infra.components.collector import DEFAULT, RARELY, collect_rarely


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Python's own at the start, and what they were before at the end."""
    before = gc.get_threshold()
    gc.set_threshold(*DEFAULT)
    yield
    gc.set_threshold(*before)


def test_python_searches_rarely_and_then_as_before() -> None:
    as_before = collect_rarely()
    assert gc.get_threshold() == RARELY
    as_before(None)
    assert gc.get_threshold() == DEFAULT


def test_thresholds_of_the_program_are_kept() -> None:
    gc.set_threshold(10_000, 5, 5)
    collect_rarely()(None)
    assert gc.get_threshold() == (10_000, 5, 5)


def test_thresholds_that_the_program_sets_meanwhile_are_kept() -> None:
    as_before = collect_rarely()
    gc.set_threshold(10_000, 5, 5)
    as_before(None)
    assert gc.get_threshold() == (10_000, 5, 5)


@pytest.mark.parametrize("preview", [False, True])
def test_after_a_topology_they_are_as_before(
    record: Callable[..., Any],
    topology: Callable[..., Any],
    preview: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    during = []

    def program() -> None:
        GitOpsTopology("shop", topology())
        during.append(gc.get_threshold())

    record(program, preview=preview)
    assert during == [RARELY]
    assert gc.get_threshold() == DEFAULT
