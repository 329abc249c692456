"""What is accepted as a ruleset, with GitHub's refusals, and which refs it governs."""

from typing import Any

import pytest

from gitops_infra.sandbox.forge.model import Ruleset
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.rule_parameters import KNOWN_AT_GITHUB, RULES
from gitops_infra.sandbox.forge.rules import _CHECKS
from gitops_infra.sandbox.forge.rulesets import matching, parse, parse_for
from gitops_infra.sandbox.forge.server import Sandbox

PULL_REQUEST = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews_on_push": False,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}


def body(**changes: Any) -> Any:
    valid = {
        "name": "writers",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["refs/heads/main"], "exclude": []}},
        "rules": [{"type": "creation"}],
        "bypass_actors": [],
    }
    return valid | changes


def refusal(**changes: Any) -> Any:
    with pytest.raises(Refusal) as caught:
        parse(body(**changes))
    assert caught.value.status == 422
    return [caught.value.message, *caught.value.errors]


def test_what_the_provider_sends_comes_back_whole() -> None:
    sent = body(
        rules=[{"type": "update"}, {"type": "pull_request", "parameters": PULL_REQUEST}],
        bypass_actors=[{"actor_type": "DeployKey", "bypass_mode": "always"}],
    )
    assert parse(sent) == sent | {
        "rules": [
            {"type": "update"},
            {
                "type": "pull_request",
                "parameters": PULL_REQUEST | {"allowed_merge_methods": ["merge", "squash", "rebase"]},
            },
        ],
        "bypass_actors": [{"actor_id": None, "actor_type": "DeployKey", "bypass_mode": "always"}],
    }


def test_a_ruleset_without_conditions_answers_none_and_governs_nothing(forge: Sandbox) -> None:
    """The provider's new client reads every ruleset again, and would plan to remove conditions nobody asked for."""
    sent = {name: value for name, value in body().items() if name != "conditions"}
    assert parse(sent)["conditions"] == parse(sent | {"conditions": None})["conditions"] == {}
    now, number = forge.store.now(), forge.store.new_id()
    made = Ruleset(number, forge.repository("acme/shop").id, created_at=now, updated_at=now, **parse(sent))
    assert not matching(made, "refs/heads/main", "main")


def test_every_rule_that_is_accepted_is_enforced() -> None:
    assert set(RULES) == set(_CHECKS)


