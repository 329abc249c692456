"""Which names are refused, and why: by git, by GitHub, by Kubernetes, or because they are ours.

Every function returns None for a name that may be used, else a `Refusal`: a reason that completes
"<what> <name> ...", and the remedy. Neither contains the name, which may be a secret pasted into the wrong place.

Sources: git check-ref-format(1); GitHub REST (repositories, environments, Actions secrets and variables, labels)
and its sign-up form (logins); Kubernetes, object names (RFC 1123 labels).
"""

import re
from collections.abc import Callable
from typing import NamedTuple


class Refusal(NamedTuple):
    """Why a name cannot be used, and what to do."""

    reason: str
    remedy: str


class _Row(NamedTuple):
    """One thing that is refused. `pattern` finds it anywhere in the name."""

    pattern: str
    reason: str
    remedy: str


MAX_ENVIRONMENT_NAME = 40
"""Leaves room for `<application>-env-<name>` in the 100 characters of a repository name."""
MAX_REPOSITORY_NAME = 100
MAX_BRANCH = 200
MAX_VARIABLE_NAME = 200
RESERVED_PREFIX = "GITOPS_"
"""Variables and secrets that this package sets itself."""

# `\Z`, never `$`: the latter also matches before a final newline.
_EMPTY = _Row(r"\A\Z", "is empty", "Give it a name")
_CONTROL = _Row(r"[\x00-\x1f\x7f]", "contains a control character", "Remove line breaks, tabs and NULs")
_TEMPLATE = _Row(
    r"\$\{\{",
    "contains `${{`",
    "Write the value itself: workflow expressions are refused everywhere",
)


def _too_long(limit: int, remedy: str = "Shorten it") -> _Row:
    return _Row(rf"(?s)\A.{{{limit + 1},}}", f"is longer than {limit} characters", remedy)


ENVIRONMENT_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
_ENVIRONMENT = (
    _EMPTY,
    _too_long(MAX_ENVIRONMENT_NAME, "Shorten it: it becomes part of repository, branch and label names"),
    _Row(
        r"[A-Z]",
        "contains capital letters",
        "Write it in lower case: it is also a Kubernetes label and part of a branch name",
    ),
    _Row(
        r"[^a-z0-9-]",
        "contains a character other than lower-case letters, digits and `-`",
        "Use only these: it is also a branch, a file and a Kubernetes label",
    ),
    _Row(r"\A-|-\Z", "begins or ends with `-`", "Begin and end it with a letter or digit"),
    _Row(r"\A(github-pages|copilot)\Z", "is an environment that GitHub makes itself", "Choose another name"),
    _Row(r"\A(default|kube-.*)\Z", "is reserved by Kubernetes", "Choose another name"),
)

BRANCH_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$"
_BRANCH = (
    _EMPTY,
    _too_long(MAX_BRANCH),
    _Row(r"\Arefs/", "begins with `refs/`", "Give the branch alone, without `refs/heads/`"),
    _TEMPLATE,
    _Row(r"[*?\[\]{}]", "is a pattern", "Give one exact branch: a rule on a pattern covers branches nobody listed"),
    _Row(r"[\x00-\x20\x7f]", "contains a space or control character", "Use letters, digits, `.`, `_`, `-` and `/`"),
    _Row(r"\A-", "begins with `-`", "Begin it with a letter or digit: git would read an option"),
    _Row(r"\.\.", "contains `..`", "Use a single dot"),
    _Row(r"\A/|/\Z|//", "has an empty part between slashes", "Remove the superfluous `/`"),
    _Row(r"(\A|/)\.", "has a part that begins with `.`", "Begin every part with a letter or digit"),
    _Row(
        r"(?i)\.lock(/|\Z)", "has a part that ends with `.lock`", "Choose another ending: git keeps `.lock` for itself"
    ),
    _Row(r"\.\Z", "ends with `.`", "Remove the final dot"),
    _Row(
        r"(?i)\A(HEAD|[0-9a-f]{40}|[0-9a-f]{64})\Z",
        "reads like a commit",
        "Choose a name that is no SHA and not `HEAD`",
    ),
    _Row(r"(?i)\Agh-readonly-queue(/|\Z)", "is reserved by GitHub's merge queue", "Choose another name"),
    _Row(
        r"[^A-Za-z0-9._/-]",
        "contains a character that git, a shell or a rule reads specially",
        "Use letters, digits, `.`, `_`, `-` and `/`",
    ),
)

