"""How an environment gets its App: a click on GitHub, a key that is stored at once, a second click that installs it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from gitops_infra.apps.assertion import assertion
from gitops_infra.apps.conversion import MadeApp, NotConverted, convert
from gitops_infra.apps.listener import Listener, PortInUse
from gitops_infra.apps.manifest import WantedApp, manifest, registration_url, settings_url
from gitops_infra.apps.page import form
from gitops_infra.apps.vault import Vault
from gitops_infra.audit.github_client import ForgeUnreachable, GitHubReader, web_url
from gitops_infra.recovery.pulumi_cli import PulumiFailed

POLL_SECONDS = 2.0
TELL_SECONDS = 10.0
"""Between two lines that say that it still waits."""

Tell = Callable[[str], None]


class NotCreated(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """There is no App that can be used. The text says what to do, and holds no key."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, and by which clock (seconds of any origin)."""

    seconds: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def rounds(self, what: str, tell: Tell, every: float) -> Iterator[float]:
        """Seconds to wait in this round, at most `every`, until the time is up; tells now and then that it waits."""
        end, told = self.now() + self.seconds, self.now()
        while (left := end - self.now()) > 0:
            if self.now() - told >= TELL_SECONDS:
                told = self.now()
                tell(f"still waiting {what} ({_span(left)} left)")
            yield min(every, left)


def create(  # noqa: PLR0913 - what a command is told, by keyword
    wanted: WantedApp,
    vault: Vault,
    base_url: str | None,
    *,
    show: Tell,
    tell: Tell,
    patience: Patience,
    port: int = 0,
) -> MadeApp:
    """The App, made and its key stored. `show` is given the address of the page where it begins.

    Raises NotCreated; ForgeUnreachable, when the code could not be exchanged and so whether there is an App is not
    known, is worded as that.
    """
    server = web_url(base_url)

    def page(redirect_url: str, state: str) -> str:
        return form(manifest(wanted, server, redirect_url), registration_url(wanted.owner, server, state), wanted.owner)

    try:
        listener = Listener(page, port)
    except PortInUse as taken:
        raise NotCreated(f"{taken}. Choose another one with --port, or leave it out") from None
    with listener:
        show(listener.address)
        for seconds in patience.rounds(f"for the click on {server}", tell, TELL_SECONDS):
            callback = listener.wait(seconds)
            if callback is None:
                continue
            if callback.error:
                raise NotCreated(f"GitHub made no App: it reports {_word(callback.error)}. Run this again")
            made = _exchanged(wanted, callback.code, base_url, server)
            _stored(made, vault, settings_url(made.owner, server, made.slug), tell)
            callback.answer.set_result(made.install_url)
            return made
    raise NotCreated(
        f"nobody confirmed the App within {_span(patience.seconds)}. Run this again; --timeout gives more time"
    )


def _exchanged(wanted: WantedApp, code: str, base_url: str | None, server: str) -> MadeApp:
    apps = f"{server}/organizations/{wanted.owner}/settings/apps"
    try:
        made = convert(code, base_url)
    except (ForgeUnreachable, NotConverted) as failed:
        remedy = f"If {apps} lists an App of the name that you confirmed, delete it; then run this again"
        raise NotCreated(f"{failed}. Nothing was stored. {remedy}") from None
    if made.owner.lower() != wanted.owner.lower():
        where = settings_url(made.owner, server, made.slug)
        raise NotCreated(
            f"GitHub App {made.id} belongs to {made.owner} and not to {wanted.owner}, so nothing was stored. Delete it "
            f"at {where}/advanced, and run this again as an owner of {wanted.owner}"
        )
    return made


def _stored(made: MadeApp, vault: Vault, where: str, tell: Tell) -> None:
    try:
        tell(f"GitHub App {made.id} is made: {made.name}, {where}")
        vault.store(made.pem)
    except (PulumiFailed, KeyboardInterrupt) as failed:
        reason = str(failed) or "it was interrupted"
    else:
        return
    # Outside the handler, as the key is in its frames. GitHub shows a key once: this one is gone.
    raise NotCreated(
        f"GitHub App {made.id} is made, and its key could not be stored: {reason}\n"
        f"The key is lost, nothing else is. Delete the App at {where}/advanced, and run this again"
    )


def await_installation(  # noqa: PLR0913 - as above
    app: int,
    pem: str,
    repositories: tuple[str, ...],
    base_url: str | None,
    *,
    tell: Tell,
    patience: Patience,
    poll: float,
) -> tuple[str, ...]:
    """The repositories (`owner/name`) that the App is still not installed on when the time is up; empty: on all.

    Asked for every `poll` seconds. A forge that does not answer for a while is waited for, too.
    """
    missing = repositories
    for seconds in patience.rounds(f"until it is installed on {', '.join(repositories)}", tell, poll):
        missing = tuple(name for name in missing if not _installed(app, pem, name, base_url))
        if not missing:
            break
        patience.sleep(seconds)
    return missing


def _installed(app: int, pem: str, repository: str, base_url: str | None) -> bool:
    try:
        # A token is good for nine minutes, and people take longer: each question has its own.
        with GitHubReader(assertion(app, pem), base_url) as reader:
            answer = reader.get("/repos/{}/{}/installation", *repository.partition("/")[::2])
    except ForgeUnreachable:
        return False
    return answer.status == HTTPStatus.OK


def _span(seconds: float) -> str:
    """`9 min`, `40 s`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - two minutes


def _word(error: str) -> str:
    """GitHub's word for an error, or that it is none: it comes from an address."""
    return f"'{error}'" if error.replace("_", "").isalnum() and len(error) < 60 else "an error"  # noqa: PLR2004
