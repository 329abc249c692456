"""Pull requests: opening, reviews that count, and merges under the rules, by real git plumbing."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.sandbox.forge import codeowners
from gitops_infra.sandbox.forge.decide import RefUpdate
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository, Person
from gitops_infra.sandbox.forge.identity import from_token, of_user
from gitops_infra.sandbox.forge.model import PullRequest, Repository, Ruleset, Status
from gitops_infra.sandbox.forge.pulls import merge, open_pull_request, review
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.forge.updates import apply

DANA = Person("Dana", "dana@example.test", "1700000000 +0200")
PARAMETERS = {
    "required_approving_review_count": 0,
    "dismiss_stale_reviews_on_push": False,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
    "allowed_merge_methods": ["merge", "squash", "rebase"],
}
APPROVAL = "At least 1 approving review is required by reviewers with write access."


@pytest.fixture
def shop(forge: Sandbox) -> Any:
    return forge.repository("acme/shop")


@pytest.fixture
def git(forge: Sandbox, shop: Repository) -> Any:
    return BareRepository(forge.store.git_dir(shop))


@pytest.fixture
def change(forge: Sandbox, shop: Repository, git: BareRepository) -> Any:
    """Commits a file to a branch (new ones start at main) as a login, under the rules; the commit."""

    def commit(branch: Callable[..., Any], path: str = "a.txt", content: str = "a\n", login: str = "dana") -> Any:
        identity = of_user(forge.user(login))
        ref = f"refs/heads/{branch}"
        if git.resolve(ref) is None:
            apply(forge.store, identity, shop, RefUpdate(ref, ABSENT, git.resolve("refs/heads/main")))
        sha = git.write_file(branch, path, content.encode(), f"change {path}", DANA)
        verdict = apply(forge.store, identity, shop, RefUpdate(ref, git.resolve(ref), sha))
        assert verdict.allowed, verdict
        return sha

    return commit


@pytest.fixture
def rule(forge: Sandbox, shop: Repository) -> Any:
    """A ruleset on main with one rule; `pull_request` by default, with changed parameters."""

    def add(kind: str = "pull_request", bypass: Any = (), **parameters: Any) -> None:
        values = PARAMETERS | parameters if kind == "pull_request" else parameters
        conditions = {"ref_name": {"include": ["refs/heads/main"], "exclude": []}}
        rules = [{"type": kind, "parameters": values}]
        number = forge.store.new_id()
        forge.store.add(
            Ruleset(number, shop.id, f"r{number}", "branch", "active", conditions, rules, list(bypass), 0, 0)
        )

    return add


@pytest.fixture
def pull(forge: Sandbox, change: Callable[..., Any]) -> Any:
    """Dana's pull request from `feature` with one file."""
    change("feature")
    return forge.open_pull_request("acme/shop", "dana", "feature", "main", "Add a")


def violations(result: Any) -> Any:
    assert (result.verdict.allowed, result.sha) == (False, None)
    return list(result.verdict.violations)


def test_a_merge_has_both_parents_and_githubs_message(forge: Sandbox, pull: PullRequest, git: BareRepository) -> None:
    base, head = git.resolve("refs/heads/main"), git.resolve("refs/heads/feature")
    result = forge.merge(pull, "mara")
    assert git.resolve("refs/heads/main") == result.sha
    assert git.run("rev-list", "--parents", "--max-count=1", "main").split()[1:] == [base, head]
    assert git.run("show", "-s", "--format=%an|%cn|%B", "main") == (
        "mara|GitHub|Merge pull request #1 from acme/feature\n\nAdd a\n"
    )
    assert (pull.state, pull.merge_commit_sha) == ("merged", result.sha)


def test_a_squash_is_one_commit_on_the_base(
    forge: Sandbox, pull: PullRequest, git: BareRepository, change: Callable[..., Any]
) -> None:
    change("feature", "b.txt")
    base = git.resolve("refs/heads/main")
    result = forge.merge(pull, "mara", "squash")
    assert git.run("show", "-s", "--format=%P|%s", "main") == f"{base}|Add a (#1)"
    assert {entry.path for entry in git.tree("main")} == {"README.md", "a.txt", "b.txt"}
    assert (pull.state, pull.merge_commit_sha) == ("merged", result.sha)