REPOSITORY_NAME_PATTERN = r"^[A-Za-z0-9._][A-Za-z0-9._-]*$"
_REPOSITORY = (
    _EMPTY,
    _too_long(MAX_REPOSITORY_NAME),
    _Row(r"/", "contains `/`", "Give the name alone, without the owner"),
    _Row(r"[^A-Za-z0-9._-]", "contains a character that GitHub replaces", "Use letters, digits, `.`, `_` and `-`"),
    _Row(r"\A-", "begins with `-`", "Begin it with a letter or digit"),
    _Row(r"\A\.\.?\Z", "is a folder, not a name", "Choose another name"),
    _Row(r"(?i)\.(git|wiki)\Z", "ends with `.git` or `.wiki`", "Leave the ending out: GitHub adds it"),
)

# Underscore: managed users of an enterprise are called `login_shortcode`.
LOGIN_PATTERN = r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*(_[A-Za-z0-9]+)?$"
_LOGIN = (
    _EMPTY,
    _Row(r"\A@", "begins with `@`", "Leave the `@` out"),
    _Row(r"/", "contains `/`", "Give the login alone"),
    _too_long(39, "Give the login as GitHub shows it: at most 39 characters"),
    _Row(
        rf"\A(?!{LOGIN_PATTERN[1:-1]}\Z)",
        "is no GitHub login",
        "Use letters, digits and single `-` inside, as GitHub shows it",
    ),
)

TEAM_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
_TEAM = (
    _EMPTY,
    _Row(r"[@/]", "contains `@` or `/`", "Give the slug alone, without the organisation"),
    _too_long(100),
    _Row(
        rf"\A(?!{TEAM_PATTERN[1:-1]}\Z)",
        "is no team slug",
        "Give the last part of the team's address, such as `platform-team`",
    ),
)

_VARIABLE = (
    _EMPTY,
    _too_long(MAX_VARIABLE_NAME),
    _Row(r"(?i)\AGITHUB_", "begins with `GITHUB_`", "Choose another prefix: GitHub keeps this one for itself"),
    _Row(
        rf"(?i)\A{RESERVED_PREFIX}",
        f"begins with `{RESERVED_PREFIX}`",
        "Choose another prefix: these are set by gitops_infra",
    ),
    _Row(r"\A[0-9]", "begins with a digit", "Begin it with a letter or `_`"),
    _Row(r"[^A-Za-z0-9_]", "contains a character other than letters, digits and `_`", "Use only these"),
)

_LABEL = (
    _EMPTY,
    _too_long(50),
    _CONTROL,
    _TEMPLATE,
    _Row(r"\A\s|\s\Z", "begins or ends with a space", "Remove it"),
    _Row(
        r"[/?#%]",
        "contains `/`, `?`, `#` or `%`",
        "Use `:` or `-`: the GitHub provider puts the name into an address as it is",
    ),
)

COLOUR_PATTERN = r"^[0-9A-Fa-f]{6}$"
_COLOUR = (
    _Row(r"\A#", "begins with `#`", "Leave the `#` out"),
    _Row(rf"\A(?!{COLOUR_PATTERN[1:-1]}\Z)", "is no colour", "Give six hexadecimal digits such as `0e8a16`"),
)

FOLDER_PATTERN = r"^[A-Za-z0-9._][A-Za-z0-9._/-]*$"
_FOLDER = (
    _EMPTY,
    _too_long(MAX_BRANCH),
    _Row(r"\A/", "begins with `/`", "Give a folder inside the repository, such as `deploy/staging`"),
    _Row(r"/\Z|//", "has an empty part between slashes", "Remove the superfluous `/`"),
    _Row(r"(\A|/)\.\.?(/|\Z)", "contains `.` or `..`", "Give the folder from the root of the repository"),
    _Row(r"(?i)(\A|/)\.git(hub)?(/|\Z)", "is inside `.git` or `.github`", "Name another folder"),
    _Row(r"\A-", "begins with `-`", "Begin it with a letter or digit"),
    _Row(
        r"[^A-Za-z0-9._/-]",
        "contains a character that a shell or CODEOWNERS reads specially",
        "Use letters, digits, `.`, `_`, `-` and `/`",
    ),
)

