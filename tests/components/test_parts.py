"""Stack layouts: what each part of a topology registers, what it needs, and what it refuses to lose."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import ConfigurationError, GitOpsTopology, topology_from_config

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

FOUNDATION = "organization/gitops-infra/foundation"
OWN = "organization/gitops-infra/test"
PROTECTED = {FOUNDATION: {"foundation": {"acme/shop": "refs/heads/main"}}}


@pytest.fixture
def part(topology: Build) -> Build:
    """Arguments for one part of the topology; the environments build on the foundation."""

    def build(name: str | None, **changes: Any) -> dict[str, Any]:
        args = topology(**changes)
        if name is not None:
            args["part"] = name
        if name not in {None, "foundation"}:
            args["foundation"] = FOUNDATION
        return args

    return build


def make(args: dict[str, Any]) -> Callable[[], None]:
    """A program that exports what a stack exports."""

    def program() -> None:
        made = GitOpsTopology("shop", args)
        for name in ("environments", "access", "enforcement", "retained", "foundation"):
            pulumi.export(name, getattr(made, name))

    return program


def refusal(record: Record, args: dict[str, Any], outputs: dict[str, Any] | None = None) -> list[str]:
    """The messages that end the program before anything is registered."""
    refused: list[str] = []

    def program() -> None:
        with pytest.raises(ConfigurationError) as error:
            GitOpsTopology("shop", args)
        refused.extend(str(error.value).splitlines()[1:])

    assert record(program, outputs=outputs).resources == []
    return refused


def test_the_foundation_is_the_repository_and_its_default_branch(record: Record, part: Build) -> None:
    recorded = record(make(part("foundation")))
    assert recorded.names() == [
        ("ApplicationRepository", "shop-application"),
        ("GitOpsTopology", "shop"),
        ("RepositoryRuleset", "shop-application-default-branch"),
    ]
    assert recorded.exports["environments"] == {}
    assert recorded.exports["enforcement"] == {}
    assert recorded.exports["foundation"] == {"acme/shop": "refs/heads/main"}


@pytest.mark.parametrize("name", ["staging", "production", "review"])
def test_the_parts_together_are_the_whole_under_the_same_names(record: Record, part: Build, name: str) -> None:
    """So an environment can be moved from one layout to the other with `pulumi state move`."""
    whole = record(make(part(None)))
    alone = record(make(part(name)), outputs=PROTECTED)
    share = {one.urn for one in whole.resources if one.name.startswith(f"shop-{name}") or one.name == "shop"}
    assert {one.urn for one in alone.resources} == share
    assert list(alone.exports["environments"]) == list(alone.exports["enforcement"]) == [name]
    assert list(alone.exports["access"]["environments"]) == [name]
    assert alone.exports["environments"][name] == whole.exports["environments"][name]
    assert alone.exports["foundation"] == {"acme/shop": "refs/heads/main"}


def test_what_state_move_brought_without_its_parent_is_found(record: Record, part: Build) -> None:
    """`pulumi state move` leaves the topology's own component behind. See docs/layouts.md."""

    def aliases(name: str | None) -> dict[str, Any]:
        recorded = record(make(part(name)), outputs=PROTECTED)
        return {one.name: one.aliases for one in recorded.resources if one.aliases}

    assert aliases("staging") == {"shop-staging": ("",)}
    assert aliases(None) == {}


def test_access_tells_what_this_stack_holds_and_that_others_reach_the_repository(record: Record, part: Build) -> None:
    def undoers(name: str | None) -> list[str]:
        found: list[str] = record(make(part(name)), outputs=PROTECTED).exports["access"]["undoers"]
        return found

    holds = "Whoever can read the stack's state and decrypt its secrets holds the private key"
    others = "The tokens or Apps of the topology's other stacks administer acme/shop as well."
    assert [each for each in undoers("staging") if each.startswith(holds)] == [f"{holds} of staging."]
    assert [each for each in undoers("foundation") if each.startswith(holds)] == []
    assert [each for each in undoers(None) if each.startswith(holds)] == [f"{holds}s of staging and production."]
    assert [name for name in (None, "foundation", "staging") if others in undoers(name)] == ["foundation", "staging"]
    assert not [each for each in undoers("staging") if "shop-env-production" in each]


def test_a_part_needs_its_own_secrets_only(record: Record, part: Build) -> None:
    environments = [
        {"name": "staging", "secrets": {"PAGER_TOKEN": "stagingPager"}},
        {"name": "production", "reviewers": [{"team": "platform", "id": 7}], "secrets": {"PAGER_TOKEN": "pager"}},
    ]
    args = part("staging", environments=environments) | {"secrets": {"stagingPager": "value"}}
    recorded = record(make(args), outputs=PROTECTED)
    assert [one.name for one in recorded.every("ActionsEnvironmentSecret")] == [
        "shop-staging-ci-secret-PAGER_TOKEN",
        "shop-staging-credential-secret",
    ]
    assert record(make(part("foundation", environments=environments))).resources
    told = refusal(record, part("production", environments=environments), PROTECTED)
    assert [line.partition(":")[0] for line in told] == ["  - environments[1].secrets.PAGER_TOKEN"]


