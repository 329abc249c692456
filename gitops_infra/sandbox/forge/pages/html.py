"""A web page as an answer, and the one frame that all pages share."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitops_infra.sandbox.forge.responses import Rendered, Response

CONTENT_TYPE = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action *;"
    " frame-ancestors 'none'; base-uri 'none'"
)
"""No script and nothing from elsewhere. `form-action` is open: a confirmed form redirects to the user's own address."""

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Page(Response):
    """A response whose body is HTML text."""

    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def rendered(self) -> Rendered:
        """Status, headers and bytes; a page is never cached."""
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            **self.headers,
        }
        return Rendered(self.status, headers, self.body.encode())


def text(value: object) -> str:
    """The value as HTML text: markup in it is shown, never obeyed. Safe in quoted attributes too."""
    return html.escape(str(value), quote=True)


def page(title: str, content: str, *, status: int = 200, trail: str = "", refresh: int = 0) -> Page:
    """A page with a title and HTML content, which must be escaped already.

    `trail` is HTML too: where the page stands among the others. With `refresh` it is fetched again after so many
    seconds.
    """
    again = f'<meta http-equiv=refresh content="{refresh}">' if refresh else ""
    return Page(
        status,
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8>{again}"
        f'<meta name=viewport content="width=device-width, initial-scale=1"><title>{text(title)}</title>'
        f"<style>{STYLE}</style></head>"
        f"<body>{f'<nav aria-label=Place>{trail}</nav>' if trail else ''}"
        f"<main><h1>{text(title)}</h1>\n{content}\n</main></body></html>\n",
    )


def redirect(address: str) -> Page:
    """Sends the browser to an address (302)."""
    return Page(302, "", {"Location": address})
