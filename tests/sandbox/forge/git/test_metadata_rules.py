"""Rules about names, messages and mail addresses, by real pushes."""

from collections.abc import Callable
from typing import Any

import pytest

MINE, OTHERS = "test@example.test", "example.org"


def rule(kind: str, operator: str, pattern: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": {"operator": operator, "pattern": pattern, **more}}


@pytest.mark.parametrize(
    ("wanted", "good", "bad"),
    [
        (rule("branch_name_pattern", "starts_with", "team/"), "team/a", "a/team"),
        (rule("branch_name_pattern", "ends_with", "-x"), "a-x", "-xa"),
        (rule("branch_name_pattern", "contains", "fix"), "a-fix-b", "a-fx-b"),
        (rule("branch_name_pattern", "regex", "^[a-z]+$"), "abc", "abc1"),
        (rule("branch_name_pattern", "contains", "tmp", negate=True), "abc", "a-tmp"),
    ],
)
def test_a_new_branch_has_to_fit(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], wanted: dict[str, Any], good: str, bad: str
) -> None:
    ruleset("names", ["~ALL"], [wanted])
    clone = cloned(login="dana")
    assert clone.push(f"HEAD:refs/heads/{good}").returncode == 0
    refused = clone.push(f"HEAD:refs/heads/{bad}")
    assert refused.returncode == 1
    must = "must not" if wanted["parameters"].get("negate") else "must"
    assert f"- Branch name {must} " in refused.stderr
    clone.commit()
    assert clone.push(f"HEAD:refs/heads/{good}", "HEAD:refs/heads/main").returncode == 0  # main had its name before


def test_a_new_tag_has_to_fit(cloned: Callable[..., Any], ruleset: Callable[..., Any]) -> None:
    ruleset("names", ["~ALL"], [rule("tag_name_pattern", "regex", r"^v\d")], target="tag")
    clone = cloned(login="dana")
    assert clone.push("HEAD:refs/tags/v1").returncode == 0
    refused = clone.push("HEAD:refs/tags/one").stderr
    assert r"- Tag name must match a given regex pattern: ^v\d" in refused


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        (
            rule("commit_message_pattern", "starts_with", "change"),
            rule("commit_message_pattern", "starts_with", "SHOP-"),
            "Commit message must start with a matching pattern: SHOP-",
        ),
        (
            rule("commit_author_email_pattern", "ends_with", MINE),
            rule("commit_author_email_pattern", "ends_with", OTHERS),
            f"Commit author email must end with a matching pattern: {OTHERS}",
        ),
        (
            rule("committer_email_pattern", "contains", OTHERS, negate=True),
            rule("committer_email_pattern", "contains", MINE, negate=True),
            f"Committer email must not contain a matching pattern: {MINE}",
        ),
    ],
)
def test_every_new_commit_has_to_fit_and_the_others_are_named(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], good: Any, bad: Any, sentence: str
) -> None:
    clone = cloned(login="dana")
    clone.commit()
    ruleset("good", ["refs/heads/main"], [good])
    assert clone.push("main").returncode == 0
    ruleset("bad", ["refs/heads/main"], [bad])
    wrong = [clone.commit(message="change\n\nwith a body"), clone.commit()]
    refused = clone.push("main").stderr
    assert f"- {sentence}" in refused
    assert [sha for sha in wrong if sha not in refused] == [], refused
    assert clone.push("origin/main:refs/heads/side").returncode == 0  # old commits are nobody's fault
