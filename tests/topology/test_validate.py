"""What a topology may not say, and the exact words in which its author is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from gitops_infra.topology import (
    Application,
    Environment,
    Reviewer,
    Topology,
    TopologyError,
    check,
    validate,
    validate_model,
)

Changed = Callable[[dict[str, Any]], dict[str, Any]]
Refusals = Callable[[object], list[str]]

MISTAKES = YAML(typ="safe", pure=True).load(Path(__file__).with_name("refusals.yaml"))


def codes(data: object) -> set[str]:
    with pytest.raises(TopologyError) as caught:
        validate(data)
    return {problem.code for problem in caught.value.problems}


def test_a_valid_topology_is_accepted_from_a_mapping_and_from_python(valid: dict[str, Any]) -> None:
    topology = validate(valid)
    assert isinstance(topology, Topology)
    assert validate(topology) is topology
    assert check(topology) == ()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: str(mistake["mistake"]))
def test_a_mistake_is_refused_in_these_words(mistake: dict[str, Any], changed: Changed, refusals: Refusals) -> None:
    assert refusals(changed(mistake["change"])) == mistake["says"]


def test_all_problems_are_reported_at_once(changed: Changed) -> None:
    """Malformed, unknown and contradicting parts side by side."""
    data = changed(
        {
            "github_plan": "entreprise",
            "bogus": 1,
            "application.labels.0.color": "#fff",
            "application.required_reviews": "many",
            "environments.0.generation": 0,
            "environments.1.reviewrs": [],
            "environments.1.variables": {"GITHUB_X": "a", "KEY": "ghp_0123456789abcdefghij"},
            "environments.2.kind": None,
            "environments.3.write_credential": True,
            "environments.4": {"name": "staging"},
            "promotions.0.source": "prod-eu",
            "promotions.3": {"target": "nowhere"},
        }
    )
    assert codes(data) == {
        "unknown-word",
        "unknown-key",
        "bad-label-colour",
        "wrong-type",
        "out-of-range",
        "bad-variable-name",
        "secret-in-plain-text",
        "kind-missing",
        "review-with-write-credential",
        "duplicate-environment",
        "cyclic-promotion",
        "unknown-environment",
    }


def test_a_malformed_part_hides_only_the_rules_that_need_it(changed: Changed, refusals: Refusals) -> None:
    """Without the plan nobody knows whether reviewers exist; that the name is duplicate is known all the same."""
    problems = refusals(
        changed(
            {
                "github_plan": 5,
                "environments.1.reviewers": None,
                "environments.4": {"name": "review", "colour": "red"},
            }
        )
    )
    assert [problem.rpartition(" ")[2] for problem in problems] == [
        "[unknown-key]",
        "[duplicate-environment]",
        "[unknown-word]",
    ]


def test_a_misspelt_key_counts_as_given(changed: Changed) -> None:
    """Production has reviewers; that they are under `reviewrs` is the only problem."""
    data = changed({"environments.1.reviewers": None, "environments.1.reviewrs": [{"user": "alice"}]})
    assert codes(data) == {"unknown-key"}


@pytest.mark.parametrize(("count", "refused"), [(6, False), (7, True)])
def test_six_reviewers_are_allowed(changed: Changed, refusals: Refusals, *, count: int, refused: bool) -> None:
    problems = refusals(changed({"environments.1.reviewers": [{"user": f"u{number}"} for number in range(count)]}))
    text = "7 reviewers are listed, and GitHub allows 6. Name a team in place of its members. [too-many-reviewers]"
    assert problems == ([f"environments[1].reviewers: {text}"] if refused else [])


@pytest.mark.parametrize(("key", "limit"), [("secrets", 99), ("variables", 97)])
def test_an_environment_keeps_room_for_the_credential(key: str, limit: int, changed: Changed) -> None:
    entries = {f"N{number}": "value" for number in range(limit)}
    other = "variables" if key == "secrets" else "secrets"
    data = changed({f"environments.0.{key}": entries, f"environments.0.{other}": {}})
    assert isinstance(validate(data), Topology)
    entries["ONE_MORE"] = "value"
    assert codes(data) == {f"too-many-{key}"}


@pytest.mark.parametrize(
    ("place", "good"),
    [
        ("environments.1.wait_minutes", (0, 43_200)),
        ("environments.0.generation", (1, 1_000_000)),
        ("application.required_reviews", (1, 6)),
        ("environments.1.reviewers.1.id", (1, 2**53 - 1)),
    ],
)
def test_both_borders_of_a_number_are_allowed(place: str, good: tuple[int, int], changed: Changed) -> None:
    for number in good:
        assert isinstance(validate(changed({place: number})), Topology)
    for number in (good[0] - 1, good[1] + 1):
        assert codes(changed({place: number})) == {"out-of-range"}


def test_teams_and_roles_do_not_exist_for_a_user(changed: Changed) -> None:
    data = changed({"owner_kind": "user", "github_plan": "pro", "application.visibility": "public"})
    with pytest.raises(TopologyError) as caught:
        validate(data)
    assert [(problem.where, problem.code) for problem in caught.value.problems] == [
        ("application.grants[0]", "team-of-a-user"),
        ("application.grants[1].role", "role-of-a-users-repository"),
        ("application.grants[2]", "team-of-a-user"),
        ("application.owners[0]", "team-of-a-user"),
        ("environments[1].reviewers[0]", "team-of-a-user"),
    ]


def test_rulesets_of_one_repository_are_limited_and_of_many_are_not(changed: Changed) -> None:
    def environments(count: int, isolation: str, **more: Any) -> dict[str, Any]:
        one = {"kind": "staging", "isolation": isolation, "accept_shared_bypass": True, **more}
        listed = [{"name": f"s{number}", **one} for number in range(count)]
        return changed({"environments": listed, "promotions": None})

    assert len(validate(environments(29, "shared")).environments) == 29
    assert codes(environments(30, "shared")) == {"too-many-rulesets"}
    assert len(validate(environments(19, "shared", required_checks=["build"])).environments) == 19
    assert codes(environments(20, "shared", required_checks=["build"])) == {"too-many-rulesets"}
    assert codes(environments(30, "repository", moved_from="shared")) == {"too-many-rulesets"}
    assert len(validate(environments(1000, "repository")).environments) == 1000


@pytest.mark.parametrize(
    ("plan", "visibility", "reviewers", "degraded", "refused"),
    [
        ("free", "public", True, False, None),
        ("free", "public", False, False, "production-without-reviewers"),
        ("team", "public", True, False, None),
        ("team", "private", True, False, "reviewers-not-enforceable"),
        ("team", "private", False, False, "reviewers-not-enforceable"),
        ("team", "private", True, True, None),
        ("team", "private", False, True, None),
        ("free", "private", True, True, "private-on-free"),
        ("enterprise", "private", True, False, None),
        ("enterprise", "internal", False, True, "production-without-reviewers"),
    ],
)
def test_production_gets_what_the_plan_has(
    changed: Changed, *, plan: str, visibility: str, reviewers: bool, degraded: bool, refused: str | None
) -> None:
    production = {
        "name": "production",
        "reviewers": [{"user": "alice"}] if reviewers else None,
        "allow_degraded": degraded,
    }
    data = changed(
        {
            "github_plan": plan,
            "application.visibility": visibility,
            "environments": [production],
            "promotions": None,
        }
    )
    if refused is None:
        assert isinstance(validate(data), Topology)
    else:
        assert codes(data) == {refused}


def test_an_existing_repository_may_have_any_default_branch(changed: Changed) -> None:
    keys = ("owners", "labels", "allowed_actions", "description")
    data = changed(
        {f"application.{key}": None for key in keys}
        | {"application.existing": True, "application.default_branch": "trunk", "application.code_owners": True}
    )
    assert validate(data).application.default_branch == "trunk"


def test_explicit_nulls_mean_not_given(changed: Changed) -> None:
    data = changed({"environments.0.branch": None, "environments.0.isolation": None, "application.labels": None})
    assert validate(data).environments[0].isolation == "repository"


class _Opaque:
    """Stands for a value that is known only at run time."""


class RepositoryArgs(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    application: Application
    environment: Environment
    key: str | _Opaque


def test_a_model_used_alone_is_checked_with_the_same_words() -> None:
    data = {
        "application": {"name": "a/b"},
        "environment": {"name": "staging", "generation": 0, "brnach": "x"},
        "key": 5,
    }
    with pytest.raises(TopologyError) as caught:
        validate_model(RepositoryArgs, data)
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "application.name: repository 'a/b' contains `/`. Give the name alone, without the owner. "
            "[bad-repository-name]"
        ),
        "environment.brnach: 'brnach' is not a key of an environment. Did you mean `branch`? [unknown-key]",
        (
            "environment.generation: the number is below 1. Give 1 to 1,000,000, one more for each rotation. "
            "[out-of-range]"
        ),
        (
            "key: expected text, found a whole number (int). Give text; put a number, true or false in quotes. "
            "[wrong-type]"
        ),
    ]


def test_a_model_used_alone_accepts_values_that_are_known_later() -> None:
    key = _Opaque()
    args = validate_model(
        RepositoryArgs, {"application": {"name": "a"}, "environment": Environment(name="staging"), "key": key}
    )
    assert args.key is key


def test_import_is_read_by_its_own_key_and_by_the_name_that_python_needs(changed: Changed) -> None:
    keys = ("owners", "labels")
    existing = {f"application.{key}": None for key in keys} | {"application.existing": True}
    assert validate(changed({**existing, "application.import": True})).application.import_ is True
    assert Application(name="shop", import_=True).import_ is True


def test_a_malformed_import_hides_only_the_rules_that_need_it(changed: Changed) -> None:
    """Whether settings may be changed is not known then; that a new repository has no other default branch is."""
    data = changed({"application.import": "maybe", "application.default_branch": "trunk"})
    assert codes(data) == {"wrong-type", "new-default-branch"}


def test_a_malformed_writer_hides_only_the_rules_that_need_it(changed: Changed) -> None:
    """Two environments with one key are found although nobody knows who holds it."""
    writers = {
        f"environments.{index}.{key}": value
        for index in (0, 1)
        for key, value in {"isolation": "branch", "writer": {"app": "x", "key": "app"}}.items()
    }
    assert codes(changed({**writers, "environments.0.generation": 0})) == {"wrong-type", "out-of-range"}
    assert codes(changed({"environments.1.writer": {"app": 18, "key": "app"}, "environments.0.writer.app": 17})) == {
        "shared-writer",
        "out-of-range",
    }


def test_every_rule_about_a_repository_is_asked_of_each_of_them(changed: Changed) -> None:
    """The place is that of the repository; what is wrong with the topology is told once."""
    wrong = {
        "name": "lib",
        "default_branch": "trunk",
        "code_owners": True,
        "import": True,
        "owners": ["@umbrella/ops", "@bob"],
        "grants": [{"role": "write", "team": "developers"}, {"role": "admin", "team": "developers"}],
        "labels": [{"name": "a", "color": "000000"}, {"name": "A", "color": "000000"}],
    }
    data = changed({"github_plan": "pro", "repositories": [wrong, {**wrong, "name": "web"}]})
    with pytest.raises(TopologyError) as caught:
        validate(data)
    found = [(problem.where, problem.code) for problem in caught.value.problems]
    assert found.count(("github_plan", "plan-of-another-owner")) == 1
    for index in (0, 1):
        assert {(where, code) for where, code in found if where.startswith(f"repositories[{index}]")} == {
            (f"repositories[{index}].default_branch", "new-default-branch"),
            (f"repositories[{index}].code_owners", "code-owners-of-new"),
            (f"repositories[{index}].import", "import-of-new"),
            (f"repositories[{index}].owners[0]", "team-of-another-owner"),
            (f"repositories[{index}].owners[1]", "code-owner-without-write"),
            (f"repositories[{index}].grants[1]", "duplicate-grant"),
            (f"repositories[{index}].labels[1].name", "duplicate-label"),
        }
    assert not [where for where, _ in found if where.startswith("application")]


def test_the_stages_of_a_monorepo_need_no_promotions_where_their_paths_agree(changed: Changed) -> None:
    stages = [
        {"name": f"{service}-{kind}", "kind": kind, "paths": [f"services/{service}"], "reviewers": [{"user": "alice"}]}
        for service in ("api", "web")
        for kind in ("staging", "production")
    ]
    assert validate(changed({"environments": stages, "promotions": None}))
    del stages[3]["paths"]
    assert codes(changed({"environments": stages, "promotions": None})) == {"unclear-promotion"}
    assert validate(changed({"environments": stages, "promotions": []}))


def test_arguments_that_are_no_mapping_are_named_by_their_component() -> None:
    with pytest.raises(TopologyError, match=r"^1 problem in the topology:\n  - repository: expected a mapping, found "):
        validate_model(RepositoryArgs, ["x"])


def test_reviewers_made_in_python_are_checked_too(valid: dict[str, Any]) -> None:
    environments = [Environment(name="production", reviewers=[Reviewer(user="@alice")])]
    assert codes(valid | {"environments": environments, "promotions": None}) == {"bad-user"}
