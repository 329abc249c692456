"""Findings that the sandbox cannot bring about: what only GitHub has, or only a state knows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gitops_infra.audit.verification import branches, credentials, environments, keys, repositories, rulesets, secrets
from gitops_infra.audit.verification.exposure import Exposure, Repair, Severity, Unverifiable
from gitops_infra.audit.verification.remembered import Remembered, read_remembered, read_time

from .conftest import SHOP, STATE, Look, codes

KEY = "gitops-infra shop staging g1"
PUBLIC = "ssh-ed25519 AAAA"
SHA = "a" * 40


def key(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "title": KEY,
        "key": PUBLIC,
        "read_only": False,
        "verified": True,
        "added_by": "up[bot]",
        **changes,
    }


def test_a_price_plan_without_rulesets_is_found_not_passed_over(look: Look) -> None:
    """GitHub keeps them, and enforces none."""
    refused = (403, {"message": "Upgrade to GitHub Pro or make this repository public to enable this feature."})
    seen = look(rulesets.check, {f"{STATE}/rulesets": refused}, at="acme/shop-env-staging")
    assert codes(seen) == ["rulesets-unpaid"]


def test_rulesets_that_may_not_be_listed_are_not_verifiable(look: Look) -> None:
    (seen,) = look(rulesets.check, {f"{STATE}/rulesets": (403, {"message": "no"})}, at="acme/shop-env-staging")
    assert seen == Unverifiable(
        "repository acme/shop-env-staging",
        "its rulesets",
        "the forge answered 403 no",
        "Give the token administration (read)",
    )


WRITERS = {
    "id": 7,
    "name": "gitops: staging writers",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["refs/heads/env/staging"], "exclude": []}},
    "rules": [{"type": "creation"}, {"type": "update"}],
    "bypass_actors": [{"actor_type": "DeployKey", "actor_id": None, "bypass_mode": "always"}],
}


def only_writers(look: Look, *heads: dict[str, Any], **details: Any) -> list[str]:
    """Codes where the state repository has these rulesets, without those for the rulesets that are then missing."""
    table = {f"{STATE}/rulesets": list(heads), **{f"{STATE}/rulesets/{each['id']}": each | details for each in heads}}
    seen = look(rulesets.check, table, at="acme/shop-env-staging")
    return [code for code in codes(seen) if code != "ruleset-missing"]


def test_a_hidden_bypass_list_is_not_verifiable(look: Look) -> None:
    """GitHub shows it to those who may change the ruleset only."""
    hidden = {name: value for name, value in WRITERS.items() if name != "bypass_actors"}
    assert only_writers(look, hidden) == ["?"]
    assert only_writers(look, WRITERS) == []


def test_a_second_ruleset_of_the_name_is_told(look: Look) -> None:
    assert only_writers(look, WRITERS, {**WRITERS, "id": 8}) == ["ruleset-twice"]


def test_a_bypass_that_leaves_no_trace_is_found(look: Look) -> None:
    actors = [{"actor_type": "DeployKey", "actor_id": None, "bypass_mode": "exempt"}]
    assert only_writers(look, WRITERS, bypass_actors=actors) == ["bypass-mode"]


def test_a_number_that_comes_with_an_actor_without_one_says_nothing(look: Look) -> None:
    actors = [{"actor_type": "DeployKey", "actor_id": 0, "bypass_mode": "always"}]
    assert only_writers(look, WRITERS, bypass_actors=actors) == []


@pytest.mark.parametrize(
    ("rules", "actors", "code"),
    [
        (["update"], [], "ruleset-in-the-way"),
        (["required_signatures"], [], "ruleset-in-the-way"),
        (["update"], WRITERS["bypass_actors"], "ruleset-extra"),
        (["deletion"], [], "ruleset-extra"),
    ],
)
def test_a_ruleset_of_the_organisation_restricts_only(look: Look, rules: list[str], actors: Any, code: str) -> None:
    other = {
        **WRITERS,
        "id": 9,
        "name": "all",
        "source_type": "Organization",
        "rules": [{"type": rule} for rule in rules],
        "bypass_actors": actors,
    }
    assert only_writers(look, WRITERS, other) == [code]


def test_another_key_under_the_title_is_found_by_the_state(look: Look) -> None:
    known = Remembered({("shop-env-staging", KEY): PUBLIC})
    table = {f"{STATE}/keys": [key()]}
    assert codes(look(keys.check, table, at="acme/shop-env-staging", remembered=known)) == []
    table = {f"{STATE}/keys": [key(key="ssh-ed25519 BBBB")]}
    assert codes(look(keys.check, table, at="acme/shop-env-staging", remembered=known)) == ["key-replaced"]
    assert codes(look(keys.check, table, at="acme/shop-env-staging")) == []


def test_public_keys_come_from_the_state_unless_they_are_encrypted_there() -> None:
    def entry(**inputs: Any) -> dict[str, Any]:
        kind = "github:index/repositoryDeployKey:RepositoryDeployKey"
        return {"type": kind, "inputs": {"repository": "Shop-env-staging", "title": KEY, **inputs}}

    hidden = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    document = {"deployment": {"resources": [entry(key=f"{PUBLIC} comment"), entry(title="other", key=hidden)]}}
    assert read_remembered(document).public_keys == {("shop-env-staging", KEY): PUBLIC}


def test_when_a_secret_was_written_comes_from_the_state() -> None:
    entry = {
        "type": "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret",
        "inputs": {"repository": "Shop", "environment": "Staging", "secretName": "token"},
        "outputs": {"updatedAt": "2026-11-26 03:36:50 +0000 UTC", "remoteUpdatedAt": "2026-11-27 03:36:50 +0000 UTC"},
    }
    document = {"deployment": {"resources": [entry, {**entry, "delete": True, "outputs": {}}]}}
    written = datetime(2026, 11, 26, 3, 36, 50, tzinfo=UTC)
    assert read_remembered(document).written == {("shop", "staging", "TOKEN"): written}
    assert read_time("2026-11-26T03:36:50Z") == written
    assert read_time("") is None


@pytest.mark.parametrize(
    ("name", "updated", "found"),
    [
        ("GITOPS_DEPLOY_KEY", "2026-11-26T03:36:50Z", None),
        ("GITOPS_DEPLOY_KEY", "2026-11-26T03:36:51Z", Severity.CRITICAL),
        ("TOKEN", "2026-11-26T03:36:51Z", Severity.HIGH),
    ],
)
def test_a_secret_that_somebody_else_wrote_is_found_by_the_state(
    look: Look, name: str, updated: str, found: Severity | None
) -> None:
    """A refresh takes the new value for the stack's, so `pulumi up` never puts it right."""
    written = datetime(2026, 11, 26, 3, 36, 50, tzinfo=UTC)
    known = Remembered(
        written={("shop", "staging", "GITOPS_DEPLOY_KEY"): written, ("shop", "staging", "TOKEN"): written}
    )
    times = dict.fromkeys(("GITOPS_DEPLOY_KEY", "TOKEN"), "2026-11-26T03:36:50Z") | {name: updated}
    table = {
        f"{SHOP}/environments": {"environments": [{"name": "staging"}]},
        f"{SHOP}/environments/staging/secrets": {
            "secrets": [{"name": each, "updated_at": at} for each, at in times.items()]
        },
        f"{SHOP}/actions/secrets": {"secrets": []},
        f"{SHOP}/actions/organization-secrets": {"secrets": []},
    }
    staging = {"name": "staging", "secrets": {"TOKEN": "shopToken"}}
    seen = look(secrets.check, table, environments=[staging], remembered=known)
    assert [each.severity for each in seen if isinstance(each, Exposure)] == ([found] if found else [])
    assert codes(seen) == (["secret-replaced"] if found else [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"verified": False}, "key-unverified"),
        ({"enabled": False}, "key-disabled"),
        ({"added_by": "dana"}, "key-of-person"),
        ({"added_by": None}, None),
    ],
)
def test_what_else_can_be_wrong_with_a_key(look: Look, change: dict[str, Any], code: str | None) -> None:
    seen = look(keys.check, {f"{STATE}/keys": [key(**change)]}, at="acme/shop-env-staging")
    assert codes(seen) == [code] if code else not seen


