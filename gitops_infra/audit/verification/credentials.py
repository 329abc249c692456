"""Credentials that end: this run's token, and what can be seen of those that move branches."""

from datetime import UTC, datetime, timedelta

from gitops_infra.audit.checks.apps import KeyReader, Place, check
from gitops_infra.audit.findings import Severity as Preflight
from gitops_infra.audit.verification.exposure import Code, Repair, Report, Severity, Unverifiable
from gitops_infra.audit.verification.scene import Scene
from gitops_infra.plan.model import CredentialKind

EXPIRES = Code(
    "token-expires",
    Severity.LOW,
    "nobody gains by it; whatever runs with the token stops then",
    Repair.HAND,
    "Make a new token, or use a GitHub App, whose tokens are made for each run",
)
APP = Code(
    "writer-app",
    Severity.MEDIUM,
    "promotions fail, or whoever has the App's key can do more than move the branch",
    Repair.HAND,
    "{remedy}",
)
CODES = (EXPIRES, APP)

HEADER = "github-authentication-token-expiration"
"""`2026-12-24 10:00:00 UTC`, or with a numeric offset. Source: GitHub REST, "Token expiration"."""
SOON = timedelta(days=14)
FORMATS = ("%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S %z")


def token(scene: Scene) -> Report:
    """The finding that the token of this run ends soon."""
    text = scene.reader.get("/user").headers.get(HEADER)
    ends = None if text is None else read_time(text)
    if ends is not None and ends - scene.now() < SOON:
        yield EXPIRES.at("token of this run", f"valid for {SOON.days} more days", f"until {ends:%Y-%m-%d %H:%M} UTC")


def read_time(text: str) -> datetime | None:
    """The moment in the header; None for what is no time."""
    for form in FORMATS:
        try:
            found = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the zone is added below
        except ValueError:
            continue
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return None


def app(place: Place, repositories: tuple[str, ...], read: KeyReader | None, base_url: str) -> Report:
    """Findings about one App, asked with its own key: without the stack's configuration there is none."""
    environment, number, key = place
    where = f"GitHub App {number} of environment {environment}"
    if read is None:
        why = f"its key `{key}` is in a stack's configuration"
        yield Unverifiable(where, "its installation and what it may do", why, "Give --stack")
        return
    for found in check(place, repositories, read, base_url):
        severity = Severity.MEDIUM if found.severity is Preflight.ERROR else Severity.LOW
        yield APP.at(
            where,
            "an App that moves the branch and does nothing else",
            f"{found.reason} ({found.code})",
            severity=Severity.HIGH if found.code == "writer-too-powerful" else severity,
            remedy=found.remedy,
        )


def machine_users(scene: Scene) -> Report:
    """What nobody but their holder sees of machine users."""
    for environment in scene.plan.environments:
        credential = environment.credential
        if credential is not None and credential.kind is CredentialKind.MACHINE_USER:
            yield Unverifiable(
                f"machine user {credential.user} of environment {environment.name}",
                "its keys and tokens, and when they end",
                "GitHub shows them to that user only",
                "Sign in as that user and look, or use a GitHub App",
            )