def test_a_rebase_copies_each_commit_and_keeps_its_author(
    forge: Sandbox, pull: PullRequest, git: BareRepository, change: Callable[..., Any]
) -> None:
    change("feature", "b.txt")
    base = change("main", "other.txt", login="mara")
    forge.merge(pull, "mara", "rebase")
    assert git.run("log", "--format=%s|%an|%ad|%cn", "--date=raw", f"{base}..main").splitlines() == [
        "change b.txt|Dana|1700000000 +0200|mara",
        "change a.txt|Dana|1700000000 +0200|mara",
    ]
    assert {entry.path for entry in git.tree("main")} == {"README.md", "a.txt", "b.txt", "other.txt"}
    assert not git.has_merge_commits("main")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_conflict_is_not_mergeable(
    forge: Sandbox, pull: PullRequest, git: BareRepository, change: Callable[..., Any], method: str
) -> None:
    main = change("main", content="something else\n", login="mara")
    result = forge.merge(pull, "mara", method)
    assert (result.verdict.status, result.verdict.message) == (405, "Pull Request is not mergeable")
    assert git.resolve("refs/heads/main") == main


def test_a_head_that_moved_is_not_merged(
    forge: Sandbox, pull: PullRequest, git: BareRepository, change: Callable[..., Any]
) -> None:
    seen = git.resolve("refs/heads/feature")
    change("feature", "b.txt")
    result = forge.merge(pull, "mara", sha=seen)
    assert (result.verdict.status, result.verdict.message) == (
        409,
        "Head branch was modified. Review and try the merge again.",
    )


def test_merging_twice_or_a_closed_pull_request_is_refused(forge: Sandbox, pull: PullRequest) -> None:
    forge.merge(pull, "mara")
    assert forge.merge(pull, "mara").verdict.status == 405


def test_repository_settings_refuse_a_method(forge: Sandbox, pull: PullRequest, shop: Repository) -> None:
    shop.settings["allow_squash_merge"] = False
    result = forge.merge(pull, "mara", "squash")
    assert (result.verdict.status, result.verdict.message) == (
        405,
        "Squash merges are not allowed on this repository.",
    )


def test_a_ruleset_refuses_a_method(forge: Sandbox, pull: PullRequest, rule: Callable[..., Any]) -> None:
    rule(allowed_merge_methods=["squash"])
    assert violations(forge.merge(pull, "mara", "merge")) == [
        "Merge is not an allowed merge method in this repository."
    ]
    assert forge.merge(pull, "mara", "squash").verdict.allowed


@pytest.mark.parametrize(("login", "status"), [("reed", 403), ("otto", 404)])
def test_who_cannot_push_cannot_merge(forge: Sandbox, pull: PullRequest, login: str, status: int) -> None:
    assert forge.merge(pull, login).verdict.status == status


def test_approvals_count_only_from_people_with_write_who_are_not_the_author(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any], shop: Repository
) -> None:
    rule(required_approving_review_count=1)
    assert violations(forge.merge(pull, "adam")) == [APPROVAL]
    forge.review(pull, "reed")
    with pytest.raises(Refusal) as caught:
        forge.review(pull, "dana")
    assert caught.value.errors == ("Can not approve your own pull request",)
    result = forge.merge(pull, "adam")
    assert (result.verdict.status, result.verdict.message) == (
        405,
        f"Repository rule violations found\n\n{APPROVAL}\n\n",
    )
    forge.review(pull, "mara")
    assert forge.merge(pull, "dana").verdict.allowed


def test_an_approval_counts_no_more_when_its_author_loses_write(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any]
) -> None:
    rule(required_approving_review_count=1)
    forge.review(pull, "mara")
    forge.grant("acme/shop", "mara", "read")
    assert violations(forge.merge(pull, "adam")) == [APPROVAL]


def test_requested_changes_block_until_the_same_person_approves(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any]
) -> None:
    rule(required_approving_review_count=1)
    forge.review(pull, "mara", "CHANGES_REQUESTED")
    forge.review(pull, "adam")
    assert violations(forge.merge(pull, "adam")) == ["Changes have been requested by a reviewer with write access."]
    forge.review(pull, "mara", "COMMENTED")
    assert not forge.merge(pull, "adam").verdict.allowed
    forge.review(pull, "mara")
    assert forge.merge(pull, "adam").verdict.allowed


@pytest.mark.parametrize(("dismiss", "allowed"), [(True, False), (False, True)])
def test_a_push_dismisses_approvals_where_the_rule_says_so(
    *,
    forge: Sandbox,
    pull: PullRequest,
    rule: Callable[..., Any],
    change: Callable[..., Any],
    dismiss: bool,
    allowed: Any,
) -> None:
    rule(required_approving_review_count=1, dismiss_stale_reviews_on_push=dismiss)
    forge.review(pull, "mara")
    change("feature", "b.txt")
    assert forge.merge(pull, "adam").verdict.allowed is allowed


