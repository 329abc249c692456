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
    "namespace": {
        "": "is empty",
        "a" * 64: "is longer than 63 characters",
        "default": "is Kubernetes' own",
        "kube-public": "is Kubernetes' own",
        "flux-system": "is the agent's own",
        "Shop": "is no Kubernetes name",
        "shop.web": "is no Kubernetes name",
        "-shop": "is no Kubernetes name",
        "shop-": "is no Kubernetes name",
        "shop\n": "is no Kubernetes name",
    },
    "kind": {"": "is empty", "deployment": "is no kind of object", "Deployment\n": "is no kind of object"},
    "api_version": {
        "": "is empty",
        "apps": "is no API version",
        "apps/1": "is no API version",
        "/v1": "is no API version",
        "Apps/v1": "is no API version",
        "v1\n": "is no API version",
        "v1gamma1": "is no API version",
    },
    "api_group": {
        "*": "is every API group",
        "rbac.authorization.k8s.io": "holds RBAC objects",
        "apps/v1": "is no API group",
        "apps\n": "is no API group",
    },
    "api_resource": {
        "": "is empty",
        "*": "is every kind of object",
        "*/scale": "is no kind of object",
        "Secrets": "is no kind of object",
        "secrets\n": "is no kind of object",
    },
    "api_verb": {
        "": "is empty",
        "*": "is every verb",
        "GET": "is no verb",
        "get\n": "is no verb",
        "bind": "gives the rights of others",
        "escalate": "gives the rights of others",
        "impersonate": "gives the rights of others",
    },
    "object_name": {
        "": "is empty",
        "a" * 254: "is longer than 253 characters",
        "API": "is no Kubernetes name",
        "api_1": "is no Kubernetes name",
        "api\n": "is no Kubernetes name",
    },
    "cluster_role": {
        "": "is empty",
        "cluster-admin": "may do everything in the namespace, also give rights to others",
        "edit/x": "is no name of a ClusterRole",
        "edit\n": "is no name of a ClusterRole",
    },
    "context": {
        "": "is empty",
        "a" * 254: "is longer than 253 characters",
        "eu\n": "contains a control character",
        "${{ x }}": "contains `${{`",
    },
    "receiver_url": {
        "": "is empty",
        "flux.example.com": "does not begin with `https://`",
        "ftp://flux.example.com": "does not begin with `https://`",
        "http://flux.example.com": "is not encrypted",
        "http://localhost.example.com": "is not encrypted",
        "http://127.0.0.1.example.com": "is not encrypted",
        "https://me@flux.example.com": "holds a user or password",
        "https://flux.example.com?x": "holds a query or fragment",
        "https://flux.example.com#x": "holds a query or fragment",
        "https://": "has no host, or a character that no address has",
        "https://flux.example.com/a b": "has no host, or a character that no address has",
        "https://flux.example.com\n": "has no host, or a character that no address has",
        "https://" + "a" * 500: "is longer than 500 characters",
    },
    "public_key": {
        "": "is empty",
        "ssh-ed25519 AAAA": "is no OpenPGP public key",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----": "is no OpenPGP public key",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----": "is a private key",
    },
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
    "namespace": ("a", "shop-staging", "a" * 63, "kube", "defaults"),
    "kind": ("Deployment", "HTTPRoute", "A1"),
    "api_version": ("v1", "apps/v1", "autoscaling/v2", "gateway.networking.k8s.io/v1beta1"),
    "api_group": ("", "apps", "external-secrets.io", "authorization.k8s.io"),
    "api_resource": ("secrets", "pods/log", "externalsecrets"),
    "api_verb": ("get", "deletecollection"),
    "object_name": ("api", "api.v1", "1", "a" * 253),
    "cluster_role": ("edit", "system:aggregate-to-edit", "Platform.Tenant-1"),
    "context": ("eu-admin", "arn:aws:eks:eu-west-1:1:cluster/eu", "admin@eu"),
    "receiver_url": (
        "https://flux.example.com",
        "https://flux.example.com:8443/eu/",
        "http://127.0.0.1:9292",
        "http://localhost",
        "http://[::1]:80/x",
    ),
    "public_key": ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx\n-----END PGP PUBLIC KEY BLOCK-----\n",),
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
