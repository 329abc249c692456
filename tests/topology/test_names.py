"""Names that git, GitHub or Kubernetes refuse are refused first, and those accepted survive all of them."""

import io
import re
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitops_infra.topology import names
from gitops_infra.topology.names import Check

REFUSED: dict[str, dict[str, str]] = {
    "environment_name": {
        "": "is empty",
        "a" * 41: "is longer than 40 characters",
        "Prod": "contains capital letters",
        "prod/eu": "contains a character other than lower-case letters, digits and `-`",
        "prod eu": "contains a character other than lower-case letters, digits and `-`",
        "prod\n": "contains a character other than lower-case letters, digits and `-`",
        "pröd": "contains a character other than lower-case letters, digits and `-`",
        "prod\u202e": "contains a character other than lower-case letters, digits and `-`",
        "$(id)": "contains a character other than lower-case letters, digits and `-`",
        "-prod": "begins or ends with `-`",
        "prod-": "begins or ends with `-`",
        "github-pages": "is an environment that GitHub makes itself",
        "kube-system": "is reserved by Kubernetes",
        "default": "is reserved by Kubernetes",
    },
    "branch_name": {
        "": "is empty",
        "a" * 201: "is longer than 200 characters",
        "refs/heads/env/a": "begins with `refs/`",
        "env/${{ x }}": "contains `${{`",
        "env/*": "is a pattern",
        "env/[ab]": "is a pattern",
        "env/a?": "is a pattern",
        "env/{a,b}": "is a pattern",
        "env/a b": "contains a space or control character",
        "env/a\n": "contains a space or control character",
        "env/a\x00": "contains a space or control character",
        "-f": "begins with `-`",
        "env/a..b": "contains `..`",
        "/env": "has an empty part between slashes",
        "env//a": "has an empty part between slashes",
        "env/": "has an empty part between slashes",
        "env/.a": "has a part that begins with `.`",
        "env/a.lock": "has a part that ends with `.lock`",
        "env.lock/a": "has a part that ends with `.lock`",
        "env/a.": "ends with `.`",
        "HEAD": "reads like a commit",
        "a" * 40: "reads like a commit",
        "gh-readonly-queue/main/pr-1": "is reserved by GitHub's merge queue",
        "env/a@{1}": "is a pattern",
        "env/a~1": "contains a character that git, a shell or a rule reads specially",
        "env/a^": "contains a character that git, a shell or a rule reads specially",
        "env/a:b": "contains a character that git, a shell or a rule reads specially",
        "env/`id`": "contains a character that git, a shell or a rule reads specially",
        "env/$HOME": "contains a character that git, a shell or a rule reads specially",
        "env\\a": "contains a character that git, a shell or a rule reads specially",
        "@": "contains a character that git, a shell or a rule reads specially",
    },
    "repository_name": {
        "": "is empty",
        "a" * 101: "is longer than 100 characters",
        "acme/shop": "contains `/`",
        "my shop": "contains a character that GitHub replaces",
        "shop\n": "contains a character that GitHub replaces",
        "-shop": "begins with `-`",
        "..": "is a folder, not a name",
        "shop.git": "ends with `.git` or `.wiki`",
    },
    "login": {
        "": "is empty",
        "@alice": "begins with `@`",
        "acme/alice": "contains `/`",
        "a" * 40: "is longer than 39 characters",
        "-alice": "is no GitHub login",
        "alice-": "is no GitHub login",
        "al--ice": "is no GitHub login",
        "alice\n": "is no GitHub login",
        "github-actions[bot]": "is no GitHub login",
    },
    "team_slug": {
        "acme/platform": "contains `@` or `/`",
        "Platform Team": "is no team slug",
        "platform\n": "is no team slug",
    },
    "variable_name": {
        "": "is empty",
        "GITHUB_TOKEN": "begins with `GITHUB_`",
        "github_token": "begins with `GITHUB_`",
        "GITOPS_DEPLOY_KEY": "begins with `GITOPS_`",
        "1ST": "begins with a digit",
        "MY-KEY": "contains a character other than letters, digits and `_`",
        "KEY\n": "contains a character other than letters, digits and `_`",
        "A" * 201: "is longer than 200 characters",
    },
    "label_name": {"review/app": "contains `/`, `?`, `#` or `%`", " bug": "begins or ends with a space"},
    "label_colour": {"#ff0000": "begins with `#`", "red": "is no colour", "ff0000\n": "is no colour"},
    "folder": {
        "/etc": "begins with `/`",
        "deploy/": "has an empty part between slashes",
        "deploy/../x": "contains `.` or `..`",
        ".": "contains `.` or `..`",
        ".github/workflows": "is inside `.git` or `.github`",
        "-rf": "begins with `-`",
        "my folder": "contains a character that a shell or CODEOWNERS reads specially",
    },
    "tag_pattern": {
        "": "is empty",
        "*": "begins with a wildcard",
        "v..1": "is refused by git as a tag",
        "v[0-9]": "is no simple pattern",
        "v1\n": "is no simple pattern",
    },
    "configuration_key": {"two words": "is no configuration key", "1a": "is no configuration key"},
    "code_owner": {"alice": "does not begin with `@`", "@acme/Team": "is no code owner", "@a b": "is no code owner"},
    "action_pattern": {"*": "is no pattern of actions", "acme": "is no pattern of actions"},
}