@pytest.mark.parametrize("isolation", ["shared", "repository"])
def test_a_foreign_write_key_is_critical_where_it_passes_the_bypass(look: Look, isolation: str) -> None:
    staging = {"name": "staging", "isolation": isolation, "accept_shared_bypass": True}
    if isolation == "repository":
        del staging["accept_shared_bypass"]
    own = [key()] if isolation == "shared" else []
    table = {f"{SHOP}/keys": [*own, key(title="spare", id=2)]}
    (seen,) = look(keys.check, table, environments=[staging])
    assert isinstance(seen, Exposure)
    assert (seen.code, seen.severity) == (
        ("write-key-extra", Severity.CRITICAL) if isolation == "shared" else ("write-key-foreign", Severity.LOW)
    )


def head(status: Any) -> dict[str, Any]:
    return {
        f"{STATE}/branches": [{"name": "env/staging", "commit": {"sha": SHA}}],
        f"{SHOP}/branches/main": {"name": "main", "commit": {"sha": "b" * 40}},
        f"{SHOP}/compare/{SHA}...main": status,
    }


@pytest.mark.parametrize("status", ["ahead", "identical"])
def test_a_head_that_is_part_of_the_default_branch_is_fine(look: Look, status: str) -> None:
    assert look(branches.state, head({"status": status, "behind_by": 0}), at="acme/shop-env-staging") == []


