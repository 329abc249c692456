"""What is asked of GitHub when an App is made: its name, its permissions, where GitHub sends the browser afterwards.

Source: GitHub, "Registering a GitHub App from a manifest". That a manifest without `hook_attributes` makes an App
without a webhook is not confirmed there.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from gitops_infra.pipelines.installation_token import PERMISSIONS

LONGEST_NAME = 34
"""Characters of an App's name. Source: GitHub, "Registering a GitHub App"."""
SUFFIX = "-gitops"


@dataclass(frozen=True)
class WantedApp:
    """An App that moves one environment's branch, and nothing else."""

    owner: str
    """Organisation that will own it."""
    environment: str
    branch: str
    repositories: tuple[str, ...]
    """Names, without the owner, of the repositories that hold the branch; the application's first."""

    @property
    def full_names(self) -> tuple[str, ...]:
        """`owner/name` of the repositories."""
        return tuple(f"{self.owner}/{name}" for name in self.repositories)

    @property
    def name(self) -> str:
        """`<application>-<environment>-gitops`, at most 34 characters: a longer one is cut and made unique again.

        GitHub wants a name that no other App on it has, so whoever confirms may change it on the page.
        """
        full = f"{self.repositories[0]}-{self.environment}{SUFFIX}"
        if len(full) <= LONGEST_NAME:
            return full
        digest = hashlib.sha256(full.encode()).hexdigest()[:6]
        return f"{full[: LONGEST_NAME - len(SUFFIX) - len(digest) - 1]}-{digest}{SUFFIX}"


def manifest(wanted: WantedApp, server: str, redirect_url: str) -> Mapping[str, Any]:
    """The manifest: private, no webhook, no events, and only the permissions that moving a branch takes."""
    return {
        "name": wanted.name,
        "url": f"{server}/{quote(wanted.full_names[0])}",
        "description": f"Moves {wanted.branch} of {', '.join(wanted.full_names)}, and nothing else.",
        "redirect_url": redirect_url,
        "public": False,
        "default_permissions": {**PERMISSIONS, "metadata": "read"},
        "default_events": [],
    }


def registration_url(owner: str, server: str, state: str) -> str:
    """Where the manifest is posted by the browser of an owner of the organisation."""
    return f"{server}/organizations/{quote(owner)}/settings/apps/new?{urlencode({'state': state})}"


def settings_url(owner: str, server: str, slug: str) -> str:
    """The page of the App for its owner, where keys are made and it is deleted (under "Advanced")."""
    return f"{server}/organizations/{quote(owner)}/settings/apps/{quote(slug)}"
