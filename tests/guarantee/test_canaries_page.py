"""`docs/secrets.md` says what is measured."""

from pathlib import Path

from gitops_infra.components.sensitive import SENSITIVE
from guarantee.canaries.classes import table
from guarantee.canaries.surfaces import Surface

PAGE = (Path(__file__).parents[2] / "docs" / "secrets.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_of_classes_and_places() -> None:
    assert table() in PAGE


def test_the_page_lists_every_surface() -> None:
    listed = "\n".join(f"- {surface}" for surface in Surface)
    assert f"\n\n{listed}\n\n" in PAGE


def test_the_page_names_the_providers_of_the_guard() -> None:
    providers = {each.rpartition(":")[2] if "providers" in each else each.partition(":")[0] for each in SENSITIVE}
    assert providers == {"github", "gitlab", "kubernetes", "tls"}
    assert "GitHub, GitLab, Kubernetes and TLS" in PAGE
