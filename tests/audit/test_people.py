"""Preflight: reviewers, machine users and code owners who cannot do what the topology counts on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.server import Sandbox

Preflight = Callable[..., list[str]]


def writer(login: str, number: int | None = None) -> dict[str, object]:
    given = {"user": login, "key": "robotKey", **({} if number is None else {"id": number})}
    return {"isolation": "branch", "writer": given}


@pytest.fixture
def rita(forge: Sandbox) -> None:
    """A user and a team that have nothing to do with acme/shop."""
    forge.add_user("rita")
    forge.add_team("acme", "auditors", ["rita"])
    organization = forge.organization("acme")
    organization.default_repository_permission = "none"
    forge.store.save(organization)


@pytest.mark.usefixtures("rita")
def test_reviewers_who_cannot_read_the_repository_are_refused_by_the_forge(check: Preflight) -> None:
    assert check(production={"reviewers": [{"team": "auditors"}, {"user": "rita"}, {"team": "platform"}]}) == [
        (
            "error: reviewers of environment production: the team `auditors` cannot read acme/shop, and GitHub refuses "
            "such a reviewer. Add it under `grants` of the application with `role: read` or a stronger one. "
            "[reviewer-without-access]"
        ),
        (
            "error: reviewers of environment production: the user `rita` cannot read acme/shop, and GitHub refuses "
            "such a reviewer. Add it under `grants` of the application with `role: read` or a stronger one. "
            "[reviewer-without-access]"
        ),
    ]


@pytest.mark.usefixtures("rita")
def test_reviewers_who_get_access_by_the_topology_are_fine(check: Preflight) -> None:
    grants = [{"team": "auditors", "role": "read"}, {"user": "Rita", "role": "read"}]
    reviewers = [{"team": "auditors"}, {"user": "rita"}]
    assert check(production={"reviewers": reviewers}, application={"grants": grants}) == []


@pytest.mark.usefixtures("rita")
def test_a_team_needs_a_grant_in_a_new_repository(check: Preflight) -> None:
    (line,) = check(application={"name": "fresh", "existing": False})
    assert line.startswith("error: reviewers of environment production: the team `platform` cannot read acme/fresh")


def test_a_machine_user_who_cannot_push_is_told_what_a_bypass_is(forge: Sandbox, check: Preflight) -> None:
    forge.add_user("robot")
    forge.grant("acme/shop", "robot", "read")
    assert check(production=writer("robot")) == [
        (
            "error: writer of environment production: `robot` has only the role read in acme/shop: a bypass lifts a "
            "rule, it gives no access. Add it under `grants` with `role: write`, and let robot accept the invitation. "
            "[writer-without-access]"
        )
    ]
    assert check(production=writer("robot"), application={"grants": [{"user": "robot", "role": "write"}]}) == []
    forge.grant("acme/shop", "robot", "write")
    assert check(production=writer("robot")) == []


def test_a_machine_user_who_has_nothing_to_do_with_the_repository_is_no_collaborator(
    forge: Sandbox, check: Preflight
) -> None:
    forge.add_user("robot")
    (line,) = check(production=writer("robot"))
    assert line.startswith("error: writer of environment production: `robot` is no collaborator of acme/shop: ")


def test_a_machine_user_of_another_number_may_be_somebody_else(forge: Sandbox, check: Preflight) -> None:
    """A login that was given up can be taken by anybody."""
    robot = forge.add_user("robot")
    forge.grant("acme/shop", "robot", "write")
    assert check(production=writer("robot", robot.id)) == []
    assert check(production=writer("robot", robot.id + 1)) == [
        (
            f"error: writer of environment production: `robot` has the id {robot.id}, the topology says {robot.id + 1}"
            ". Find out whose account that is before you correct `id` or `user`. [user-id]"
        )
    ]


def test_a_machine_user_who_does_not_exist_is_told_once(check: Preflight) -> None:
    assert check(production=writer("robbot")) == [
        "error: writer of environment production: the forge has no user `robbot`. Correct the login. [user-absent]"
    ]


@pytest.fixture
def code_owners(forge: Sandbox, tmp_path: Path) -> Callable[[str], None]:
    """Puts a CODEOWNERS file on main."""

    def write(text: str) -> None:
        olivia = TokenCredential(forge.token("olivia"))
        clone = Clone.of(forge.http_url("acme/shop"), tmp_path / "clone", olivia)
        commit = clone.commit(clone.git("rev-parse", "origin/main"), "Code owners", {".github/CODEOWNERS": text})
        assert clone.push(forge.http_url("acme/shop"), f"{commit}:refs/heads/main", olivia).allowed

    return write


def test_code_owners_who_may_write_are_fine(check: Preflight, code_owners: Callable[[str], None]) -> None:
    code_owners("/.github/ @acme/platform @dana\n")
    assert check(application={"code_owners": True}) == []


def test_a_code_owner_who_may_not_write_makes_main_unmergeable(
    forge: Sandbox, check: Preflight, code_owners: Callable[[str], None]
) -> None:
    forge.add_user("rita")
    code_owners("# who reviews\n/.github/ @rita\n")
    assert check(application={"code_owners": True}) == [
        (
            "error: repository acme/shop: .github/CODEOWNERS:2: unknown owner in '/.github/ @rita', which GitHub "
            "ignores; where nobody else is named, no pull request can be merged. Make sure @rita exists and has write "
            "access to the repository. [code-owner]"
        )
    ]
