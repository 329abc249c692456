"""A running forge with one organisation, a person of every role, and one repository."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.toolchain.build import ensure
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.progress import default_progress
from gitops_infra.sandbox.toolchain.recipes import GH

ROLES = {"reed": Role.READ, "tess": Role.TRIAGE, "dana": Role.WRITE, "mara": Role.MAINTAIN, "adam": Role.ADMIN}
"""User -> role in acme/shop. Besides, olivia owns acme and otto is an outsider."""

Client = Callable[..., httpx.Client]
NEEDS_GH = "gh_program"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds `gh` before the first test that needs it: inside a test, the time limit would stop it."""
    wanted = any(NEEDS_GH in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        with suppress(ToolError):  # the tests that need it say so
            ensure(GH.name, progress=default_progress())


@pytest.fixture(scope="session")
def gh_program() -> Path:
    """GitHub's own command line, built from its module."""
    if sys.platform == "darwin":
        pytest.skip("needs a system on which Go programs read SSL_CERT_FILE: on macOS they trust the keychain only")
    try:
        return ensure(GH.name)[GH.name]
    except ToolError as error:
        pytest.skip(f"needs gh, which `gitops-infra tools build --all` builds: {error}")


def seeded(forge: Sandbox) -> Sandbox:
    for login in ("olivia", "otto", *ROLES):
        forge.add_user(login)
    organization = forge.add_organization("acme", owners=["olivia"], price_plan="enterprise")
    organization.default_repository_permission = "none"  # so that roles are exactly those of the table
    forge.store.save(organization)
    forge.add_repository("acme/shop", auto_init=True)
    for login, role in ROLES.items():
        forge.add_member("acme", login)
        forge.grant("acme/shop", login, role)
    return forge


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    """A running forge: see the module."""
    with Sandbox(tmp_path / "forge") as running:
        yield seeded(running)


@pytest.fixture
def seed() -> Callable[[Sandbox], Sandbox]:
    """Fills a forge that was made in another way than `forge`, with the same."""
    return seeded


@pytest.fixture
def client(forge: Sandbox) -> Iterator[Client]:
    """Makes a REST client: `client("dana")` with a new personal token, `client(token=...)`, `client()` anonymous."""
    opened: list[httpx.Client] = []

    def make(login: str | None = None, *, token: str | None = None) -> httpx.Client:
        value = forge.token(login) if login else token
        headers = {"Authorization": f"Bearer {value}"} if value else {}
        opened.append(httpx.Client(base_url=forge.api_url, headers=headers, trust_env=False, timeout=20))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
