"""Settings of the repositories that we make, which differ by what a repository is for: names as in the REST API."""

from typing import Any

APPLICATION_SETTINGS: dict[str, Any] = {
    "allow_squash_merge": True,
    "allow_rebase_merge": True,
    "delete_branch_on_merge": True,
    "has_issues": True,
    "has_projects": False,
    "has_wiki": False,
}

STATE_SETTINGS: dict[str, Any] = {
    "has_discussions": False,
    "has_issues": False,
    "has_projects": False,
    "has_wiki": False,
}
"""A state repository holds one branch and nothing to talk about."""