@pytest.mark.parametrize("kind", KNOWN_AT_GITHUB)
def test_a_rule_that_is_not_enforced_is_refused_by_name(kind: str) -> None:
    assert refusal(rules=[{"type": kind}]) == [
        "Validation Failed",
        f"Invalid rule '{kind}': it is not implemented by the stand-in forge",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"bypass_actors": None},
            "Invalid request.\n\nInvalid property /bypass_actors: data cannot be null.",
        ),
        (
            {"rules": [{"type": "creation"}, {"type": "no_such_rule"}]},
            "Invalid request.\n\nInvalid property /rules/1: data matches no possible input.",
        ),
        ({"ruels": []}, 'Invalid request.\n\n"ruels" is not a permitted key.'),
        ({"enforcement": "on"}, "Invalid request.\n\nInvalid property /enforcement: 'on' is not a possible value."),
    ],
)
def test_a_body_of_the_wrong_form_is_refused(changes: Any, message: str) -> None:
    assert refusal(**changes) == [message]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": " "}, "Name can't be blank"),
        ({"target": "push"}, "Invalid target 'push': the stand-in forge has branch and tag rulesets"),
        ({"conditions": {"ref_name": {"include": ["main"]}}}, "Invalid target patterns: 'main'"),
        (
            {"target": "tag", "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"]}}},
            "Invalid target patterns: '~DEFAULT_BRANCH'",
        ),
        ({"rules": [{"type": "creation"}, {"type": "creation"}]}, "Invalid rule 'creation': it is given twice"),
        (
            {"rules": [{"type": "creation", "parameters": {"x": 1}}]},
            "Invalid rule 'creation': Invalid parameter x: is unknown to the stand-in forge",
        ),
        (
            {"rules": [{"type": "update", "parameters": {"update_allows_fetch_and_merge": True}}]},
            (
                "Invalid rule 'update': Invalid parameter update_allows_fetch_and_merge: is not implemented by the "
                "stand-in forge"
            ),
        ),
        (
            {"rules": [{"type": "pull_request", "parameters": PULL_REQUEST | {"required_approving_review_count": 11}}]},
            (
                "Invalid rule 'pull_request': Invalid parameter required_approving_review_count: must be an integer "
                "from 0 to 10"
            ),
        ),
        (
            {"bypass_actors": [{"actor_type": "DeployKey", "actor_id": None, "bypass_mode": "pull_request"}]},
            "Invalid bypass mode 'pull_request': deploy keys can only bypass always",
        ),
        (
            {"bypass_actors": [{"actor_type": "EnterpriseOwner"}]},
            (
                "Invalid bypass actor type 'EnterpriseOwner': the stand-in forge knows RepositoryRole, Team, "
                "Integration, OrganizationAdmin, DeployKey, User"
            ),
        ),
        (
            {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 3}]},
            "Invalid bypass actor RepositoryRole 3: possible are 2 (maintain), 4 (write), 5 (admin)",
        ),
        ({"bypass_actors": [{"actor_type": "DeployKey"}] * 2}, "Duplicate bypass actor DeployKey"),
        ({"bypass_actors": [{"actor_type": "User"}]}, "Invalid bypass actor User: actor_id must be a number"),
        (
            {"rules": [{"type": "branch_name_pattern", "parameters": {"operator": "glob", "pattern": "x"}}]},
            (
                "Invalid rule 'branch_name_pattern': Invalid parameter operator: must be one of starts_with, "
                "ends_with, contains, regex"
            ),
        ),
        (
            {"rules": [{"type": "branch_name_pattern", "parameters": {"operator": "regex", "pattern": "("}}]},
            "Invalid rule 'branch_name_pattern': Invalid parameter pattern: is not a regular expression",
        ),
        (
            {"rules": [{"type": "tag_name_pattern", "parameters": {"operator": "contains", "pattern": "x"}}]},
            "Invalid rule 'tag_name_pattern': ",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_wrong(changes: Any, error: str) -> None:
    assert refusal(**changes) == ["Validation Failed", error]


def test_all_bad_rules_and_actors_are_named_at_once() -> None:
    found = refusal(
        rules=[{"type": "merge_queue"}, {"type": "pull_request"}], bypass_actors=[{"actor_type": "EnterpriseOwner"}]
    )
    assert len(found) == 1 + 1 + 5 + 1


def test_a_missing_parameter_is_named() -> None:
    assert "Invalid rule 'required_status_checks': Missing required parameter required_status_checks" in refusal(
        rules=[{"type": "required_status_checks"}]
    )


def test_absent_fields_of_an_update_keep_their_value() -> None:
    current = Ruleset(1, 2, **parse(body(bypass_actors=[{"actor_type": "DeployKey"}])), created_at=0, updated_at=0)
    changed = parse({"enforcement": "disabled"}, current=current)
    assert changed == parse(body(enforcement="disabled", bypass_actors=[{"actor_type": "DeployKey"}]))


def test_a_bypass_actor_belongs_to_the_owner_of_the_repository(forge: Sandbox) -> None:
    """Sources: reports of GitHub's 422, which names teams that are secret too, and the Actions App of a user."""
    forge.add_repository("otto/site")
    forge.configure_account("otto", price_plan="pro")
    app = forge.app("acme", "robot", {"contents": "write"})
    idle = forge.create_app("acme", "idle", {"contents": "write"})
    visible, secret = forge.add_team("acme", "core"), forge.add_team("acme", "hidden")
    secret.privacy = "secret"
    forge.store.save(secret)
    actors = {
        "installed App": ("Integration", app.id),
        "App that is not installed": ("Integration", idle.id),
        "Actions": ("Integration", 15368),
        "visible team": ("Team", visible.id),
        "secret team": ("Team", secret.id),
        "member": ("User", forge.user("dana").id),
        "outsider": ("User", forge.user("otto").id),
    }
    taken = {
        name: {actor for actor, (kind, number) in actors.items() if _accepts(forge, name, kind, number)}
        for name in ("acme/shop", "otto/site")
    }
    assert taken == {
        "acme/shop": {"installed App", "Actions", "visible team", "member"},
        "otto/site": {"outsider"},  # otto owns it
    }


def _accepts(forge: Sandbox, full_name: str, kind: str, number: int) -> bool:
    """False for a refusal in GitHub's words about actors; any other one fails the test."""
    actors = [{"actor_type": kind, "actor_id": number}]
    try:
        parse_for(forge.store, forge.repository(full_name), body(bypass_actors=actors))
    except Refusal as refusal:
        [error] = refusal.errors
        if not error.endswith("must be part of the ruleset source or owner organization"):
            raise
        return False
    return True


def test_an_app_that_was_uninstalled_cannot_be_named_again(forge: Sandbox) -> None:
    app = forge.app("acme", "robot", {"contents": "write"})
    assert _accepts(forge, "acme/shop", "Integration", app.id)
    forge.uninstall(app)
    assert not _accepts(forge, "acme/shop", "Integration", app.id)


def test_the_repository_decides_about_plan_names_and_actors(forge: Sandbox) -> None:
    repository = forge.repository("acme/shop")
    outsiders = [{"actor_type": "Team", "actor_id": 1}, {"actor_type": "Integration", "actor_id": 2}]
    with pytest.raises(Refusal) as caught:
        parse_for(forge.store, repository, body(bypass_actors=outsiders))
    assert caught.value.errors == (
        "Actor team 1 must be part of the ruleset source or owner organization",
        "Actor integration 2 must be part of the ruleset source or owner organization",
    )
    forge.store.add(Ruleset(forge.store.new_id(), repository.id, **parse(body()), created_at=0, updated_at=0))
    with pytest.raises(Refusal) as caught:
        parse_for(forge.store, repository, body())
    assert caught.value.errors == ("Name must be unique",)
    forge.add_organization("small", owners=["olivia"], price_plan="team")
    small = forge.add_repository("small/shop")
    with pytest.raises(Refusal) as caught:
        parse_for(forge.store, small, body(enforcement="evaluate"))
    assert caught.value.errors == ("Enforcement evaluate option is not supported on this plan.",)


def test_the_actions_app_cannot_be_an_actor_in_a_persons_repository(forge: Sandbox) -> None:
    repository = forge.add_repository("dana/own")
    with pytest.raises(Refusal) as caught:
        parse_for(forge.store, repository, body(bypass_actors=[{"actor_type": "Integration", "actor_id": 15368}]))
    assert caught.value.errors == (
        "Actor GitHub Actions integration must be part of the ruleset source or owner organization",
    )


@pytest.mark.parametrize(
    ("target", "include", "exclude", "ref", "governed"),
    [
        ("branch", ["refs/heads/main"], [], "refs/heads/main", True),
        ("branch", ["refs/heads/main"], [], "refs/heads/Main", False),
        ("branch", ["refs/heads/main"], [], "refs/heads/main2", False),
        ("branch", ["~DEFAULT_BRANCH"], [], "refs/heads/main", True),
        ("branch", ["~DEFAULT_BRANCH"], [], "refs/heads/other", False),
        ("branch", ["~ALL"], ["refs/heads/env"], "refs/heads/env", False),
        ("branch", ["~ALL"], ["refs/heads/env"], "refs/heads/env/x", True),
        ("branch", ["~ALL"], ["~DEFAULT_BRANCH"], "refs/heads/main", False),
        ("branch", ["~ALL"], [], "refs/tags/main", False),
        ("branch", ["~ALL"], [], "refs/notes/x", False),
        ("tag", ["~ALL"], [], "refs/tags/v1", True),
        ("tag", ["~ALL"], [], "refs/heads/v1", False),
        ("branch", [], [], "refs/heads/main", False),
    ],
)
def test_a_ruleset_governs_what_it_includes_and_does_not_exclude(
    *, target: str, include: Any, exclude: Any, ref: str, governed: bool
) -> None:
    conditions = {"ref_name": {"include": include, "exclude": exclude}}
    ruleset = Ruleset(1, 2, "r", target, "active", conditions, [], [], 0, 0)
    assert matching(ruleset, ref, "main") is governed


@pytest.mark.parametrize(
    ("pattern", "text", "hit"),
    [
        ("refs/heads/*", "refs/heads/a", True),
        ("refs/heads/*", "refs/heads/a/b", False),
        ("refs/heads/**/*", "refs/heads/a", True),
        ("refs/heads/**/*", "refs/heads/a/b/c", True),
        ("refs/heads/**", "refs/heads/a/b", False),
        ("refs/heads/a**/b", "refs/heads/ax/b", True),
        ("refs/heads/a**/b", "refs/heads/ax/y/b", False),
        ("refs/heads/v?", "refs/heads/v1", True),
        ("refs/heads?v1", "refs/heads/v1", False),
        ("refs/heads/v[0-9]", "refs/heads/v1", True),
        ("refs/heads/v[!0-9]", "refs/heads/v1", False),
        ("refs/heads/v[^0-9]", "refs/heads/vx", True),
        ("refs[/]heads", "refs/heads", False),
        ("refs/heads/[", "refs/heads/[", False),
        ("refs/heads/[z-a]", "refs/heads/z", False),
        (r"refs/heads/\*", "refs/heads/*", True),
        (r"refs/heads/\*", "refs/heads/a", False),
        ("refs/heads/{a,b}", "refs/heads/a", False),
        ("refs/heads/a.b", "refs/heads/axb", False),
        ("refs/pull/*/merge", "refs/pull/12/merge", True),
        ("main", "main\n", False),
    ],
)
def test_patterns_are_read_as_ruby_reads_them(*, pattern: str, text: str, hit: bool) -> None:
    assert fnmatch(pattern, text) is hit


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "must be a list of objects with `reviewer`, `file_patterns` and `minimum_approvals`"),
        ({"reviewer": {"type": "User", "id": 1}}, "must have a team with its number as `reviewer`"),
        ({"file_patterns": []}, "must have a list of at least one pattern as `file_patterns`"),
        ({"file_patterns": ["!a"]}, "has a pattern with `!`, which is not implemented by the stand-in forge"),
        ({"minimum_approvals": 11}, "has a number of approvals that must be an integer from 0 to 10"),
    ],
)
def test_a_required_reviewer_that_makes_no_sense_is_refused(entry: dict[str, Any], problem: str) -> None:
    valid = {"reviewer": {"type": "Team", "id": 1}, "file_patterns": ["*"], "minimum_approvals": 1}
    parameters = PULL_REQUEST | {"required_reviewers": [valid | entry if entry else {}]}
    assert refusal(rules=[{"type": "pull_request", "parameters": parameters}]) == [
        "Validation Failed",
        f"Invalid rule 'pull_request': Invalid parameter required_reviewers: {problem}",
    ]


