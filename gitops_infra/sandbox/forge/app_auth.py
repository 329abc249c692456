"""A GitHub App as itself: JSON Web Tokens signed with one of its private keys.

Source: GitHub, "Generating a JSON Web Token (JWT) for a GitHub App". The messages are those that clients report:
octokit/auth-app.js 375 and 698, probot/probot 967, sigmavirus24/github3.py 1050, octokit/rest.js 218.
"""

import re
from typing import Any

import jwt
from jwt.types import Options

from gitops_infra.sandbox.forge.identity import Identity, of_app
from gitops_infra.sandbox.forge.model import App
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.store import Store

MAX_LIFE = 600
"""Seconds that `exp` may be ahead. GitHub is exact here: a client whose clock is ahead is refused."""
SKEW = 60
"""Seconds that `iat` may be ahead."""

UNDECODABLE = "A JSON web token could not be decoded"
UNKNOWN = "Integration not found"
BAD_ISSUER = "'Issuer' claim ('iss') must be an Integer"
BAD_EXPIRY = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time"
    " at which the assertion expires"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
BAD_ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"

_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*")
_TIMES_ARE_OURS: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
"""The forge's clock decides about the times, in GitHub's words."""


def is_jwt(value: str | None) -> bool:
    """Whether a bearer value has the form of a JWT; no token of this forge has."""
    return value is not None and _SHAPE.fullmatch(value) is not None


def from_jwt(store: Store, value: str) -> Identity:
    """The App that signed the JWT. Raises Refusal 401, or 404 for an App that does not exist."""
    try:
        claims = jwt.decode(value, options={**_TIMES_ARE_OURS, "verify_signature": False})
    except jwt.PyJWTError:
        raise Refusal(401, UNDECODABLE) from None
    app = _issuer(store, claims.get("iss"))
    if not _signed(app, value):
        raise Refusal(401, UNDECODABLE)
    _check_times(claims, store.now())
    return of_app(app)


def _issuer(store: Store, issuer: Any) -> App:
    """The App of that id or client id."""
    text = str(issuer)
    if issuer is None or isinstance(issuer, bool):
        raise Refusal(401, BAD_ISSUER)
    found = next((app for app in store.apps.values() if text in {str(app.id), app.client_id}), None)
    if found is None:
        raise Refusal(404, UNKNOWN)
    return found


def _signed(app: App, value: str) -> bool:
    """Whether one of the App's living keys signed it, with RS256: a JWT cannot choose its own algorithm."""
    for key in app.keys:
        try:
            jwt.decode(value, key.public, algorithms=["RS256"], options=_TIMES_ARE_OURS)
        except jwt.PyJWTError:
            continue
        return True
    return False


def _check_times(claims: dict[str, Any], now: float) -> None:
    expires, issued = _number(claims.get("exp")), _number(claims.get("iat"))
    if expires is None or expires <= now:
        raise Refusal(401, BAD_EXPIRY)
    if expires > now + MAX_LIFE:
        raise Refusal(401, TOO_FAR)
    if issued is None or issued > now + SKEW:
        raise Refusal(401, BAD_ISSUED)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
