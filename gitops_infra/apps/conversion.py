"""The last step of the manifest flow: a code becomes an App with its private key, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from gitops_infra.audit.github_client import TIMEOUT, ForgeUnreachable, api_url, direct, reason_of


class NotConverted(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """The code gave no App. The text is one line and holds neither code nor key."""


@dataclass(frozen=True)
class MadeApp:
    """An App as GitHub gives it this one time."""

    id: int
    slug: str
    name: str
    owner: str
    html_url: str
    pem: str = field(repr=False)

    @property
    def install_url(self) -> str:
        """Where its owner installs it."""
        return f"{self.html_url}/installations/new"


def convert(code: str, base_url: str | None = None, *, transport: httpx.BaseTransport | None = None) -> MadeApp:
    """The App of the code, which is good for an hour and for one call; so this makes one, and never tries again.

    Raises ForgeUnreachable without an answer, NotConverted for any answer but the App. Source: GitHub REST, "Create a
    GitHub App from a manifest". It needs no credential: the code is one.
    """
    url = api_url(base_url)
    host = urlsplit(url).netloc
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "gitops-infra"}
    try:
        with httpx.Client(headers=headers, timeout=3 * TIMEOUT, mounts=direct(url), transport=transport) as http:
            response = http.post(f"{url}/app-manifests/{quote(code, safe='')}/conversions")
    except httpx.TimeoutException:
        raise ForgeUnreachable(f"{host} gave no answer within {3 * TIMEOUT:.0f} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ForgeUnreachable(f"{host} cannot be reached: {reason_of(error)}") from None
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise NotConverted("GitHub does not know the code: it was used already, or is older than an hour")
    if response.status_code != HTTPStatus.CREATED:
        raise NotConverted(f"GitHub answered {response.status_code} to the code")
    try:
        return _made(response.json())
    except (ValueError, KeyError, TypeError):
        pass
    # Outside the handler: a chained traceback would show the key.
    raise NotConverted("GitHub's answer to the code is not an App with a private key")


def _made(data: Mapping[str, Any]) -> MadeApp:
    return MadeApp(
        id=int(data["id"]),
        slug=str(data["slug"]),
        name=str(data["name"]),
        owner=str(data["owner"]["login"]),
        html_url=str(data["html_url"]),
        pem=str(data["pem"]),
    )