def test_a_required_team_needs_access_to_the_repository(forge: Sandbox) -> None:
    team, repository = forge.add_team("acme", "go"), forge.repository("acme/shop")
    entry = {"reviewer": {"type": "Team", "id": team.id}, "file_patterns": ["*"], "minimum_approvals": 1}
    rules = [{"type": "pull_request", "parameters": PULL_REQUEST | {"required_reviewers": [entry]}}]
    with pytest.raises(Refusal) as caught:
        parse_for(forge.store, repository, body(rules=rules))
    problem = f"Invalid parameter required_reviewers: team {team.id} has no access to the repository"
    assert caught.value.errors == (f"Invalid rule 'pull_request': {problem}",)
    forge.grant("acme/shop", "acme/go", "write")
    assert parse_for(forge.store, repository, body(rules=rules))["rules"][0]["parameters"]["required_reviewers"] == [
        entry
    ]


def test_only_the_enterprise_plan_has_metadata_rules(forge: Sandbox) -> None:
    rules = [{"type": "branch_name_pattern", "parameters": {"operator": "contains", "pattern": "x"}}]
    forge.add_organization("small", owners=["olivia"], price_plan="team")
    small = forge.add_repository("small/shop", visibility="public")
    with pytest.raises(Refusal) as caught:
        parse_for(forge.store, small, body(rules=rules))
    assert caught.value.errors == ("Invalid rule 'branch_name_pattern': it is not supported for this plan",)
    assert parse_for(forge.store, forge.repository("acme/shop"), body(rules=rules))["rules"][0]["parameters"] == {
        "name": "",
        "negate": False,
        "operator": "contains",
        "pattern": "x",
    }
