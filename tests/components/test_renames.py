"""A renamed environment: whatever it was made of is found again under its old name."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import GitOpsTopology

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

APPLICATION = {"name": "shop", "existing": True, "visibility": "public"}
FURTHER = {"name": "web", "existing": True, "visibility": "public"}


def of_environment(recorded: Any) -> dict[str, Any]:
    """What belongs to environments, by URN."""
    return {one.urn: one for one in recorded.resources if one.name != "shop" and "-application" not in one.name}


def old_urns(recorded: Any) -> dict[str, str]:
    """The URN under which the engine looks for each resource of an environment, by its logical name.

    The engine's own rule: an alias of its own, else the parent's old name in front instead of the new one. Source:
    `inheritedChildAlias` in Pulumi's engine and SDKs.
    """
    by_urn = {one.urn: one for one in recorded.resources}
    former: dict[str, tuple[str, str]] = {}

    def found(urn: str) -> tuple[str, str]:
        """Logical name now and then."""
        if urn not in former:
            one = by_urn[urn]
            # An alias without a name is another type: the SDK of Kubernetes knows the older versions of an API.
            name = next(filter(None, one.aliases), one.name)
            if not any(one.aliases) and one.parent in by_urn:
                new, old = found(one.parent)
                if new != old:
                    assert one.name.startswith(new), "the engine would not find it"
                    name = old + one.name.removeprefix(new)
            former[urn] = (one.name, name)
        return former[urn]

    return {found(urn)[0]: urn.rpartition("::")[0] + "::" + found(urn)[1] for urn in of_environment(recorded)}


@pytest.mark.parametrize(
    ("environment", "secrets"),
    [
        ({}, {}),
        ({"isolation": "shared", "accept_shared_bypass": True}, {}),
        ({"isolation": "branch", "writer": {"app": 17, "key": "key"}}, {"key": pulumi.Output.secret}),
        ({"variables": {"LOG_LEVEL": "debug"}, "generation": 3}, {}),
        ({"isolation": "shared", "accept_shared_bypass": True, "moved_from": "repository"}, {}),
    ],
    ids=["repository", "shared", "branch", "variables and a later key", "moved"],
)
@pytest.mark.parametrize("repositories", [None, [FURTHER]], ids=["one repository", "several"])
def test_everything_of_a_renamed_environment_has_its_old_urn(
    record: Record, topology: Build, environment: dict[str, Any], secrets: dict[str, Any], repositories: Any
) -> None:
    """Else the engine would delete what it has, and make all of it anew."""
    pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"

    def register(**names: str) -> Any:
        args = topology(application=APPLICATION, environments=[{**environment, **names}], repositories=repositories)
        return record(
            lambda: GitOpsTopology("shop", args | {"secrets": {key: make(pem) for key, make in secrets.items()}})
        )

    before = register(name="stage", kind="staging")
    after = register(name="staging", formerly="stage")
    then = {urn: urn for urn in of_environment(before)}
    assert sorted(old_urns(after).values()) == sorted(then)
    assert not set(of_environment(after)) & set(then)


def test_only_the_environment_itself_names_its_former_name(record: Record, topology: Build) -> None:
    environments = [{"name": "staging", "formerly": "stage"}, {"name": "review"}]
    recorded = record(lambda: GitOpsTopology("shop", topology(application=APPLICATION, environments=environments)))
    assert {one.name: one.aliases for one in recorded.resources if one.aliases} == {"shop-staging": ("shop-stage",)}


def test_branch_state_repository_and_key_keep_what_they_are_called(record: Record, topology: Build) -> None:
    """Only the CI environment and the rulesets have the new name."""

    def register(**names: str) -> Any:
        args = topology(application=APPLICATION, environments=[names])
        return record(lambda: GitOpsTopology("shop", args))

    before = register(name="stage", kind="staging")
    after = register(name="staging", formerly="stage")
    assert after.one("Repository").inputs["name"] == "shop-env-stage"
    assert after.one("RepositoryDeployKey").inputs == before.one("RepositoryDeployKey").inputs
    values = {one.inputs["variableName"]: one.inputs["value"] for one in after.every("ActionsEnvironmentVariable")}
    assert values == {"GITOPS_BRANCH": "env/stage", "GITOPS_STATE_REPOSITORY": "acme/shop-env-stage"}
    refs = {tuple(one.inputs["conditions"]["refName"]["includes"]) for one in after.every("RepositoryRuleset")}
    assert refs == {("refs/heads/main",), ("refs/heads/env/stage",), ("~ALL",)}
    assert after.one("RepositoryEnvironment").inputs["environment"] == "staging"


def test_a_renamed_environment_is_not_taken_for_a_lost_one(record: Record, topology: Build) -> None:
    def program(**names: str) -> Callable[[], None]:
        def run() -> None:
            made = GitOpsTopology("shop", topology(application=APPLICATION, environments=[names]))
            pulumi.export("environments", made.environments)

        return run

    exports = record(program(name="stage", kind="staging")).exports
    held = {"organization/gitops-infra/test": {"environments": exports["environments"]}}
    assert record(program(name="staging", formerly="stage"), outputs=held).resources


def test_the_agent_of_a_renamed_environment_has_its_old_urn_and_its_place_the_same(
    record: Record, topology: Build, kubeconfig: str
) -> None:
    """The cluster's own names are made of the first name, so nothing there has to be found."""
    clusters = [{"name": "eu", "kubeconfig": "key", "receiver_url": "https://flux.example"}]

    def register(**names: str) -> Any:
        args = topology(application=APPLICATION, environments=[{"cluster": "eu", **names}], clusters=clusters)
        return record(lambda: GitOpsTopology("shop", args | {"secrets": {"key": kubeconfig}}))

    def there(urns: Any) -> set[str]:
        return {urn for urn in urns if "::shop-cluster-" in urn}

    before = register(name="stage", kind="staging")
    after = register(name="staging", formerly="stage")
    then = of_environment(before)
    assert [urn for urn in then if urn.endswith("-agent-kustomization")]
    assert sorted(old_urns(after).values()) == sorted(then)
    assert there(of_environment(after)) == there(then)
    assert set(of_environment(after)) & set(then) == there(then)