@pytest.mark.parametrize("status", ["behind", "diverged"])
def test_a_head_with_commits_of_its_own_is_not(look: Look, status: str) -> None:
    (seen,) = look(branches.state, head({"status": status, "behind_by": 2}), at="acme/shop-env-staging")
    assert isinstance(seen, Exposure)
    assert (seen.code, seen.found) == ("head-not-on-default", "aaaaaaaaaaaa, which has 2 commits that main has not")


def test_a_commit_that_the_application_does_not_have_is_foreign(look: Look) -> None:
    missing = (404, {"message": "Not Found"})
    assert codes(look(branches.state, head(missing), at="acme/shop-env-staging")) == ["head-foreign"]


def test_a_token_that_does_not_see_the_application_knows_nothing_of_the_commit(look: Look) -> None:
    table = {path: body for path, body in head((404, {})).items() if not path.endswith("/branches/main")}
    assert codes(look(branches.state, table, at="acme/shop-env-staging")) == ["?"]


@pytest.mark.parametrize(
    ("protection", "found"),
    [
        ({"restrictions": {"users": []}}, ["protection-in-the-way"]),
        ({"lock_branch": {"enabled": True}}, ["protection-in-the-way"]),
        ({"allow_deletions": {"enabled": False}, "lock_branch": {"enabled": False}}, []),
        ((403, {"message": "no"}), ["?"]),
    ],
)
def test_a_classic_protection_counts_when_it_locks_the_writer_out(
    look: Look, protection: Any, found: list[str]
) -> None:
    table = head({"status": "ahead"}) | {f"{STATE}/branches/env%2Fstaging/protection": protection}
    table |= {f"{STATE}/branches/env/staging/protection": protection}
    assert codes(look(branches.state, table, at="acme/shop-env-staging")) == found


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("2026-12-01 10:00:00 UTC", "token-expires"),
        ("2026-12-01 10:00:00 +0200", "token-expires"),
        ("2027-12-01 10:00:00 UTC", None),
        ("soon", None),
    ],
)
def test_a_token_that_ends_within_two_weeks_is_told(look: Look, ends: str, code: str | None) -> None:
    headers = {"GitHub-Authentication-Token-Expiration": ends}
    seen = look(credentials.token, {"/user": {"login": "olivia"}}, at="", headers=headers)
    assert codes(seen) == ([code] if code else [])


def test_what_only_a_machine_user_sees_of_itself_is_not_verifiable(look: Look) -> None:
    writer = {"user": "robot", "id": 5, "key": "robotKey"}
    staging = {"name": "staging", "isolation": "branch", "writer": writer}
    assert codes(look(credentials.machine_users, {}, at="", environments=[staging])) == ["?"]
    assert codes(look(credentials.machine_users, {}, at="")) == []


def test_a_repository_less_visible_than_planned_is_told(look: Look) -> None:
    shop = {"name": "shop", "visibility": "public"}
    live = {"full_name": "acme/shop", "visibility": "private", "default_branch": "main"}
    seen = look(repositories.check, {SHOP: live}, application=shop)
    assert "repository-less-visible" in codes(seen)


def test_a_default_branch_that_moved_is_found(look: Look) -> None:
    live = {"full_name": "acme/shop", "visibility": "private", "default_branch": "trap"}
    (seen,) = look(repositories.check, {SHOP: live})
    assert isinstance(seen, Exposure)
    assert (seen.code, seen.repair) == ("default-branch-moved", Repair.HAND)


def test_merge_settings_that_a_token_is_not_shown_are_not_verifiable(look: Look) -> None:
    live = {
        "full_name": "acme/shop",
        "visibility": "private",
        "default_branch": "main",
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
    }
    table = {SHOP: live, f"{SHOP}/vulnerability-alerts": (204, None)}
    assert codes(look(repositories.check, table, application={"name": "shop", "visibility": "private"})) == ["?"]


@pytest.mark.parametrize(
    ("check", "path"),
    [
        (keys.check, f"{STATE}/keys"),
        (branches.state, f"{STATE}/branches"),
        (environments.check, f"{SHOP}/environments"),
        (secrets.check, f"{SHOP}/actions/secrets"),
    ],
)
@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_list_that_is_not_shown_is_never_fine(look: Look, check: Any, path: str, status: int) -> None:
    at = "acme/shop" if path.startswith(f"{SHOP}/") else "acme/shop-env-staging"
    table = {f"{SHOP}/actions/organization-secrets": {"secrets": []}, path: (status, {"message": "no"})}
    assert codes(look(check, table, at=at)) == ["?"]
