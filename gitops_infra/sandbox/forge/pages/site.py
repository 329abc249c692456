"""From method and path to the page that answers. Only requests outside `/api/v3` are looked up here."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gitops_infra.sandbox.forge.pages.html import Page, page, text
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.router import Request, path_pattern
from gitops_infra.sandbox.forge.store import Store

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Visit:
    """What a page gets: what was asked, and the store to answer from."""

    store: Store
    request: Request
    parameters: Mapping[str, str]
    """Decoded parts of the path."""
    query: Mapping[str, str]
    base_url: str
    """`http://127.0.0.1:PORT`, without a final slash."""

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]

    @property
    def form(self) -> dict[str, str]:
        """The fields of a submitted form; of several with one name the last."""
        return dict(parse_qsl(self.request.content.decode("utf-8", "replace"), keep_blank_values=True))

    def choices(self, name: str) -> list[str]:
        """All values of one field of a submitted form."""
        fields = parse_qsl(self.request.content.decode("utf-8", "replace"), keep_blank_values=True)
        return [value for field, value in fields if field == name]


Show = Callable[[Visit], Page | None]
Pages = Mapping[tuple[str, str], Show]
"""Method and path template -> what shows the page, or None when the path means something else."""


class Site:
    """The table of pages of one forge."""

    def __init__(self, store: Store, tables: Iterable[Pages]) -> None:
        """Raises ValueError when two tables claim the same page."""
        self._store = store
        self._pages: list[tuple[str, Any, Show]] = []
        known: set[tuple[str, str]] = set()
        for table in tables:
            if taken := known & table.keys():
                raise ValueError(f"pages defined twice: {sorted(taken)}")
            known |= table.keys()
            self._pages += [(method, path_pattern(template), show) for (method, template), show in table.items()]

    def answer(self, request: Request, base_url: str) -> Page | None:
        """The page, in one transaction; None when no page has this path. Never raises: a fault of ours is a 500."""
        wanted = "GET" if request.method == "HEAD" else request.method
        if urlsplit(f"//{request.headers.get('host', '')}").hostname not in LOOPBACK:
            return None  # a name that leads here from elsewhere: another site's page must not read this one
        for method, pattern, show in self._pages:
            if method == wanted and (match := pattern.match(request.path)):
                parameters = {name: unquote(value) for name, value in match.groupdict().items()}
                query = dict(parse_qsl(request.query_string, keep_blank_values=True))
                visit = Visit(self._store, request, parameters, query, base_url)
                if (shown := self._shown(show, visit)) is not None:
                    return shown
        return None

    def _shown(self, show: Show, visit: Visit) -> Page | None:
        try:
            with self._store.transaction():
                return show(visit)
        except Refusal as refusal:
            title = "Page not found" if refusal.status == 404 else "This cannot be done"  # noqa: PLR2004  (Not Found)
            problems = "".join(f"<li>{text(problem)}</li>" for problem in refusal.errors)
            return page(title, f"<p>{text(refusal.message)}</p><ul>{problems}</ul>", status=refusal.status)
        except Exception:  # the visitor gets no traceback, the log does
            LOG.exception("%s %s failed", visit.request.method, visit.request.path)
            return page("Server error", "<p>The log of the forge says why.</p>", status=500)
