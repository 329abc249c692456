"""What a GitHub App shows to be itself: a JSON Web Token signed with its private key."""

import time

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

BACK = 60
"""Seconds that the token is dated back, against clocks that differ."""
LIFE = 540
"""Seconds that it is good for; GitHub allows 600, counted by its own clock."""


class BadKey(ValueError):  # noqa: N818 - says what is wrong; the name is read in messages
    """The text is no private key of a GitHub App. Holds nothing of it."""


def assertion(app: int, pem: str, now: float | None = None) -> str:
    """A JSON Web Token of the App (its id), good for nine minutes from `now` (seconds since the epoch; default: now).

    Raises BadKey for anything but an RSA private key in PEM form without a passphrase. Source: GitHub, "Generating a
    JSON Web Token (JWT) for a GitHub App".
    """
    issued = int(time.time() if now is None else now)
    claims = {"iat": issued - BACK, "exp": issued + LIFE, "iss": str(app)}
    try:
        return jwt.encode(claims, pem.strip() + "\n", algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        pass
    # Outside the handler: a chained traceback could show what was given.
    raise BadKey("it is no RSA private key in PEM form, as GitHub gives one for an App")
