"""An application of several repositories: names that must never change, and what each is told about."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import GitOpsTopology

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

REPOSITORIES = [
    {"name": "web", "existing": True, "visibility": "public"},
    {"name": "docs", "existing": True, "visibility": "public"},
]
OUTPUTS = ("environments", "access", "enforcement", "retained", "foundation")


@pytest.fixture
def several(topology: Build) -> Build:
    """Staging and production of three repositories; keywords go into the arguments."""

    def build(**args: Any) -> dict[str, Any]:
        environments = [{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform", "id": 7}]}]
        return topology(environments=environments, repositories=REPOSITORIES) | args

    return build


@pytest.fixture
def recorded(record: Record, several: Build) -> Any:
    def program() -> None:
        made = GitOpsTopology("shop", several())
        for name in OUTPUTS:
            pulumi.export(name, getattr(made, name))

    return record(program)


def test_a_further_repository_has_its_name_in_the_names_and_the_first_one_has_not(
    recorded: Any, record: Record, topology: Build, several: Build
) -> None:
    """So a second repository changes nothing of what the first one has."""
    alone = several()
    alone["topology"].pop("repositories")
    first = {one.urn for one in record(lambda: GitOpsTopology("shop", alone)).resources}
    names = {one.urn: one.name for one in recorded.resources}
    assert first < names.keys()
    further = sorted(names[urn] for urn in names.keys() - first)
    of_each = sorted(name.removeprefix("shop-") for urn, name in names.items() if urn in first and name != "shop")
    assert further == sorted(f"shop-{repository}-{name}" for repository in ("web", "docs") for name in of_each)


def test_each_environment_waits_for_the_rules_of_its_own_repository_only(recorded: Any) -> None:
    """A slow repository holds up no other."""
    found = {one.name: recorded.before(one) for one in recorded.every("RepositoryEnvironment")}
    assert found == {
        **{f"shop-{name}-environment": {"shop-application-default-branch"} for name in ("staging", "production")},
        **{
            f"shop-{repository}-{name}-environment": {f"shop-{repository}-application-default-branch"}
            for repository in ("web", "docs")
            for name in ("staging", "production")
        },
    }


def test_each_key_opens_one_state_repository_and_is_kept_in_one_environment(recorded: Any) -> None:
    opened = {
        one.name.removesuffix("-deploy-key-g1"): one.inputs["repository"]
        for one in recorded.every("RepositoryDeployKey")
    }
    kept = {
        one.name.removesuffix("-secret"): (one.inputs["repository"], one.inputs["environment"])
        for one in recorded.every("ActionsEnvironmentSecret")
    }
    assert opened == {
        f"shop-{prefix}{environment}-credential": f"{repository}-env-{environment}"
        for prefix, repository in (("", "shop"), ("web-", "web"), ("docs-", "docs"))
        for environment in ("staging", "production")
    }
    assert kept == {
        f"shop-{prefix}{environment}-credential": (repository, environment)
        for prefix, repository in (("", "shop"), ("web-", "web"), ("docs-", "docs"))
        for environment in ("staging", "production")
    }


def test_outputs_tell_further_environments_by_repository(recorded: Any) -> None:
    keys = ["staging", "production", "web/staging", "web/production", "docs/staging", "docs/production"]
    assert list(recorded.exports["environments"]) == keys
    assert list(recorded.exports["enforcement"]) == keys
    assert list(recorded.exports["access"]["environments"]) == keys
    assert recorded.exports["environments"]["web/staging"]["repository"] == "web-env-staging"
    assert recorded.exports["foundation"] == {
        "acme/shop": "refs/heads/main",
        "acme/web": "refs/heads/main",
        "acme/docs": "refs/heads/main",
    }
    undoers = recorded.exports["access"]["undoers"]
    assert len(undoers) == len(set(undoers))
    assert [one for one in undoers if "acme/web can change its rulesets" in one]


def test_the_foundation_and_an_environment_are_of_all_repositories(record: Record, several: Build) -> None:
    base = "organization/gitops-infra/foundation"
    foundation = record(lambda: GitOpsTopology("shop", several(part="foundation")))
    assert [one.name for one in foundation.every("ApplicationRepository")] == [
        "shop-application",
        "shop-docs-application",
        "shop-web-application",
    ]
    protected = {f"acme/{name}": "refs/heads/main" for name in ("shop", "web", "docs")}
    staging = record(
        lambda: GitOpsTopology("shop", several(part="staging", foundation=base)),
        outputs={base: {"foundation": protected}},
    )
    assert [one.name for one in staging.every("DeploymentEnvironment")] == [
        "shop-docs-staging",
        "shop-staging",
        "shop-web-staging",
    ]


def test_a_foundation_that_lacks_one_repository_is_not_enough(record: Record, several: Build) -> None:
    base = "organization/gitops-infra/foundation"
    protected = {f"acme/{name}": "refs/heads/main" for name in ("shop", "web")}
    with pytest.raises(pulumi.RunError, match="does not say that it protects acme/docs"):
        record(
            lambda: GitOpsTopology("shop", several(part="staging", foundation=base)),
            outputs={base: {"foundation": protected}},
        )