ACCEPTED: dict[str, tuple[str, ...]] = {
    "environment_name": ("a", "1", "staging", "prod-eu", "a" * 40),
    "branch_name": ("env/a", "main", "release/1.x", "_x", "a" * 39, "a" * 41, "x" * 200),
    "repository_name": ("shop", ".github", "a" * 100, "Shop_1.x"),
    "login": ("alice", "a-b", "mona_acme", "a" * 39),
    "team_slug": ("platform", "team_1", "a.b"),
    "variable_name": ("A", "_a1", "A" * 200),
    "label_name": ("bug", "kind:bug", "good first issue", "grün"),
    "label_colour": ("0e8a16", "FFFFFF"),
    "folder": ("deploy", "deploy/staging", ".k8s/a"),
    "tag_pattern": ("v*.*.*", "release-?", "v1"),
    "configuration_key": ("database", "shop:database-url", "a.b_c"),
    "code_owner": ("@alice", "@acme/platform"),
    "action_pattern": ("acme/*", "acme/build@*", "acme/build@v1"),
}


RENDERED = ("environment_name", "branch_name", "repository_name", "variable_name", "folder", "tag_pattern", "login")
"""Names that reach workflow files and manifests."""


def check(kind: str) -> Check:
    function: Check = getattr(names, kind)
    return function


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [(kind, name, reason) for kind, cases in REFUSED.items() for name, reason in cases.items()],
)
def test_a_name_is_refused_with_its_reason(kind: str, name: str, reason: str) -> None:
    refusal = check(kind)(name)
    assert refusal is not None
    assert refusal.reason == reason
    assert refusal.remedy


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, cases in ACCEPTED.items() for name in cases])
def test_an_ordinary_name_is_accepted(kind: str, name: str) -> None:
    assert check(kind)(name) is None


def git_accepts(branches: list[str]) -> bool:
    """Real git makes refs of all of them at once, from its standard input."""
    for branch in branches:
        command = ["git", "check-ref-format", f"refs/heads/{branch}"]
        if subprocess.run(command, check=False).returncode != 0:
            return False
        if subprocess.run(["git", "check-ref-format", "--branch", branch], check=False, capture_output=True).returncode:
            return False
    return True


HARD = st.text(alphabet="aZ0.-_/@{}~^:?*[\\ \x00\n$`'\"%#é\u202e", max_size=12) | st.sampled_from(
    ["a.lock", "a..b", "@", "HEAD", "-x", "a/.b", "refs/heads/x", "a.", "a/b.lock/c"]
)


@settings(max_examples=150, deadline=None)
@given(HARD | st.from_regex(r"\A[a-zA-Z0-9._/-]{1,30}\Z"))
def test_git_accepts_every_branch_and_environment_that_is_accepted(name: str) -> None:
    if names.branch_name(name) is None:
        assert git_accepts([name])
    if names.environment_name(name) is None:
        assert git_accepts([f"env/{name}"])


@settings(max_examples=300, deadline=None)
@given(HARD | st.from_regex(r"\A[a-z0-9-]{1,41}\Z"))
def test_an_accepted_environment_is_a_kubernetes_label_a_file_and_plain_yaml(name: str) -> None:
    if names.environment_name(name) is None:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)
        assert names.repository_name(f"{'a' * 54}-env-{name}") is None
        assert "/" not in f"promote-{name}.yml"


@settings(max_examples=100, deadline=None)
@given(HARD | st.text(max_size=20))
def test_an_accepted_name_survives_yaml(name: str) -> None:
    for kind in RENDERED:
        if check(kind)(name) is None:
            assert round_trip({"name": name, name: 1}) == {"name": name, name: 1}


def round_trip(data: dict[str, Any]) -> Any:
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_unicode = False
    yaml.dump(data, stream)
    return yaml.load(stream.getvalue())
