"""Pieces of pages: tables, links, words that stand out. Cells are HTML; whatever is data goes through `text` first."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from gitops_infra.sandbox.forge.pages.html import text
from gitops_infra.sandbox.forge.responses import timestamp

NOTHING = "none"


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str = NOTHING) -> str:
    """A table with a caption; the first cell of each row is its heading. Without rows, a sentence instead."""
    lines = [list(row) for row in rows]
    if not lines:
        return f"<p>{text(caption)}: {text(empty)}.</p>"
    head = "".join(f"<th scope=col>{text(name)}</th>" for name in heads)
    body = "".join(
        f"<tr><th scope=row>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in lines
    )
    return (
        f"<div class=wide><table><caption>{text(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(title: str, content: str) -> str:
    """A part of a page with a heading of its own."""
    return f"<section><h2>{text(title)}</h2>\n{content}</section>\n"


def link(words: object, *path: str, query: str = "") -> str:
    """A link to a page of the forge; each part of the path is one segment."""
    address = "/" + "/".join(quote(part, safe="") for part in path)
    return f'<a href="{text(address + query)}">{text(words)}</a>'


def code(value: object) -> str:
    """A name or id, as it is."""
    return f"<code>{text(value)}</code>"


def good(words: object) -> str:
    """Something that is allowed or on."""
    return f"<span class=good>{text(words)}</span>"


def bad(words: object) -> str:
    """Something that is refused or off."""
    return f"<span class=bad>{text(words)}</span>"


def note(words: object) -> str:
    """Something to know."""
    return f"<span class=note>{text(words)}</span>"


def listed(items: Iterable[str], empty: str = NOTHING) -> str:
    """HTML items as a list; one alone without bullets."""
    found = list(items)
    if len(found) <= 1:
        return found[0] if found else text(empty)
    return f"<ul>{''.join(f'<li>{item}</li>' for item in found)}</ul>"


def when(seconds: float | None) -> str:
    """A time, in UTC."""
    if not seconds:
        return "never"
    written = timestamp(seconds)
    return f'<time datetime="{written}">{written.replace("T", " ").replace("Z", " UTC")}</time>'


def short(sha: str) -> str:
    """The first digits of a commit id."""
    return f"<code class=sha>{text(sha[:8])}</code>" if sha.strip("0") else NOTHING
