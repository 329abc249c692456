"""GitHub Apps from a manifest: what a manifest may say, and the code that is exchanged for the App's secrets.

Source: GitHub, "Registering a GitHub App from a manifest". The flow: a web page posts the manifest, a person confirms
with one click, GitHub redirects to the manifest's `redirect_url` with a code, and whoever holds the code exchanges it.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gitops_infra.sandbox.forge import apps
from gitops_infra.sandbox.forge.identity import digest
from gitops_infra.sandbox.forge.model import Account, App, ManifestCode
from gitops_infra.sandbox.forge.responses import Refusal, not_found
from gitops_infra.sandbox.forge.store import Store

CODE_LIFE = 3600.0
"""Seconds between the click and the exchange."""


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be text"


def _address(value: Any) -> str | None:
    parts = urlsplit(value) if isinstance(value, str) else None
    return None if parts and parts.scheme in {"http", "https"} and parts.netloc else "must be an http(s) URL"


def _addresses(value: Any) -> str | None:
    return None if isinstance(value, list) and not any(map(_address, value)) else "must be a list of http(s) URLs"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _words(value: Any) -> str | None:
    return (
        None if isinstance(value, list) and all(isinstance(word, str) for word in value) else "must be a list of text"
    )


def _levels(value: Any) -> str | None:
    try:
        apps.checked_permissions(value if isinstance(value, dict) else {"": ""})
    except ValueError as error:
        return f"is invalid: {error}"
    return None


def _hook(value: Any) -> str | None:
    return _address(value.get("url")) if isinstance(value, dict) else "must be an object with a url"


FIELDS: Mapping[str, Callable[[Any], str | None]] = {
    "name": _text,
    "url": _address,
    "hook_attributes": _hook,
    "redirect_url": _address,
    "callback_urls": _addresses,
    "setup_url": _address,
    "description": _text,
    "public": _flag,
    "default_events": _words,
    "default_permissions": _levels,
    "request_oauth_on_install": _flag,
    "setup_on_update": _flag,
}
"""What a manifest may say -> what is wrong with a value. Only `url` and `redirect_url` must be there."""

REQUIRED = ("url", "redirect_url")


@dataclass(frozen=True)
class Manifest:
    """A manifest that can become an App."""

    name: str
    """Empty: the person who confirms chooses it."""
    url: str
    redirect_url: str
    permissions: Mapping[str, str]
    events: tuple[str, ...] = ()
    public: bool = False
    description: str = ""


def parse(text: str) -> Manifest:
    """The manifest that the JSON text says. Raises Refusal 422 that lists everything wrong with it."""
    try:
        body = json.loads(text)
    except ValueError:
        raise Refusal(422, "The manifest is not JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(422, "The manifest must be a JSON object.")
    problems = [f"{name} wasn't supplied" for name in REQUIRED if name not in body]
    for name, value in body.items():
        problem = FIELDS[name](value) if name in FIELDS else "is not a key of a manifest"
        problems += [f"{name} {problem}"] if problem else []
    if problems:
        raise Refusal(422, "Invalid GitHub App configuration. The configuration does not appear to be valid.", problems)
    return Manifest(
        name=body.get("name", ""),
        url=body["url"],
        redirect_url=body["redirect_url"],
        permissions=body.get("default_permissions", {}),
        events=tuple(body.get("default_events", ())),
        public=body.get("public", False),
        description=body.get("description", ""),
    )


def confirm(store: Store, owner: Account, manifest: Manifest, name: str, state: str | None) -> str:
    """Makes the App; where the browser goes next: `redirect_url?code=...&state=...`. Raises Refusal 422."""
    try:
        app = apps.create(
            store,
            owner,
            name,
            permissions=manifest.permissions,
            events=manifest.events,
            public=manifest.public,
            homepage=manifest.url,
            description=manifest.description,
        )
    except ValueError as error:
        raise Refusal(422, "Invalid GitHub App configuration.", [str(error)]) from None
    code = secrets.token_hex(20)
    store.add(ManifestCode(store.new_id(), digest(code), app.id, store.now() + CODE_LIFE))
    parts = urlsplit(manifest.redirect_url)
    query = [*parse_qsl(parts.query), ("code", code), *([("state", state)] if state is not None else [])]
    return parts._replace(query=urlencode(query)).geturl()


def exchange(store: Store, code: str) -> tuple[App, dict[str, str]]:
    """The App of the code, with `client_secret`, `webhook_secret` and `pem`, which are shown this once.

    Raises Refusal 404 for a code that is unknown, used or older than an hour.
    """
    record = next((c for c in store.manifest_codes.values() if c.digest == digest(code)), None)
    app = record and store.apps.get(record.app_id)
    if record is None or not app or record.expires_at <= store.now():
        raise not_found()
    store.delete(record)
    made = {"client_secret": secrets.token_hex(20), "webhook_secret": secrets.token_hex(20)}
    app.client_secret, app.webhook_secret = digest(made["client_secret"]), made["webhook_secret"]
    return app, {**made, "pem": apps.add_key(store, app)}
