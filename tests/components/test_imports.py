"""An existing repository that the stack takes over: read as it is, and only what is named ever changes."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_github as github
import pytest

from gitops_infra import ApplicationRepository, GitOpsTopology

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

IMPORTED = {"existing": True, "import": True}


def test_it_is_read_by_its_name_and_nothing_but_rules_is_made(record: Record, application: Build) -> None:
    recorded = record(lambda: ApplicationRepository("shop", application(**IMPORTED)))
    assert recorded.names() == [
        ("ApplicationRepository", "shop"),
        ("Repository", "shop-repository"),
        ("RepositoryRuleset", "shop-default-branch"),
    ]
    repository = recorded.one("Repository")
    assert repository.import_id == "shop"
    assert repository.inputs == {"name": "shop"}
    assert repository.retain is True
    assert repository.deleted_with == ""


def inputs_of(args: type) -> set[str]:
    """As the engine calls them."""
    import inspect  # noqa: PLC0415 - this helper only

    words = (name.split("_") for name in inspect.signature(args).parameters)
    return {first + "".join(word.capitalize() for word in rest) for first, *rest in words}


@pytest.mark.parametrize(
    ("named", "kept"),
    [({}, {"name"}), ({"description": "Sells things"}, {"name", "description"})],
    ids=["nothing", "description"],
)
def test_every_setting_that_is_not_named_is_ignored(
    record: Record, application: Build, named: dict[str, Any], kept: set[str]
) -> None:
    """A setting that a later version of the provider adds is in the list as well."""
    recorded = record(lambda: ApplicationRepository("shop", application(**IMPORTED, **named)))
    repository = recorded.one("Repository")
    assert set(repository.ignore_changes) == inputs_of(github.RepositoryArgs) - kept
    assert repository.inputs == {"name": "shop", **named}


@pytest.mark.parametrize(
    ("named", "inputs"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"sha_pinning": True}, {"shaPinningRequired": True}, id="pinning"),
        pytest.param(
            {"allowed_actions": ["acme/*"]},
            {
                "allowedActions": "selected",
                "allowedActionsConfig": {
                    "githubOwnedAllowed": True,
                    "verifiedAllowed": False,
                    "patternsAlloweds": ["acme/*"],
                },
            },
            id="selection",
        ),
    ],
)
def test_actions_are_left_alone_until_they_are_named(
    record: Record, application: Build, named: dict[str, Any], inputs: dict[str, Any] | None
) -> None:
    """A running CI goes on. What is named is taken over too: the provider never writes only a part of it."""
    recorded = record(lambda: ApplicationRepository("shop", application(**IMPORTED, **named)))
    assert recorded.every("WorkflowRepositoryPermissions") == []
    if inputs is None:
        assert recorded.every("ActionsRepositoryPermissions") == []
        return
    actions = recorded.one("ActionsRepositoryPermissions")
    assert actions.import_id == "shop"
    assert actions.inputs == {"repository": "shop", **inputs}
    ignored = inputs_of(github.ActionsRepositoryPermissionsArgs) - {"repository", *inputs}
    assert set(actions.ignore_changes) == ignored
    assert "enabled" in ignored


def test_its_addresses_are_known(record: Record, application: Build) -> None:
    def program() -> None:
        made = ApplicationRepository("shop", application(**IMPORTED))
        pulumi.export("ssh", made.ssh_clone_url)
        pulumi.export("http", made.http_clone_url)

    assert record(program).exports == {
        "ssh": "git@forge.invalid:acme/made.git",
        "http": "https://forge.invalid/acme/made.git",
    }


def test_destroy_keeps_it_and_all_that_guards_it(record: Record, application: Build) -> None:
    recorded = record(lambda: ApplicationRepository("shop", application(**IMPORTED, sha_pinning=True)))
    assert {one.retain for one in recorded.resources if one.name != "shop"} == {True}
    assert {one.deleted_with for one in recorded.resources} == {""}


def test_a_branch_in_an_imported_repository_has_an_address(record: Record, topology: Build) -> None:
    """A promotion, and the trial of a new key, need one; of a repository that is not read there is none."""

    def environments(**imported: Any) -> Any:
        application = {"name": "shop", "existing": True, "visibility": "public", **imported}
        staging = {"name": "staging", "isolation": "shared", "accept_shared_bypass": True, "generation": 2}

        def program() -> None:
            made = GitOpsTopology("shop", topology(application=application, environments=[staging]))
            pulumi.export("environments", made.environments)

        return record(program).exports["environments"]["staging"]["ssh_url"]

    assert environments() is None
    assert environments(**{"import": True}) == "git@forge.invalid:acme/made.git"


def test_the_environments_of_an_imported_repository_do_not_go_with_it(record: Record, topology: Build) -> None:
    """It stays, so whatever went with it would stay too."""
    application = {"name": "shop", "visibility": "public", **IMPORTED}
    recorded = record(lambda: GitOpsTopology("shop", topology(application=application)))
    repository = recorded.one("Repository", "shop-application-repository")
    assert [one.name for one in recorded.resources if one.deleted_with == repository.urn] == []
