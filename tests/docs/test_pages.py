"""Documentation: every component has its page, every local link leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMPONENT = re.compile(r"^class (\w+)\((?:\w+\.)?ComponentResource\)", re.MULTILINE)


def components() -> list[str]:
    sources = sorted((ROOT / "gitops_infra" / "components").glob("*.py"))
    return [name for source in sources for name in COMPONENT.findall(source.read_text(encoding="utf-8"))]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_there_are_components_to_document() -> None:
    """Else the next test would hold for an empty list."""
    assert "GitOpsTopology" in components()


@pytest.mark.parametrize("name", components())
def test_every_component_has_a_page_that_the_index_links(name: str) -> None:
    assert (ROOT / "docs" / "components" / f"{name}.md").is_file()
    assert f"(components/{name}.md)" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links {target}"
        assert not anchor or anchor in anchors(found), f"{page.name} links {target}"
