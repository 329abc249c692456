"""Texts of findings: whatever somebody wrote on the forge, no terminal obeys it and no secret is shown."""

import pytest

from gitops_infra.audit.verification.exposure import LONGEST, MANY, Code, Repair, Severity, clean, listed

CODE = Code("code", Severity.LOW, "{who} gains", Repair.UP)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("label \x1b[2J gone", "label \\x1b[2J gone"),
        ("two\nlines", "two\\nlines"),
        ("Überraschung", "Überraschung"),
        ("ghp_" + "a" * 36, "(hidden: it holds what looks like a secret)"),
        ("x" * 700, "x" * (LONGEST - 3) + "..."),
    ],
)
def test_what_is_told_is_one_harmless_line(text: str, shown: str) -> None:
    assert clean(text) == shown
    found = CODE.at("label", "another", text, who="nobody")
    assert (found.found, found.exploit) == (shown, "nobody gains")


def test_without_a_remedy_of_its_own_the_command_is_the_remedy() -> None:
    assert CODE.at("here", "a", "b", who="x").remedy == "Run `pulumi up --refresh`"
    forced = Code("code", Severity.LOW, "", Repair.FORCE).at("here", "a", "b")
    assert forced.remedy == "Run `PULUMI_K8S_ENABLE_PATCH_FORCE=true pulumi up --refresh`"


def test_many_names_are_cut() -> None:
    assert listed([]) == "none"
    assert listed(["b", "a"]) == "`a`, `b`"
    assert listed([str(number) for number in range(10, 10 + MANY + 3)]).endswith(" and 3 more")
