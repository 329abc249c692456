"""The page about isolation says what the code says."""

import re
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.plan.budget import budget
from gitops_infra.plan.build import plans
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "isolation.md").read_text(encoding="utf-8")
COLUMNS = ("repository", "branch", "shared")
WAYS: dict[str, dict[str, Any]] = {
    "repository": {},
    "branch": {"isolation": "branch", "writer": {"app": 1, "key": "appKey"}},
    "shared": {"isolation": "shared", "accept_shared_bypass": True},
}


def topology(way: str | None) -> Topology:
    staging = [] if way is None else [{"name": "staging", **WAYS[way]}]
    return validate(
        {
            "owner": "acme",
            "github_plan": "enterprise",
            "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
            "environments": [*staging, {"name": "review"}],
        }
    )


@pytest.mark.parametrize("way", COLUMNS)
def test_the_page_quotes_every_sentence_of_the_enforcement_output(way: str) -> None:
    [plan] = plans(topology(way))
    for sentence in plan.enforcement["staging"].why:
        assert f"> {sentence}\n" in PAGE


@pytest.mark.parametrize("way", COLUMNS)
def test_the_page_tells_the_requests_that_the_budget_counts(way: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| requests of the first `up`"))
    cells = dict(zip(COLUMNS, row.split("|")[2:5], strict=True))
    told = re.findall(r"\d+", cells[way])
    with_it, without = budget(plans(topology(way))), budget(plans(topology(None)))
    assert told == [str(with_it.total - without.total), str(with_it.writes - without.writes)]