def test_the_last_pusher_cannot_approve_what_they_pushed(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any], change: Callable[..., Any]
) -> None:
    rule(require_last_push_approval=True, required_approving_review_count=1)
    forge.review(pull, "mara")
    change("feature", "b.txt", login="mara")
    last_push = "New changes require approval from someone other than the last pusher."
    assert violations(forge.merge(pull, "adam")) == [last_push]
    forge.review(pull, "mara")
    assert violations(forge.merge(pull, "adam")) == [last_push]
    forge.review(pull, "adam")
    assert forge.merge(pull, "adam").verdict.allowed


def test_code_owners_of_the_base_branch_must_approve(
    forge: Sandbox, rule: Callable[..., Any], change: Callable[..., Any]
) -> None:
    forge.add_team("acme", "platform", ["mara"])
    forge.grant("acme/shop", "acme/platform", "write")
    change("main", ".github/CODEOWNERS", "* @adam\n/env/ @acme/platform\n/free/\n")
    rule(require_code_owner_review=True)
    change("feature", "env/production.yaml")
    change("feature", ".github/CODEOWNERS", "* @dana\n")  # what the head says does not count
    pull = forge.open_pull_request("acme/shop", "dana", "feature", "main")
    waiting = "Waiting on code owner review from {}."
    assert violations(forge.merge(pull, "adam")) == [waiting.format("adam"), waiting.format("acme/platform")]
    forge.review(pull, "adam")
    assert violations(forge.merge(pull, "adam")) == [waiting.format("acme/platform")]
    forge.review(pull, "mara")
    assert forge.merge(pull, "adam").verdict.allowed


def test_required_checks_are_those_of_the_head(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any], git: BareRepository, shop: Repository
) -> None:
    rule(
        "required_status_checks",
        required_status_checks=[{"context": "test", "integration_id": 15368}, {"context": "lint"}],
        strict_required_status_checks_policy=False,
    )
    head = git.resolve("refs/heads/feature")

    def report(context: Any, app_id: Any = None) -> None:
        forge.store.add(Status(forge.store.new_id(), shop.id, head, context, "success", app_id))

    assert violations(forge.merge(pull, "mara")) == ["2 of 2 required status checks are expected."]
    report("lint")
    report("test")  # by a person: the rule asks for the Actions App
    assert violations(forge.merge(pull, "mara")) == ['Required status check "test" is expected.']
    report("test", 15368)
    assert forge.merge(pull, "mara").verdict.allowed


def test_a_strict_check_wants_the_head_up_to_date(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any], change: Callable[..., Any]
) -> None:
    rule("required_status_checks", required_status_checks=[], strict_required_status_checks_policy=True)
    change("main", "other.txt", login="mara")
    assert violations(forge.merge(pull, "mara")) == ["The head branch is not up to date with the base branch."]


def test_linear_history_refuses_a_merge_commit_and_takes_a_squash(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any]
) -> None:
    rule("required_linear_history")
    assert violations(forge.merge(pull, "mara")) == ["This branch must not contain merge commits."]
    assert forge.merge(pull, "mara", "squash").verdict.allowed


def test_a_protected_ref_cannot_be_moved_by_a_merge_either(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any]
) -> None:
    rule("update")
    assert violations(forge.merge(pull, "olivia")) == ["Cannot update this protected ref."]


def test_a_pull_request_bypass_lets_the_actor_merge(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any]
) -> None:
    actor = {"actor_type": "User", "actor_id": forge.user("mara").id, "bypass_mode": "pull_request"}
    rule(bypass=[actor], required_approving_review_count=2)
    assert violations(forge.merge(pull, "adam")) == [
        "At least 2 approving reviews are required by reviewers with write access."
    ]
    assert forge.merge(pull, "mara").verdict.allowed
    assert forge.pushes[-1].bypassed


@pytest.mark.parametrize(
    ("head", "base", "error"),
    [
        ("feature", "main", "A pull request already exists for acme:feature."),
        ("behind", "main", "No commits between main and behind"),
    ],
)
def test_a_pointless_pull_request_is_refused(
    *, forge: Sandbox, pull: PullRequest, git: BareRepository, head: str, base: str, error: str
) -> None:
    git.update_ref("refs/heads/behind", git.resolve("refs/heads/main"), ABSENT)
    with pytest.raises(Refusal) as caught:
        forge.open_pull_request("acme/shop", "dana", head, base)
    assert (caught.value.status, caught.value.errors[0]["message"]) == (422, error)


