"""What tests do to a forge from outside: limits, latency, faults, hooks, and a look at what it was asked."""

from collections.abc import Callable
from typing import Any

from gitops_infra.sandbox.forge.faults import Fault, Faultable
from gitops_infra.sandbox.forge.http_app import After, Before, HttpApp
from gitops_infra.sandbox.forge.ledger import CallTotal, RecordedRequest, totals
from gitops_infra.sandbox.forge.limits import Limits, Meter


class Trouble(Faultable):
    """Methods of a forge whose app is `_app`; `_close` and `_open` are for the `REFUSED` fault."""

    _app: HttpApp

    # Accounts

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every REST and GraphQL request so far, oldest first."""
        return self._app.ledger.requests

    def calls(self, since: int = 0) -> list[CallTotal]:
        """Counted and uncounted calls by method and route, most frequent first.

        `since` leaves out that many requests from the beginning: `len(sandbox.requests)` at some earlier time.
        """
        return totals(self.requests[since:])

    # Limits and latency

    def limits(  # noqa: PLR0913  (by name; each is one limit)
        self,
        *,
        primary: int | None = 5000,
        per: float = 3600,
        secondary_writes_per_minute: int | None = None,
        points_per_minute: int | None = None,
        concurrent: int | None = None,
        minute: float = 60,
        status: int = 403,
        retry_after: bool = True,
    ) -> None:
        """Applies rate limits from now on, see `Limits` for each. Everybody begins with a full budget.

        Raises ValueError for a value that makes no sense.
        """
        self._app.meter = Meter(
            Limits(
                primary=primary,
                per=per,
                secondary_writes_per_minute=secondary_writes_per_minute,
                points_per_minute=points_per_minute,
                concurrent=concurrent,
                minute=minute,
                status=status,
                retry_after=retry_after,
            )
        )

    def unlimited(self) -> None:
        """Applies no limits any more."""
        self._app.meter = None

    def latency(self, seconds: float) -> None:
        """Lets every REST answer wait; 0 lets none wait. Raises ValueError when it is negative."""
        if seconds < 0:
            raise ValueError(f"latency is {seconds}, needed is 0 or more seconds")
        self._app.latency = seconds

    # Faults

    def inject_fault(self, kind: Fault | str, **settings: Any) -> int:
        """Switches a fault on, see `Faults.inject`; its number. `fault` gives a handle instead."""
        one = self._app.faults.inject(kind, **settings)
        if one.kind is Fault.REFUSED:
            self._refuse(one.seconds or None)
        return one.number

    def fault_hits(self, number: int) -> int:
        """How many requests a fault has hit; it may be removed since. Raises ValueError for an unknown number."""
        return self._app.faults.hits(number)

    def release_fault(self, number: int) -> None:
        """Lets go the requests that a `HANG` holds; later ones pass too."""
        self._app.faults.release(number)

    def remove_fault(self, number: int) -> None:
        """Switches a fault off. Removing twice is allowed."""
        one = self._app.faults.remove(number)
        if one is not None and one.kind is Fault.REFUSED:
            self._accept()

    def clear_faults(self) -> None:
        """Switches all faults off."""
        for number in self._app.faults.numbers():
            self.remove_fault(number)

    def _refuse(self, seconds: float | None) -> None:
        raise NotImplementedError

    def _accept(self) -> None:
        raise NotImplementedError

    # Hooks

    def before(self, handler: Before) -> Callable[[], None]:
        """Calls `handler(request)` before each REST request; what it returns is called to remove it.

        An answer of the handler is sent instead, and nothing has been done.
        """
        self._app.before.append(handler)
        return lambda: self._app.before.remove(handler)

    def after(self, handler: After) -> Callable[[], None]:
        """As `before`, with `handler(request, response)` when the work is on disk already."""
        self._app.after.append(handler)
        return lambda: self._app.after.remove(handler)
