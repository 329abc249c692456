import pytest

from gitops_infra.plan.capabilities import TABLE, capabilities
from gitops_infra.topology.vocabulary import PricePlan, Visibility

# Written by hand from GitHub's availability notes: R rulesets, E environments and their branch policy,
# G gates (reviewers, timer, self-review, admin bypass), P push rulesets.
KNOWN = {
    ("free", "public"): "REG",
    ("free", "private"): "",
    ("pro", "public"): "REG",
    ("pro", "private"): "RE",
    ("team", "public"): "REG",
    ("team", "private"): "REP",
    ("enterprise", "public"): "REG",
    ("enterprise", "private"): "REGP",
    ("enterprise", "internal"): "REGP",
    ("free", "internal"): "",
    ("pro", "internal"): "",
    ("team", "internal"): "",
}

LETTERS = {
    "R": {"branch_rulesets"},
    "E": {"environments", "deployment_branch_policy"},
    "G": {"required_reviewers", "wait_timer", "prevent_self_review", "no_admin_bypass"},
    "P": {"push_rulesets"},
}


@pytest.mark.parametrize(("plan", "visibility"), KNOWN)
def test_the_table_says_what_github_documents(plan: str, visibility: str) -> None:
    expected: set[str] = set().union(*(LETTERS[letter] for letter in KNOWN[plan, visibility]))
    assert {each.value for each in capabilities(PricePlan(plan), Visibility(visibility))} == expected


def test_the_table_has_a_row_for_every_price_plan_and_visibility() -> None:
    assert set(TABLE) == {(plan, visibility) for plan in PricePlan for visibility in Visibility}
