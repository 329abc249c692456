"""Every rule and every bypass, by real pushes: over HTTP as people, over SSH with deploy keys."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.sandbox.forge.decide import RefUpdate
from gitops_infra.sandbox.forge.identity import of_user
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.forge.updates import apply

ENV = "refs/heads/_gitlab/agents/staging"
STATUS_CHECK: dict[str, Any] = {
    "type": "required_status_checks",
    "parameters": {
        "required_status_checks": [{"context": "test"}],
        "strict_required_status_checks_policy": False,
        "do_not_enforce_on_create": True,
    },
}
PULL_REQUEST: dict[str, Any] = {
    "type": "pull_request",
    "parameters": {
        "required_approving_review_count": 1,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
    },
}


def rejected(clone: Any, *refspecs: Any) -> Any:
    done = clone.push(*refspecs)
    assert done.returncode == 1, done.stderr
    return done.stderr


def accepted(clone: Any, *refspecs: Any) -> Any:
    done = clone.push(*refspecs)
    assert done.returncode == 0, done.stderr
    return done.stderr


def remote_lines(text: str) -> Any:
    return [line.removeprefix("remote: ").rstrip() for line in text.splitlines() if line.startswith("remote:")]


def test_a_person_with_write_moves_an_unprotected_branch(
    cloned: Callable[..., Any], bare: Callable[..., Any], forge: Sandbox
) -> None:
    clone = cloned(login="dana")
    sha = clone.commit()
    accepted(clone, "main")
    assert bare().resolve("refs/heads/main") == sha
    assert [(p.actor, p.via, p.ref, p.after, p.allowed) for p in forge.pushes] == [
        ("dana", "http", "refs/heads/main", sha, True)
    ]


@pytest.mark.parametrize("login", ["reed", "tess"])
def test_a_role_below_write_cannot_push(cloned: Callable[..., Any], bare: Callable[..., Any], login: str) -> None:
    clone = cloned(login=login)
    before = clone.head()
    clone.commit()
    text = clone.push("main").stderr
    assert f"remote: Permission to acme/shop.git denied to {login}." in text
    assert "The requested URL returned error: 403" in text
    assert bare().resolve("refs/heads/main") == before


def test_a_refused_push_reads_like_githubs(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("locked", ["refs/heads/main"], ["update"])
    clone = cloned(login="dana")
    clone.commit()
    text = rejected(clone, "main")
    assert remote_lines(text) == [
        "error: GH013: Repository rule violations found for refs/heads/main.",
        f"Review all repository rules at {forge.url}/acme/shop/rules?ref=refs%2Fheads%2Fmain",
        "",
        "- Cannot update this protected ref.",
        "",
    ]
    assert " ! [remote rejected] main -> main (push declined due to repository rule violations)" in text


def test_a_refused_push_over_ssh_reads_the_same(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("locked", ["refs/heads/main"], ["update"])
    clone = cloned(key=deploy_key("acme/shop"))
    clone.commit()
    text = rejected(clone, "main")
    assert remote_lines(text) == [
        "error: GH013: Repository rule violations found for refs/heads/main.",
        f"Review all repository rules at {forge.url}/acme/shop/rules?ref=refs%2Fheads%2Fmain",
        "",
        "- Cannot update this protected ref.",
        "",
    ]
    assert " ! [remote rejected] main -> main (push declined due to repository rule violations)" in text


@pytest.mark.parametrize(
    ("rule", "refspec", "sentence"),
    [
        ("creation", "HEAD:refs/heads/new", "- Cannot create ref due to creations being restricted."),
        ("update", "HEAD:refs/heads/main", "- Cannot update this protected ref."),
        ("deletion", ":refs/heads/side", "- Cannot delete this protected ref."),
        ("non_fast_forward", "+HEAD~2:refs/heads/side", "- Cannot force-push to this branch"),
        (PULL_REQUEST, "HEAD:refs/heads/main", "- Changes must be made through a pull request."),
        (STATUS_CHECK, "HEAD:refs/heads/main", '- Required status check "test" is expected.'),
    ],
    ids=["creation", "update", "deletion", "non_fast_forward", "pull_request", "required_status_checks"],
)
def test_each_rule_refuses_its_operation_with_githubs_sentence(
    *,
    cloned: Callable[..., Any],
    ruleset: Callable[..., Any],
    bare: Callable[..., Any],
    rule: Callable[..., Any],
    refspec: str,
    sentence: str,
) -> None:
    clone = cloned(login="adam")
    clone.commit()
    accepted(clone, "main", "HEAD:refs/heads/side")
    clone.commit()
    refs = bare().refs()
    ruleset("rule", ["~ALL"], [rule])
    assert sentence in remote_lines(rejected(clone, refspec))
    assert bare().refs() == refs


@pytest.mark.parametrize(
    ("rule", "refspec"),
    [
        ("creation", "HEAD:refs/heads/main"),
        ("creation", ":refs/heads/side"),
        ("update", "HEAD:refs/heads/new"),
        ("update", ":refs/heads/side"),
        ("deletion", "HEAD:refs/heads/main"),
        ("non_fast_forward", "HEAD:refs/heads/main"),
        ("non_fast_forward", "HEAD:refs/heads/new"),
        ("non_fast_forward", ":refs/heads/side"),
        ("required_linear_history", "HEAD:refs/heads/main"),
        ("required_linear_history", ":refs/heads/side"),
        (PULL_REQUEST, ":refs/heads/side"),
        (STATUS_CHECK, "HEAD:refs/heads/new"),
    ],
)
def test_no_rule_refuses_another_operation_than_its_own(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], rule: Callable[..., Any], refspec: str
) -> None:
    clone = cloned(login="dana")
    accepted(clone, "HEAD:refs/heads/side")
    clone.commit()
    ruleset("rule", ["~ALL"], [rule])
    accepted(clone, refspec)


def test_a_merge_commit_is_named_where_history_must_be_linear(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], bare: Callable[..., Any]
) -> None:
    ruleset("linear", ["refs/heads/main"], ["required_linear_history"])
    clone = cloned(login="dana")
    clone.git("checkout", "--quiet", "-b", "side")
    clone.commit("a.txt")
    clone.git("checkout", "--quiet", "main")
    clone.commit("b.txt")
    clone.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    assert remote_lines(rejected(clone, "main"))[3:] == [
        "- This branch must not contain merge commits.",
        "  Found 1 violation:",
        "",
        f"  {clone.head()}",
        "",
    ]
    accepted(clone, "side:refs/heads/main")


def test_merge_commits_that_are_on_a_branch_already_do_not_count_for_a_new_branch(
    cloned: Callable[..., Any], ruleset: Callable[..., Any]
) -> None:
    clone = cloned(login="dana")
    clone.git("checkout", "--quiet", "-b", "side")
    clone.commit("a.txt")
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    accepted(clone, "main")
    ruleset("linear", ["refs/heads/release/*"], ["required_linear_history"])
    accepted(clone, "main:refs/heads/release/1")


def test_a_commit_whose_check_passed_may_be_pushed(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], client: Callable[..., Any]
) -> None:
    ruleset("checks", ["refs/heads/main"], [STATUS_CHECK])
    clone = cloned(login="dana")
    sha = clone.commit()
    accepted(clone, "HEAD:refs/heads/candidate")
    for state, sentence in (("pending", "pending"), ("failure", "failing"), ("error", "failing")):
        client("dana").post(f"/repos/acme/shop/statuses/{sha}", json={"state": state, "context": "test"})
        assert f'- Required status check "test" is {sentence}.' in remote_lines(rejected(clone, "main"))
    client("dana").post(f"/repos/acme/shop/statuses/{sha}", json={"state": "success", "context": "test"})
    accepted(clone, "main")


def test_a_bypass_skips_every_rule_of_its_ruleset_and_is_said_and_recorded(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("everything", ["refs/heads/main"], ["update", "non_fast_forward"], [("User", forge.user("dana").id)])
    clone = cloned(login="dana")
    first = clone.commit()
    accepted(clone, "main")
    clone.git("reset", "--quiet", "--hard", "HEAD~1")
    clone.commit()
    assert remote_lines(accepted(clone, "+main")) == [
        "Bypassed rule violations for refs/heads/main:",
        "",
        "- Cannot update this protected ref.",
        "",
        "- Cannot force-push to this branch",
        "",
    ]
    assert forge.pushes[-1].bypassed == ["everything"]
    assert forge.pushes[-1].before == first


def test_rulesets_layer_so_a_bypass_of_one_leaves_the_other_in_force(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("writers", ["refs/heads/main"], ["creation", "update"], [("User", forge.user("dana").id)])
    ruleset("integrity", ["refs/heads/main"], ["deletion", "non_fast_forward"])
    clone = cloned(login="dana")
    clone.commit()
    accepted(clone, "main")
    clone.git("reset", "--quiet", "--hard", "HEAD~1")
    clone.commit()
    text = rejected(clone, "+main")
    assert "- Cannot force-push to this branch" in remote_lines(text)
    assert "- Cannot update this protected ref." not in remote_lines(text)
    assert (forge.pushes[-1].allowed, forge.pushes[-1].bypassed) == (False, ["writers"])


def test_an_exempt_actor_leaves_no_trace(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("writers", ["refs/heads/main"], ["update"], [("User", forge.user("dana").id, "exempt")])
    clone = cloned(login="dana")
    clone.commit()
    assert remote_lines(accepted(clone, "main")) == []
    assert forge.pushes[-1].bypassed == []


def test_a_pull_request_bypass_does_not_open_direct_pushes(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("writers", ["refs/heads/main"], ["update"], [("User", forge.user("dana").id, "pull_request")])
    clone = cloned(login="dana")
    clone.commit()
    rejected(clone, "main")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (2, {"mara", "adam", "olivia"}),
        (4, {"dana", "mara", "adam", "olivia"}),
        (5, {"adam", "olivia"}),
    ],
)
def test_a_repository_role_actor_means_at_least_that_role(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], role: int, allowed: Any
) -> None:
    ruleset("writers", ["refs/heads/main"], ["update"], [("RepositoryRole", role)])
    passed = set()
    for login in ("dana", "mara", "adam", "olivia"):
        clone = cloned(login=login)
        clone.commit()
        passed |= {login} if clone.push("main").returncode == 0 else set()
    assert passed == allowed


def test_no_role_of_a_person_covers_a_deploy_key(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], deploy_key: Callable[..., Any]
) -> None:
    ruleset("people", ["~ALL"], ["creation", "update"], [("RepositoryRole", n) for n in (2, 4, 5)])
    clone = cloned(key=deploy_key("acme/shop"))
    clone.commit()
    rejected(clone, "main")


def test_team_and_owner_actors_are_their_members(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    team = forge.add_team("acme", "releasers", ["dana"])
    ruleset("team", ["refs/heads/main"], ["update"], [("Team", team.id), ("OrganizationAdmin", None)])
    outcome = {}
    for login in ("dana", "adam", "olivia"):
        clone = cloned(login=login)
        clone.commit()
        outcome[login] = clone.push("main").returncode
    assert outcome == {"dana": 0, "adam": 1, "olivia": 0}


def test_an_integration_actor_is_one_app(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    permissions = {"contents": "write"}
    mine, other = (forge.app("acme", name, permissions) for name in ("mine", "other"))
    ruleset("app", ["refs/heads/main"], ["update"], [("Integration", mine.id)])
    clones = [cloned(token=forge.app_token(app)) for app in (mine, other)]
    for clone in clones:
        clone.commit()
    rejected(clones[1], "main")
    accepted(clones[0], "main")
    assert forge.pushes[-1].actor == "mine[bot]"


def test_the_actions_app_lets_every_job_token_with_write_through(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    """Why 15368 must never be a bypass actor."""
    ruleset("jobs", ["refs/heads/main"], ["update"], [("Integration", 15368)])
    cloned(login="dana").push("HEAD:refs/heads/feature")
    grant = forge.job(
        repository="acme/shop", event="push", ref="refs/heads/feature", actor="dana", permissions={"contents": "write"}
    )
    clone = cloned(token=grant.token)
    clone.commit()
    accepted(clone, "main")


def test_a_deploy_key_actor_is_every_write_key_of_the_repository(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], deploy_key: Callable[..., Any]
) -> None:
    ruleset("writers", ["refs/heads/main"], ["update"], [("DeployKey", None)])
    for title in ("staging", "production"):
        clone = cloned(key=deploy_key("acme/shop", title))
        clone.commit()
        accepted(clone, "main")
    person = cloned(login="adam")
    person.commit()
    rejected(person, "main")


def test_the_environment_key_moves_its_branch_forward_and_nothing_else(
    forge: Sandbox,
    workplace: Callable[..., Any],
    ruleset: Callable[..., Any],
    deploy_key: Callable[..., Any],
    bare: Callable[..., Any],
) -> None:
    """The state repository of the design: writers, integrity, locked."""
    state = "acme/shop-env-staging"
    forge.add_repository(state)
    keys = [("DeployKey", None)]
    ruleset("writers", [ENV], ["creation", "update"], keys, repository=state)
    ruleset("integrity", [ENV], ["deletion", "non_fast_forward"], repository=state)
    locked = ["creation", "update", "deletion"]
    ruleset("locked", ["~ALL"], locked, exclude=[ENV], repository=state)
    ruleset("tags", ["~ALL"], locked, target="tag", repository=state)
    clone = workplace(state, key=deploy_key(state))
    clone.commit()
    accepted(clone, f"HEAD:{ENV}")
    assert forge.repository(state).default_branch == "_gitlab/agents/staging"
    sha = clone.commit()
    accepted(clone, f"HEAD:{ENV}")
    for refspec in (
        f"+HEAD~1:{ENV}",
        f":{ENV}",
        "HEAD:refs/heads/main",
        "HEAD:refs/heads/_gitlab/agents/production",
        "HEAD:refs/heads/_gitlab/agents",
        f"HEAD:{ENV}/more",
        "HEAD:refs/heads/_gitlab/agents/Staging",
        "HEAD:refs/tags/v1",
    ):
        rejected(clone, refspec)
    assert bare(state).refs() == {ENV: sha}
    accepted(clone, "HEAD:refs/notes/other")


def test_exact_refs_and_patterns_govern_what_they_match(
    cloned: Callable[..., Any], ruleset: Callable[..., Any]
) -> None:
    ruleset("one", ["refs/heads/release/*"], ["creation"], exclude=["refs/heads/release/open"])
    ruleset("deep", ["refs/heads/env/**/*"], ["creation"])
    clone = cloned(login="dana")
    for name in ("release/1", "env/a", "env/a/b/c"):
        rejected(clone, f"HEAD:refs/heads/{name}")
    for name in ("release/1/x", "release/open", "Release/1", "releases"):
        accepted(clone, f"HEAD:refs/heads/{name}")


def test_the_default_branch_pattern_follows_the_default_branch(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], client: Callable[..., Any]
) -> None:
    clone = cloned(login="dana")
    accepted(clone, "HEAD:refs/heads/trunk")
    ruleset("default", ["~DEFAULT_BRANCH"], ["update"])
    clone.commit()
    rejected(clone, "HEAD:main")
    assert client("olivia").patch("/repos/acme/shop", json={"default_branch": "trunk"}).status_code == 200
    accepted(clone, "HEAD:main")
    rejected(clone, "HEAD:trunk")


def test_tags_are_governed_by_tag_rulesets_only(cloned: Callable[..., Any], ruleset: Callable[..., Any]) -> None:
    ruleset("branches", ["~ALL"], ["creation", "update", "deletion"])
    clone = cloned(login="dana")
    clone.git("tag", "-a", "v1", "-m", "one")
    accepted(clone, "v1", "HEAD:refs/tags/light")
    ruleset("tags", ["refs/tags/v*"], ["creation", "update", "deletion", "non_fast_forward"], target="tag")
    clone.commit()
    clone.git("tag", "-f", "v1")
    for refspec in ("+v1", ":v1", "HEAD:refs/tags/v2"):
        rejected(clone, refspec)
    accepted(clone, ":refs/tags/light")


def test_a_disabled_or_evaluated_ruleset_refuses_nothing(
    cloned: Callable[..., Any], ruleset: Callable[..., Any]
) -> None:
    ruleset("off", ["~ALL"], ["update"], enforcement="disabled")
    ruleset("trial", ["~ALL"], ["update"], enforcement="evaluate")
    clone = cloned(login="dana")
    clone.commit()
    accepted(clone, "main")


def test_when_one_ref_of_a_push_is_refused_none_moves(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], bare: Callable[..., Any], forge: Sandbox
) -> None:
    ruleset("locked", ["refs/heads/main"], ["update"])
    clone = cloned(login="dana")
    refs = bare().refs()
    clone.commit()
    text = rejected(clone, "HEAD:refs/heads/free", "main")
    assert text.count("(push declined due to repository rule violations)") == 2
    assert bare().refs() == refs
    assert [push.allowed for push in forge.pushes] == [False, False]


def test_objects_of_a_refused_push_do_not_stay(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], bare: Callable[..., Any]
) -> None:
    ruleset("locked", ["refs/heads/main"], ["update"])
    clone = cloned(login="dana")
    sha = clone.commit()
    rejected(clone, "main")
    assert not bare().has(sha)


def test_a_push_that_cannot_be_decided_is_refused(
    cloned: Callable[..., Any], bare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    clone = cloned(login="olivia")
    before = clone.head()
    clone.commit()
    monkeypatch.setattr("gitops_infra.sandbox.forge.git.hook.decide_push", fail)
    text = rejected(clone, "main")
    assert "error: the forge could not decide about this push; its log says why" in remote_lines(text)
    assert "secret detail" not in text
    assert bare().resolve("refs/heads/main") == before


def test_the_default_branch_cannot_be_deleted_even_without_rules(cloned: Callable[..., Any]) -> None:
    text = rejected(cloned(login="olivia"), ":main")
    assert " ! [remote rejected] main (refusing to delete the current branch: refs/heads/main)" in text


def test_pull_request_refs_are_the_forges_own(cloned: Callable[..., Any]) -> None:
    assert "deny updating a hidden ref" in rejected(cloned(login="olivia"), "HEAD:refs/pull/1/head")


@pytest.mark.parametrize("name", ["refs/pull/1/merge", "0123456789abcdef0123456789abcdef01234567"])
@pytest.mark.parametrize("kind", ["heads", "tags"])
def test_no_branch_or_tag_is_called_like_something_else(cloned: Callable[..., Any], kind: str, name: str) -> None:
    """A branch `refs/pull/1/merge` would pass an environment's policy for pull requests."""
    assert "are not allowed" in rejected(cloned(login="olivia"), f"HEAD:refs/{kind}/{name}")


