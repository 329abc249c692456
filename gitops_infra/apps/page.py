"""The pages that the browser sees on this machine: one form, and what became of it. They need no script."""

import html
import json
from collections.abc import Mapping
from typing import Any

_FRAME = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}}
button{{font:inherit;padding:.4rem 1rem}}</style></head><body><main><h1>{title}</h1>
{content}
</main></body></html>
"""


def page(title: str, content: str) -> str:
    """A page with a title, and HTML content that is escaped already."""
    return _FRAME.format(title=html.escape(title), content=content)


def form(manifest: Mapping[str, Any], action: str, owner: str) -> str:
    """The page whose one button posts the manifest to GitHub."""
    permissions = "".join(
        f"<li>{html.escape(name)}: {html.escape(level)}"
        for name, level in sorted(manifest["default_permissions"].items())
    )
    name = html.escape(manifest["name"])
    return page(
        f"A GitHub App for {owner}",
        f"<p>{html.escape(manifest['description'])} It is asked for as <b>{name}</b>, without a webhook, with these "
        f"permissions:</p><ul>{permissions}</ul>"
        f'<form method="post" action="{html.escape(action, quote=True)}">'
        f'<input type="hidden" name="manifest" value="{html.escape(json.dumps(manifest), quote=True)}">'
        f'<button type="submit">Continue to GitHub</button></form>'
        f"<p>GitHub shows the App once more. You must be signed in as an owner of {html.escape(owner)}. If the name is "
        f"taken, either choose another one there, or delete the App that an earlier attempt left behind.</p>",
    )