TAG_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/*?-]*$"
_TAGS = (
    _EMPTY,
    _too_long(100),
    _Row(
        r"\A[*?]",
        "begins with a wildcard",
        "Begin it with a letter or digit, such as `v*.*.*`: else every tag may start it",
    ),
    _Row(r"\.\.|//|/\Z|\.\Z|(?i:\.lock\Z)", "is refused by git as a tag", "Give a pattern such as `v*.*.*`"),
    _Row(
        rf"\A(?!{TAG_PATTERN[1:-1]}\Z)",
        "is no simple pattern",
        "Use letters, digits, `.`, `_`, `-`, `/`, `*` and `?`, such as `v*.*.*`",
    ),
)

_HOST_KEY = (
    _EMPTY,
    _too_long(2000),
    _CONTROL,
    _Row(
        r"\A(?![A-Za-z0-9.:,*\[\]-]+ (ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*\Z)",
        "is no line of a known_hosts file",
        "Give `host type key`, as `ssh-keyscan` prints it and the server's administrator confirms it",
    ),
)

CONFIGURATION_KEY_PATTERN = r"^[A-Za-z][A-Za-z0-9_.:-]*$"
_CONFIGURATION_KEY = (
    _EMPTY,
    _too_long(MAX_VARIABLE_NAME, "Give the key under which the secret is stored, not the secret"),
    _Row(
        rf"\A(?!{CONFIGURATION_KEY_PATTERN[1:-1]}\Z)",
        "is no configuration key",
        "Store the value with `pulumi config set --secret <key>` and give `<key>` here",
    ),
)

MAX_NAMESPACE = 63
NAMESPACE_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
_NAMESPACE = (
    _EMPTY,
    _too_long(MAX_NAMESPACE, "Shorten it, or set `namespace`: Kubernetes allows 63 characters"),
    _Row(r"\A(default|kube-.*)\Z", "is Kubernetes' own", "Choose another name"),
    _Row(r"\Aflux-system\Z", "is the agent's own", "Choose another name"),
    _Row(
        rf"\A(?!{NAMESPACE_PATTERN[1:-1]}\Z)",
        "is no Kubernetes name",
        "Use lower-case letters, digits and `-` inside",
    ),
)

_KIND = (_EMPTY, _Row(r"\A(?![A-Z][A-Za-z0-9]{0,62}\Z)", "is no kind of object", "Write it as `Deployment`"))
_API_VERSION = (
    _EMPTY,
    _Row(
        r"\A(?!([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?\Z)",
        "is no API version",
        "Write it as `apps/v1`, or `v1` for the core group",
    ),
)
_API_GROUP = (
    _Row(r"\A\*\Z", "is every API group", "Name the groups: RBAC objects would be among them"),
    _Row(
        r"\Arbac\.authorization\.k8s\.io\Z", "holds RBAC objects", "Bind roles outside: an agent cannot widen its own"
    ),
    _Row(
        r"\A(?!([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?\Z)",
        "is no API group",
        "Write it as `apps`, or `''` for the core group",
    ),
)
_API_RESOURCE = (
    _EMPTY,
    _Row(r"\A\*\Z", "is every kind of object", "Name the kinds, in the plural"),
    _Row(
        r"\A(?![a-z][a-z0-9]*(/[a-z]+)?\Z)", "is no kind of object", "Write the plural in small letters, as `secrets`"
    ),
)
_API_VERB = (
    _EMPTY,
    _Row(r"\A\*\Z", "is every verb", "Name them, such as `get` and `patch`"),
    _Row(r"\A(?![a-z]+\Z)", "is no verb", "Write it as `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`"),
    _Row(r"\A(bind|escalate|impersonate)\Z", "gives the rights of others", "Leave it out"),
)
_OBJECT = (
    _EMPTY,
    _too_long(253),
    _Row(
        r"\A(?![a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z)",
        "is no Kubernetes name",
        "Use lower-case letters, digits, `-` and `.`",
    ),
)
_ROLE = (
    _EMPTY,
    _too_long(253),
    _Row(
        r"\Acluster-admin\Z",
        "may do everything in the namespace, also give rights to others",
        "Use `permissions`, or a ClusterRole such as `edit`",
    ),
    _Row(r"\A(?![A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?\Z)", "is no name of a ClusterRole", "Give its name alone"),
)
_CONTEXT = (_EMPTY, _too_long(253), _CONTROL, _TEMPLATE)
_RECEIVER = (
    _EMPTY,
    _too_long(500),
    _Row(r"\A(?!https?://)", "does not begin with `https://`", "Write it as `https://flux.example.com`"),
    _Row(
        r"\Ahttp://(?!(127\.0\.0\.1|localhost|\[::1\])[:/]|(127\.0\.0\.1|localhost|\[::1\])\Z)",
        "is not encrypted",
        "Use `https://`: the address tells where to send a webhook",
    ),
    _Row(r"@", "holds a user or password", "Leave it out: the webhook is signed"),
    _Row(r"[?#]", "holds a query or fragment", "Leave it out: the path of the receiver is added"),
    _Row(
        r"\A(?!https?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~/-]*)?\Z)",
        "has no host, or a character that no address has",
        "Write it as `https://flux.example.com`",
    ),
)
_PUBLIC_KEY = (
    _EMPTY,
    _too_long(48_000),
    _Row(r"PRIVATE KEY", "is a private key", "Revoke it, and give the public one"),
    _Row(
        r"(?s)\A(?!\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\s.*-----END PGP PUBLIC KEY BLOCK-----\s*\Z)",
        "is no OpenPGP public key",
        "Give what `gpg --export --armor` prints",
    ),
)

_CODE_OWNER = (
    _EMPTY,
    _Row(r"\A[^@]", "does not begin with `@`", "Write `@login` or `@organisation/team`"),
    _Row(
        rf"\A(?!@{LOGIN_PATTERN[1:-1]}(/[a-z0-9][a-z0-9._-]*)?\Z)",
        "is no code owner",
        "Write `@login` or `@organisation/team`",
    ),
)

_ACTION = (
    _EMPTY,
    _too_long(200),
    _Row(
        r"\A(?![A-Za-z0-9_.*-]+/[A-Za-z0-9_.*/-]+(@[A-Za-z0-9_.*/-]+)?\Z)",
        "is no pattern of actions",
        "Write `owner/*`, `owner/action@*` or `owner/action@<SHA>`",
    ),
)

