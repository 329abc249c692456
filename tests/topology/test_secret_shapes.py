"""What is taken for a secret, and what is not: a false alarm stops somebody's work."""

import pytest

from gitops_infra.topology.secret_shapes import looks_random, secret_shape, shown


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Authorization: token ghp_0123456789abcdefghij", "a GitHub token"),
        ("github_pat_0123456789abcdefghij", "a GitHub token"),
        ("glpat-0123456789abcdefghij", "a GitLab token"),
        ("ASIA0123456789ABCDEF", "an AWS access key"),
        ("xoxp-0123456789", "a Slack token"),
        ("pul-" + "0" * 40, "a Pulumi access token"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQ", "an age secret key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.", "a JSON web token"),
        ("redis://:hunter22@cache:6379", "a password in a URL"),
        ("-----BEGIN PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "a private key"),
    ],
)
def test_a_secret_is_recognised_by_its_marker(text: str, kind: str) -> None:
    assert secret_shape(text) == kind
    assert shown(text) == "(hidden)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghp_short",
        "staging-database",
        "https://shop.example:8443/path?user=a@b",
        "-----BEGIN PUBLIC KEY-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        "registry.example/shop@sha256:" + "0" * 64,
        "eyJ.short.x",
    ],
)
def test_ordinary_text_is_no_secret(text: str) -> None:
    assert secret_shape(text) is None


@pytest.mark.parametrize(
    ("text", "random"),
    [
        ("0" * 31, False),
        ("0" * 32, True),
        ("aB1" * 6 + "a", False),
        ("aB1" * 6 + "aB", True),
        ("shop:database-url-of-staging-2", False),
        ("productionDatabasePassword", False),
    ],
)
def test_a_generated_value_is_told_from_a_readable_key(text: str, *, random: bool) -> None:
    assert looks_random(text) is random


def test_a_shown_text_is_one_short_line_of_ascii() -> None:
    assert shown("a\nb\u202e") == "'a\\nb\\u202e'"
    assert shown("z" * 61) == "'" + "z" * 57 + "...'"
