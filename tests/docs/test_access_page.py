"""The page about access: its outputs are real ones, and it names every word that an output can have."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops_infra.cli.access_table import tables
from gitops_infra.plan.access_report import access_report
from gitops_infra.plan.actors import Guard
from gitops_infra.plan.build import plans
from gitops_infra.plan.controls import Control
from gitops_infra.topology.load import load

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
OUTPUTS = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def real(tmp_path: Path) -> Callable[[], str]:
    """Prints the topology of the page."""

    def printed() -> str:
        [topology] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        file = tmp_path / "topology.yaml"
        file.write_text(topology)
        return tables(access_report(plans(load(file)), "production", everywhere=False))

    return printed


def test_the_page_has_outputs() -> None:
    """Else the next test would hold for an empty list."""
    assert len(OUTPUTS) == 2


@pytest.mark.parametrize("output", OUTPUTS, ids=range(len(OUTPUTS)))
def test_every_output_on_the_page_is_what_is_printed(real: Callable[[], str], output: str) -> None:
    assert output in real()


def test_everybody_who_can_hold_the_line_is_explained() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`([^`]+)`", row)}
    # That the forge holds back what it denies needs no word.
    assert {guard.value for guard in Guard} - {"forge"} <= named
    assert {control.value for control in Control} <= named