def test_a_reader_cannot_open_one_and_a_job_needs_the_setting(
    forge: Sandbox, change: Callable[..., Any], shop: Repository
) -> None:
    change("feature")
    with pytest.raises(Refusal) as caught:
        forge.open_pull_request("acme/shop", "reed", "feature", "main")
    assert caught.value.status == 422
    grant = forge.job(
        repository="acme/shop",
        event="push",
        ref="refs/heads/main",
        actor="dana",
        permissions={"contents": "write", "pull-requests": "write"},
    )
    job = from_token(forge.store, grant.token)
    with pytest.raises(Refusal) as caught:
        open_pull_request(forge.store, job, shop, "feature", "main", "t")
    assert str(caught.value) == "GitHub Actions is not permitted to create or approve pull requests."
    shop.workflow_permissions["can_approve_pull_request_reviews"] = True
    pull = open_pull_request(forge.store, job, shop, "feature", "main", "t")
    with pytest.raises(Refusal):
        review(forge.store, job, pull, "APPROVED")
    assert merge(forge.store, job, pull).verdict.allowed


def test_a_pull_request_follows_its_branches(
    forge: Sandbox, pull: PullRequest, git: BareRepository, change: Callable[..., Any], shop: Repository
) -> None:
    head = change("feature", "b.txt")
    assert git.resolve("refs/pull/1/head") == head
    apply(forge.store, of_user(forge.user("dana")), shop, RefUpdate("refs/heads/main", git.resolve("main"), head))
    assert (pull.state, pull.merge_commit_sha) == ("merged", head)
    change("second", "c.txt")
    other = forge.open_pull_request("acme/shop", "dana", "second", "main")
    tip = git.resolve("refs/heads/second")
    apply(forge.store, of_user(forge.user("dana")), shop, RefUpdate("refs/heads/second", tip, ABSENT))
    assert (other.number, other.state) == (2, "closed")


def test_the_merged_branch_goes_where_the_repository_says_so(
    forge: Sandbox, pull: PullRequest, git: BareRepository, shop: Repository
) -> None:
    shop.settings["delete_branch_on_merge"] = True
    forge.merge(pull, "mara")
    assert git.resolve("refs/heads/feature") is None


@pytest.mark.parametrize(
    ("pattern", "path", "owned"),
    [
        ("*", "a/b.txt", True),
        ("*.js", "a/b.js", True),
        ("*.js", "a/b.jsx", False),
        ("/docs/", "docs/a/b", True),
        ("/docs/", "x/docs/a", False),
        ("docs/*", "docs/a", True),
        ("docs/*", "docs/a/b", False),
        ("apps/", "x/apps/y", True),
        ("apps/", "apps", False),
        ("/apps/github", "apps/github/x", True),
        ("**/logs", "a/b/logs/x", True),
        ("/a/**/z", "a/b/c/z", True),
        ("/.github/", ".github/workflows/ci.yml", True),
        ("/.github/", "xgithub/a", False),
        ("README.md", "sub/README.md", True),
    ],
)
def test_code_owner_patterns_match_as_github_says(*, pattern: str, path: str, owned: bool) -> None:
    assert bool(codeowners.owners(codeowners.parse(f"{pattern} @a"), path)) is owned


def test_the_last_matching_line_wins_and_unreadable_ones_are_skipped() -> None:
    lines = codeowners.parse("* @a # all\n# comment\n/x/ @b\n/x/y\n!no @c\n[ab] @c\n/z/ nobody\n")
    assert [codeowners.owners(lines, path) for path in ("q", "x/q", "x/y", "z/q")] == [("@a",), ("@b",), (), ("@a",)]


def test_a_required_team_approves_changes_of_its_files(
    forge: Sandbox, pull: PullRequest, rule: Callable[..., Any], change: Callable[..., Any]
) -> None:
    """Its members only, and as many as are asked for; a change of other files needs none of them."""
    team = forge.add_team("acme", "go", members=["mara", "adam"])
    forge.grant("acme/shop", "acme/go", "write")
    entry = {"reviewer": {"type": "Team", "id": team.id}, "file_patterns": ["*.go"], "minimum_approvals": 2}
    rule(required_reviewers=[entry])
    change("feature", "cmd/main.go")
    forge.review(pull, "olivia")
    assert violations(forge.merge(pull, "olivia")) == ["Waiting on 2 approving review(s) from acme/go."]
    forge.review(pull, "mara")
    assert violations(forge.merge(pull, "olivia")) == ["Waiting on 1 approving review(s) from acme/go."]
    forge.review(pull, "adam")
    assert forge.merge(pull, "olivia").verdict.allowed
    change("docs", "notes.txt")
    assert forge.merge(forge.open_pull_request("acme/shop", "dana", "docs", "main", "Notes"), "olivia").verdict.allowed