def test_an_environment_does_not_start_before_its_foundation(record: Record, part: Build) -> None:
    """A job of an unprotected default branch could read what is made here."""
    expected = [
        (
            f"  - foundation: stack {FOUNDATION} does not say that it protects acme/shop. Run `pulumi up` there first, "
            "with `part: foundation` and the output `foundation` [foundation-incomplete]"
        )
    ]
    told = refusal(record, part("staging"), {})
    assert [line.replace(". [", " [") for line in told] == expected
    other = {FOUNDATION: {"foundation": {"acme/other": "refs/heads/main"}}}
    assert [line.replace(". [", " [") for line in refusal(record, part("staging"), other)] == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"part": "stagin", "foundation": FOUNDATION},
            (
                "  - part: 'stagin' is neither `foundation` nor an environment of the topology. "
                "Did you mean `staging`? [unknown-part]"
            ),
        ),
        (
            {"part": "staging"},
            (
                "  - foundation: environment 'staging' alone needs to know which stack protects the default branch. "
                "Give the full name of the stack of the part `foundation`, such as `organization/project/stack`. "
                "[foundation-missing]"
            ),
        ),
        (
            {"foundation": FOUNDATION},
            (
                "  - foundation: `foundation` names another stack's, and this one makes its own. Remove it, or set "
                "`part` to one environment. [foundation-unused]"
            ),
        ),
        (
            {"part": "foundation", "foundation": FOUNDATION},
            (
                "  - foundation: `foundation` names another stack's, and this one makes its own. Remove it, or set "
                "`part` to one environment. [foundation-unused]"
            ),
        ),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(
    record: Record, topology: Build, given: dict[str, Any], told: str
) -> None:
    assert refusal(record, topology() | given) == [told]


def test_the_foundation_is_not_also_an_environment(record: Record, part: Build) -> None:
    environments = [{"name": "foundation", "kind": "staging"}]
    assert record(make(part(None, environments=environments))).resources
    (told,) = refusal(record, part("foundation", environments=environments))
    assert told.startswith("  - part: an environment of the topology is called `foundation` too")
    assert told.endswith("[ambiguous-part]")


def test_what_nobody_exported_is_not_missed(record: Record, part: Build) -> None:
    """The first `up`, and a program that does not export `environments`."""
    assert record(make(part("foundation")), outputs={OWN: {"environments": {}}}).resources
    assert record(make(part("foundation")), outputs={OWN: {"access": {}}}).resources


@pytest.fixture
def held(record: Record, part: Build) -> dict[str, Any]:
    """Outputs of this stack after it made the whole topology."""
    return {OWN: {"environments": record(make(part(None))).exports["environments"]}}


def test_the_same_topology_again_loses_nothing(record: Record, part: Build, held: dict[str, Any]) -> None:
    assert record(make(part(None)), outputs=held).resources


def test_an_environment_that_is_left_out_must_have_been_retired(
    record: Record, part: Build, held: dict[str, Any]
) -> None:
    """Else a mistyped name would take the credential and the rules of a branch away."""
    without = part(None, environments=[{"name": "staging"}, {"name": "review"}])
    assert refusal(record, without, held) == [
        (
            "  - environment 'production': the stack has it with the branch env/production, and the topology leaves it "
            "out. Set `retired: true` for it, run `pulumi up`, and remove it then; if it was renamed, set `formerly: "
            "production` of the new name. [environment-removed]"
        )
    ]
    held[OWN]["environments"]["production"]["retired"] = True
    assert record(make(without), outputs=held).resources


def test_a_review_environment_may_leave_at_once(record: Record, part: Build, held: dict[str, Any]) -> None:
    """It has no branch and no credential."""
    without = part(
        None, environments=[{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform", "id": 7}]}]
    )
    assert record(make(without), outputs=held).resources


def test_a_stack_that_becomes_a_part_names_what_it_would_lose(
    record: Record, part: Build, held: dict[str, Any]
) -> None:
    told = refusal(record, part("foundation"), held)
    assert told == [
        (
            f"  - environment '{name}': this stack has it, and the part that it makes has not. Move its resources to "
            "its new stack with `pulumi state move` and name it under `released`, or retire it first. "
            "[environment-leaves-stack]"
        )
        for name in ("production", "review", "staging")
    ]


def test_what_is_released_may_leave_and_nothing_else(record: Record, part: Build, held: dict[str, Any]) -> None:
    args = part("foundation") | {"released": ["staging", "review"]}
    assert [line.partition(":")[0] for line in refusal(record, args, held)] == ["  - environment 'production'"]
    args["released"].append("production")
    assert record(make(args), outputs=held).resources


def test_a_changed_isolation_needs_to_say_from_where(record: Record, part: Build, held: dict[str, Any]) -> None:
    moved = {"name": "staging", "isolation": "shared", "accept_shared_bypass": True}
    others = [{"name": "production", "reviewers": [{"team": "platform", "id": 7}]}, {"name": "review"}]
    told = refusal(record, part(None, environments=[moved, *others]), held)
    assert [line.rpartition("[")[2] for line in told] == ["isolation-changed]"]
    moved["moved_from"] = "repository"
    assert record(make(part(None, environments=[moved, *others])), outputs=held).resources


def test_configuration_chooses_the_part(record: Record, topology: Build) -> None:
    """Keys `part`, `foundation` and `released` of the project's namespace."""
    import json  # noqa: PLC0415 - this test only

    config = {
        "gitops-infra:topology": json.dumps(topology()["topology"]),
        "gitops-infra:part": "staging",
        "gitops-infra:foundation": FOUNDATION,
        "gitops-infra:released": '["review"]',
    }

    def program() -> None:
        args = topology_from_config(pulumi.Config())
        assert (args.part, args.foundation, args.released) == ("staging", FOUNDATION, ["review"])
        GitOpsTopology("shop", args)

    recorded = record(program, config=config, outputs=PROTECTED)
    assert [one.name for one in recorded.every("DeploymentEnvironment")] == ["shop-staging"]