def test_an_archived_repository_is_read_only(cloned: Callable[..., Any], forge: Sandbox) -> None:
    clone = cloned(login="dana")
    repository = forge.repository("acme/shop")
    repository.archived = True
    forge.store.save(repository)
    clone.commit()
    assert "remote: This repository was archived so it is read-only." in clone.push("main").stderr


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("app", ("refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without "
                "`workflows` permission")),
        ("fine", ("refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml` "
                 "without `workflow` scope")),
    ],
)  # fmt: skip
def test_a_limited_token_cannot_bring_workflow_files(
    cloned: Callable[..., Any], forge: Sandbox, who: Any, refusal: str
) -> None:
    permissions = {"contents": "write"}
    token = {
        "app": lambda: forge.app_token(forge.app("acme", "bot", permissions)),
        "fine": lambda: forge.token("dana", permissions),
    }[who]()
    clone = cloned(token=token)
    clone.commit(".github/workflows/ci.yml", "on: push\n")
    assert f"({refusal})" in rejected(clone, "main")
    clone.git("push", "--quiet", cloned(login="dana").url, "HEAD:refs/heads/reviewed")
    accepted(clone, "main")  # path and content are on another branch now


def test_a_job_token_cannot_bring_workflow_files_and_a_deploy_key_can(
    cloned: Callable[..., Any], forge: Sandbox, deploy_key: Callable[..., Any]
) -> None:
    grant = forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", actor="dana", permissions={"contents": "write"}
    )
    clone = cloned(token=grant.token)
    clone.commit(".github/workflows/ci.yml", "on: push\n")
    assert "refusing to allow a GitHub App" in rejected(clone, "main")
    keyed = cloned(key=deploy_key("acme/shop"))
    keyed.commit(".github/workflows/ci.yml", "on: pull_request\n")
    accepted(keyed, "main")


def test_a_lost_race_is_refused_and_recorded_as_not_made(bare: Callable[..., Any], forge: Sandbox) -> None:
    main = bare().resolve("refs/heads/main")
    update = RefUpdate("refs/heads/new", main, main)  # says that it exists, and it does not
    verdict = apply(forge.store, of_user(forge.user("dana")), forge.repository("acme/shop"), update)
    assert (verdict.allowed, verdict.status, verdict.message) == (False, 422, "Reference update failed")
    assert not forge.pushes[-1].allowed
    assert bare().resolve("refs/heads/new") is None
