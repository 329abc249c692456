"""Recognises secrets in plain text, and shows a value in a message without giving one away."""

import re

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")),
    ("a GitHub token", re.compile(r"(?<![A-Za-z0-9])(gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})")),
    ("a GitLab token", re.compile(r"(?<![A-Za-z0-9])gl[a-z]{2,5}-[A-Za-z0-9_-]{16,}")),
    ("an AWS access key", re.compile(r"(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("a Slack token", re.compile(r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}")),
    ("a Pulumi access token", re.compile(r"(?<![A-Za-z0-9])pul-[0-9a-f]{40}")),
    ("an age secret key", re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{16,}")),
    ("a JSON web token", re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
    ("a password in a URL", re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@")),
)
"""What it is -> how it is recognised. Each has a marker of its own: ordinary text is not refused."""

_RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/=]{20,}|[0-9a-f]{32,}", re.DOTALL)

SHOWN_LENGTH = 60
"""Characters of a value that a message shows at most."""


def secret_shape(text: str) -> str | None:
    """What kind of secret the text contains, such as `a GitHub token`; None if no shape matches."""
    return next((kind for kind, pattern in SHAPES if pattern.search(text)), None)


def looks_random(text: str) -> bool:
    """Whether the whole text reads like a generated value: 20 mixed letters and digits, or 32 hexadecimal digits."""
    return _RANDOM.fullmatch(text) is not None


def shown(text: str) -> str:
    """The text in quotes for a message: ASCII, one line, cut, and hidden where it may be a secret."""
    if secret_shape(text) or looks_random(text):
        return "(hidden)"
    return ascii(text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 3] + "...")
