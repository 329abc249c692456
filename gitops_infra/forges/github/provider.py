"""The GitHub provider with settings that fit many small writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_github as github

from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.passphrase import open_state
from gitops_infra.topology.problems import Problem

# The provider's own default is one request at a time and a pause of a second after every write. The client that is
# used instead sends requests in parallel and keeps to the limits that GitHub announces.
SETTINGS: dict[str, dict[str, Any]] = {
    "github.com": {"legacy_client": False},
    "other": {"legacy_client": False},
}
"""Provider settings by where the API is: github.com (with *.ghe.com), or a server of one's own."""

GITHUB_HOSTS = ("github.com", "ghe.com")

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable, not its value

# The provider takes these from the environment of the process, even when the program names another owner.
OVERRIDES = ("GITHUB_OWNER", "GITHUB_ORGANIZATION")


@dataclass(frozen=True)
class AppAuth:
    """Credentials of a GitHub App installation. Deploy keys made with it outlive its tokens."""

    id: pulumi.Input[str]
    """Id of the App."""
    installation_id: pulumi.Input[str]
    """Id of its installation at the owner."""
    pem: pulumi.Input[str] = field(repr=False)
    """The App's private key, as text. Marked secret."""


def github_provider(  # noqa: PLR0913 - by keyword; each is one setting of the provider
    name: str,
    *,
    owner: str,
    token: pulumi.Input[str] | None = None,
    base_url: str | None = None,
    app_auth: AppAuth | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> github.Provider:
    """A provider for one owner, to pass on in `ResourceOptions(providers=[...])`.

    Without `token` and `app_auth` the environment's `GITHUB_TOKEN` is used; `base_url` defaults to its
    `GITHUB_BASE_URL`, else to github.com. Token and private key are marked secret, whatever the caller did.

    Raises ConfigurationError if there is no credential or more than one, if the environment names another owner, or if
    the state would be open.
    """
    problems = [*_contradictions(owner), *_credentials(token, app_auth), *open_state()]
    if problems:
        raise ConfigurationError(problems)
    with _ambient_token(ignored=app_auth is not None):
        return github.Provider(
            name,
            owner=owner,
            token=None if token is None else pulumi.Output.secret(token),
            base_url=base_url,
            app_auth=None if app_auth is None else _app_auth(app_auth),
            opts=opts,
            **SETTINGS[_place(base_url or os.environ.get("GITHUB_BASE_URL"))],
        )


def configured_provider(name: str, *, owner: str) -> github.Provider:
    """A provider for one owner, as the stack's configuration says in the namespace `github`.

    `github:appAuth` has `id`, `installationId` and `pemFile` (the private key as text) of an App, stored as a secret;
    `github:token` has a token. Without them the environment's `GITHUB_TOKEN` is used. `github:baseUrl` says where the
    API is. With an App the provider makes its own tokens: what is in the state does not expire, and no run differs from
    the one before by its token alone.

    Raises ConfigurationError as `github_provider`, and for an App without one of its three parts.
    """
    config = pulumi.Config("github")
    app = config.get_secret_object("appAuth")
    return github_provider(
        name,
        owner=owner,
        token=config.get_secret("token"),
        base_url=config.get("baseUrl"),
        app_auth=None if app is None else _configured_app(app),
    )


def _configured_app(app: pulumi.Output[Any]) -> AppAuth:
    def part(key: str) -> pulumi.Output[str]:
        return app.apply(lambda found: _part(found, key))

    return AppAuth(id=part("id"), installation_id=part("installationId"), pem=part("pemFile"))


def _part(app: Any, key: str) -> str:
    value = app.get(key) if isinstance(app, dict) else None
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not value:
        raise ConfigurationError(
            [
                Problem(
                    where="configuration key github:appAuth",
                    code="app-incomplete",
                    reason=f"`{key}` is missing",
                    remedy=f"Run `pulumi config set --path --secret github:appAuth.{key}`",
                )
            ]
        )
    return str(value)


@contextmanager
def _ambient_token(*, ignored: bool) -> Iterator[None]:
    """The SDK takes the environment's token as well, where there are App credentials already."""
    token = os.environ.pop(TOKEN, None) if ignored else None
    try:
        yield
    finally:
        if token is not None:
            os.environ[TOKEN] = token


def _place(base_url: str | None) -> str:
    host = urlsplit(base_url).hostname if base_url else GITHUB_HOSTS[0]
    known = any(host == name or (host or "").endswith(f".{name}") for name in GITHUB_HOSTS)
    return "github.com" if known else "other"


def _app_auth(auth: AppAuth) -> github.ProviderAppAuthArgs:
    # Secret here: of the provider's settings, the SDK marks only the token.
    return github.ProviderAppAuthArgs(
        id=auth.id, installation_id=auth.installation_id, pem_file=pulumi.Output.secret(auth.pem)
    )


def _contradictions(owner: str) -> list[Problem]:
    return [
        Problem(
            where=f"environment variable {variable}",
            code="owner-contradiction",
            reason=f"it names another owner than '{owner}', and the GitHub provider would follow it",
            remedy=f"Run `unset {variable}`, or set it to {owner}",
        )
        for variable in OVERRIDES
        if os.environ.get(variable, owner).casefold() != owner.casefold()
    ]


def _credentials(token: object, app_auth: AppAuth | None) -> list[Problem]:
    if token is not None and app_auth is not None:
        return [
            Problem(
                where="github_provider",
                code="two-credentials",
                reason="both a token and App credentials are given",
                remedy="Give one of them",
            )
        ]
    if token is None and app_auth is None and not os.environ.get(TOKEN):
        return [
            Problem(
                where="github_provider",
                code="no-credential",
                reason="there is neither a token nor App credentials",
                remedy="Set the environment variable GITHUB_TOKEN (best: an App installation token), run "
                "`pulumi config set --secret github:token`, or give an App under `github:appAuth`",
            )
        ]
    return []
