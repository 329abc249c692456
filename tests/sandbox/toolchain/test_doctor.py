"""What `sandbox doctor` tells."""

from pathlib import Path

import pytest

from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.doctor import Finding, State, examine, healthy, render

VARIABLES = (
    "A binary of your own is used instead if its path is in: "
    "GITOPS_INFRA_TOOL_PULUMI, GITOPS_INFRA_TOOL_PULUMI_RESOURCE_GITHUB"
)


def test_every_part_has_a_line_and_nothing_is_made(tmp_path: Path) -> None:
    findings = examine(Cache(tmp_path / "c"))
    assert [finding.program for finding in findings] == [
        "python", "git", "ssh", "pulumi", "github provider", "clusters",
        "kubernetes provider", "tls provider", "language host", "go", "cache",
    ]  # fmt: skip
    assert not (tmp_path / "c").exists()


def test_what_is_to_build_is_no_defect(tmp_path: Path) -> None:
    provider = next(it for it in examine(Cache(tmp_path)) if it.program == "github provider")
    assert provider.state is State.LATER
    assert (
        provider.remedy == "Nothing to do: built when first needed, or by `gitops-infra tools build`, about 2 minutes"
    )
    assert healthy([provider])


def test_a_missing_program_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    git = next(it for it in examine(Cache(tmp_path)) if it.program == "git")
    assert git == Finding("git", State.MISSING, "", "not on PATH", "Install git 2.38 or newer")
    assert not healthy([git])


def test_a_wrongly_named_binary_is_a_finding_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS_INFRA_TOOL_PULUMI", "/nowhere")
    pulumi = next(it for it in examine(Cache(tmp_path)) if it.program == "pulumi")
    assert (pulumi.state, pulumi.source) == (
        State.MISSING,
        "GITOPS_INFRA_TOOL_PULUMI names /nowhere, which is not a program",
    )


def test_the_lines_are_aligned_and_remedies_stand_below() -> None:
    rows = [
        Finding("git", State.FOUND, "2.39.5", "/usr/bin/git"),
        Finding("ssh", State.MISSING, "", "not on PATH", "Do"),
    ]
    assert render(rows).splitlines() == [
        "git  found    2.39.5  /usr/bin/git",
        "ssh  missing          not on PATH",
        "    -> Do",
        "",
        VARIABLES,
    ]