_CHECK = (_EMPTY, _too_long(255), _CONTROL, _TEMPLATE, _Row(r"\A\s|\s\Z", "begins or ends with a space", "Remove it"))
_DESCRIPTION = (_too_long(350), _CONTROL, _TEMPLATE)
_LABEL_DESCRIPTION = (_too_long(100), _CONTROL, _TEMPLATE)
# 48 KB is GitHub's limit of one variable.
_VALUE = (_too_long(48_000), _Row(r"\x00", "contains a NUL", "Remove it"), _TEMPLATE)

Check = Callable[[str], Refusal | None]
"""A function of this module."""


def _check(rows: tuple[_Row, ...], doc: str) -> Check:
    """A function that returns the first row that applies."""

    def refuse(name: str) -> Refusal | None:
        # Compiled and cached by `re` when first used: at import it would cost more than the rest of the package.
        return next((Refusal(row.reason, row.remedy) for row in rows if re.search(row.pattern, name)), None)

    refuse.__doc__ = doc
    return refuse


environment_name = _check(_ENVIRONMENT, "Name of an environment: also branch part, file name and Kubernetes label.")
branch_name = _check(_BRANCH, "One exact branch, without `refs/heads/`.")
repository_name = _check(_REPOSITORY, "Repository name, without the owner.")
login = _check(_LOGIN, "Login of a GitHub user or organisation.")
team_slug = _check(_TEAM, "Slug of a team, without the organisation.")
variable_name = _check(_VARIABLE, "Name of an Actions variable or secret.")
label_name = _check(_LABEL, "Name of an issue label.")
label_colour = _check(_COLOUR, "Colour of an issue label.")
label_description = _check(_LABEL_DESCRIPTION, "Description of an issue label.")
folder = _check(_FOLDER, "Folder inside a repository, without slash at either end.")
tag_pattern = _check(_TAGS, "Pattern of release tags.")
configuration_key = _check(_CONFIGURATION_KEY, "Key of a value in the stack's configuration.")
namespace = _check(_NAMESPACE, "Kubernetes namespace.")
kind = _check(_KIND, "Kind of a Kubernetes object.")
api_version = _check(_API_VERSION, "API version of a Kubernetes object, with its group.")
api_group = _check(_API_GROUP, "API group of a rule; empty is the core group.")
api_resource = _check(_API_RESOURCE, "Plural name of a kind in a rule.")
api_verb = _check(_API_VERB, "Verb of a rule.")
object_name = _check(_OBJECT, "Name of a Kubernetes object.")
cluster_role = _check(_ROLE, "Name of a ClusterRole.")
context = _check(_CONTEXT, "Context of a kubeconfig.")
receiver_url = _check(_RECEIVER, "Address of the agent's webhook receivers.")
public_key = _check(_PUBLIC_KEY, "OpenPGP public key in ASCII armour.")
code_owner = _check(_CODE_OWNER, "Owner in a CODEOWNERS file.")
action_pattern = _check(_ACTION, "Pattern of actions that may run.")
check_name = _check(_CHECK, "Name of a status check.")
description = _check(_DESCRIPTION, "Description of a repository.")
host_key = _check(_HOST_KEY, "Line of a known_hosts file: host, type and key.")
variable_value = _check(_VALUE, "Value of an Actions variable.")
