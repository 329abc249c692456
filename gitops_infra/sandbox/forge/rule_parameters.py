"""The rule types that a ruleset may have, and what each parameter may be: a table.

Source: GitHub REST, "Create a repository ruleset". A parameter that the forge would not enforce is refused by name.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gitops_infra.sandbox.forge import metadata

MERGE_METHODS = ("merge", "squash", "rebase")

KNOWN_AT_GITHUB = (
    "required_signatures",
    "merge_queue",
    "file_path_restriction",
    "max_file_path_length",
    "file_extension_restriction",
    "max_file_size",
    "workflows",
    "code_scanning",
    "code_quality",
    "copilot_code_review",
)
"""Rule types that GitHub has and this forge does not enforce: each is refused by name."""


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be a boolean"


def _unavailable(value: Any) -> str | None:
    return "is not implemented by the stand-in forge" if value else None


def _approvals(value: Any) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10  # noqa: PLR2004  (GitHub's limit)
    return None if fits else "must be an integer from 0 to 10"


def _merge_methods(value: Any) -> str | None:
    fits = isinstance(value, list) and value and all(method in MERGE_METHODS for method in value)
    return None if fits else f"must be a list of at least one of {', '.join(MERGE_METHODS)}"


def _checks(value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list of checks"
    for check in value:
        if not isinstance(check, dict) or not isinstance(check.get("context"), str) or not check["context"]:
            return "must be a list of objects with a `context`"
        if unknown := sorted(set(check) - {"context", "integration_id"}):
            return f"has the unknown property {unknown[0]!r}"
        if not isinstance(check.get("integration_id"), int | None):
            return "must have a number as `integration_id`"
    contexts = [(check["context"], check.get("integration_id")) for check in value]
    return None if len(set(contexts)) == len(contexts) else "names a check twice"


def _environments(value: Any) -> str | None:
    fits = isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
    return None if fits else "must be a list of names of environments"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a text"


def _not_empty(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a text that is not empty"


def _operator(value: Any) -> str | None:
    return None if value in metadata.OPERATORS else f"must be one of {', '.join(metadata.OPERATORS)}"


def _reviewers(value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list of reviewers"
    return next((problem for entry in value if (problem := _reviewer(entry))), None)


def _reviewer(entry: Any) -> str | None:
    if not isinstance(entry, dict) or set(entry) != {"reviewer", "file_patterns", "minimum_approvals"}:
        return "must be a list of objects with `reviewer`, `file_patterns` and `minimum_approvals`"
    reviewer, patterns = entry["reviewer"], entry["file_patterns"]
    if not isinstance(reviewer, dict) or reviewer.get("type") != "Team" or not isinstance(reviewer.get("id"), int):
        return "must have a team with its number as `reviewer`"
    if not isinstance(patterns, list) or not patterns or not all(isinstance(one, str) and one for one in patterns):
        return "must have a list of at least one pattern as `file_patterns`"
    if any(one.startswith("!") for one in patterns):
        return "has a pattern with `!`, which is not implemented by the stand-in forge"
    problem = _approvals(entry["minimum_approvals"])
    return f"has a number of approvals that {problem}" if problem else None


Parameters = Mapping[str, tuple[Callable[[Any], str | None], Any]]
"""Parameter -> (what is wrong with a value, default). None as default: it must be given."""

_PATTERN: Parameters = {
    "name": (_text, ""),
    "negate": (_boolean, False),
    "operator": (_operator, None),
    "pattern": (_not_empty, None),
}

RULES: Mapping[str, Parameters] = {
    "creation": {},
    "update": {"update_allows_fetch_and_merge": (_unavailable, False)},
    "deletion": {},
    "non_fast_forward": {},
    "required_linear_history": {},
    "pull_request": {
        "required_approving_review_count": (_approvals, None),
        "dismiss_stale_reviews_on_push": (_boolean, None),
        "require_code_owner_review": (_boolean, None),
        "require_last_push_approval": (_boolean, None),
        # Reviews here have no comment threads, so there is never an unresolved one.
        "required_review_thread_resolution": (_boolean, None),
        "allowed_merge_methods": (_merge_methods, list(MERGE_METHODS)),
        "automatic_copilot_code_review_enabled": (_unavailable, False),
        "required_reviewers": (_reviewers, []),
    },
    "required_deployments": {"required_deployment_environments": (_environments, None)},
    "required_status_checks": {
        "required_status_checks": (_checks, None),
        "strict_required_status_checks_policy": (_boolean, None),
        "do_not_enforce_on_create": (_boolean, False),
    },
    "branch_name_pattern": _PATTERN,
    "tag_name_pattern": _PATTERN,
    "commit_message_pattern": _PATTERN,
    "commit_author_email_pattern": _PATTERN,
    "committer_email_pattern": _PATTERN,
}
"""Rule type -> its parameters; an empty table: it has none."""

WRONG_TARGET = {"branch": ("tag_name_pattern",), "tag": ("pull_request", "branch_name_pattern")}
"""Target of a ruleset -> rule types that it may not have."""

ABSENT_UNLESS_SET = ("update_allows_fetch_and_merge", "automatic_copilot_code_review_enabled", "required_reviewers")
"""What GitHub leaves out unless it is switched on; a client would see a difference that is none."""
