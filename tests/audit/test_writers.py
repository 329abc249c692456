"""The checks of an App, on a running forge."""

import subprocess
from pathlib import Path

import pytest

from gitops_infra.audit.checks.writers import AppWriter, app_checks, app_findings
from gitops_infra.sandbox.forge.model import App
from gitops_infra.sandbox.forge.server import Sandbox

NEEDED = {"contents": "write", "workflows": "write"}


@pytest.fixture
def app(forge: Sandbox) -> App:
    """An App that is installed on acme/shop only."""
    return forge.app("acme", "shop-staging-gitops", NEEDED, ["acme/shop"])


def writer(app: App, pem: str, number: int | None = None) -> AppWriter:
    return AppWriter(app.id if number is None else number, pem, ("acme/shop",), "staging", "stagingAppKey")


def lines(forge: Sandbox, app: App, pem: str | None = None, number: int | None = None) -> list[str]:
    subject = writer(app, forge.app_key(app) if pem is None else pem, number)
    return [str(finding) for finding in app_findings(subject, forge.url)]


def test_an_app_that_can_move_its_branch_passes_every_check(forge: Sandbox, app: App) -> None:
    checks = app_checks(writer(app, forge.app_key(app)), forge.url)
    assert [check.finding for check in checks] == [None] * 4
    assert [check.text for check in checks] == [
        f"stagingAppKey is a key of GitHub App {app.id} (shop-staging-gitops)",
        "it is installed on acme/shop",
        "it has contents: write on acme/shop",
        "it has workflows: write on acme/shop",
    ]


def test_the_key_of_another_app_is_told_without_showing_it(forge: Sandbox, app: App) -> None:
    other = forge.app("acme", "other", NEEDED)
    [line] = lines(forge, app, forge.app_key(other))
    assert line.startswith(
        f"error: GitHub App {app.id} of environment staging: stagingAppKey is a key, but none of this App: "
        "it is another one's, or was deleted. Make a private key on the App's page and run "
        "`pulumi config set --secret stagingAppKey < FILE`"
    )
    assert line.endswith(" [writer-key-foreign]")


def test_a_deleted_key_counts_as_anothers(forge: Sandbox, app: App) -> None:
    pem = forge.app_key(app)
    forge.revoke_app_keys(app)
    assert lines(forge, app, pem)[0].endswith("[writer-key-foreign]")


def test_a_text_that_is_no_app_key_is_refused_without_a_request(forge: Sandbox, app: App, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    before = len(forge.requests)
    for text in ("", "nothing", (tmp_path / "key").read_text(), forge.app_key(app)[:200]):
        [line] = lines(forge, app, text)
        assert "the value of stagingAppKey is no key: it is no RSA private key in PEM form" in line
        assert line.endswith("[writer-key-malformed]")
        assert "PRIVATE" not in line
    assert len(forge.requests) == before


def test_an_id_that_no_app_has_is_named(forge: Sandbox, app: App) -> None:
    [line] = lines(forge, app, number=999_999)
    assert line == (
        "error: GitHub App 999999 of environment staging: there is no such App on this forge. "
        "Correct `writer.app`: it is the App's id, not its client id and not its installation's. [writer-app-absent]"
    )


def test_an_app_that_is_not_installed_is_told_where(forge: Sandbox, app: App) -> None:
    forge.uninstall(app)
    [line] = lines(forge, app)
    assert line == (
        f"error: GitHub App {app.id} of environment staging: it is not installed on acme/shop. "
        f"Install it at {forge.url}/apps/shop-staging-gitops/installations/new. [writer-not-installed]"
    )


def test_an_app_on_other_repositories_is_not_installed_on_this_one(forge: Sandbox, app: App) -> None:
    forge.add_repository("acme/other")
    forge.install(app, "acme", ["acme/other"])
    assert [line.endswith("[writer-not-installed]") for line in lines(forge, app)] == [True]


def test_a_missing_permission_says_whether_to_add_or_to_accept_it(forge: Sandbox, app: App) -> None:
    forge.set_app_permissions(app, {"contents": "write"})
    [line] = lines(forge, app)
    assert "it lacks workflows: write on acme/shop. Add it to the App, then accept it at http" in line
    forge.set_app_permissions(app, NEEDED, accepted=False)
    [line] = lines(forge, app)
    assert "it lacks workflows: write on acme/shop. Accept it at http" in line


def test_an_app_that_could_lift_the_rules_is_an_error(forge: Sandbox, app: App) -> None:
    forge.set_app_permissions(app, {**NEEDED, "administration": "write", "issues": "write", "actions": "read"})
    breaking, needless = lines(forge, app)
    where = f"GitHub App {app.id} of environment staging: it has"
    remedy = "Take the permission from the App: contents and workflows are enough"
    assert breaking == (
        f"error: {where} administration: write on acme/shop, so it could lift the rules that isolate the environments. "
        f"{remedy}. [writer-too-powerful]"
    )
    assert needless == f"warning: {where} issues: write on acme/shop. {remedy}. [writer-more-than-needed]"


def test_the_key_does_not_show_in_a_representation(forge: Sandbox, app: App) -> None:
    assert "PRIVATE KEY" not in repr(writer(app, forge.app_key(app)))


@pytest.mark.parametrize(("seconds", "way"), [(3600, "ahead"), (-3600, "behind")])
def test_a_wrong_clock_is_told_from_a_wrong_key(
    forge: Sandbox, app: App, monkeypatch: pytest.MonkeyPatch, seconds: int, way: str
) -> None:
    real = forge.store.now
    [finding] = app_findings(writer(app, forge.app_key(app)), forge.url, now=lambda: real() + seconds)
    assert finding.code == "writer-clock"
    assert finding.reason.endswith(f" s {way}, so GitHub refuses what it signs")
