"""The log of pushes: every ref update that was decided, what the rules said, newest first."""

from collections.abc import Iterable

from gitops_infra.sandbox.forge.model import PushRecord
from gitops_infra.sandbox.forge.pages.html import text
from gitops_infra.sandbox.forge.pages.parts import bad, code, good, link, note, short, table, when
from gitops_infra.sandbox.forge.store import Store

SHOWN = 30
WAYS = {"http": "HTTP", "ssh": "SSH", "rest": "REST", "merge": "merge"}
HEADS = ("Verdict", "Ref", "By", "Why", "Commits", "Over", "When")


def log(store: Store, pushes: Iterable[PushRecord], *, refused_only: bool, of_one: bool = False) -> str:
    """The newest `SHOWN` of the pushes as a table.

    `refused_only` leaves out the accepted ones; `of_one` the repository, because all are of the same.
    """
    wanted = [push for push in pushes if not (refused_only and push.allowed)]
    what = "refused pushes" if refused_only else "pushes"
    caption = f"The last {min(SHOWN, len(wanted))} of {len(wanted)} {what}, newest first"
    heads = HEADS if of_one else (HEADS[0], "Repository", *HEADS[1:])
    rows = []
    for push in wanted[: -SHOWN - 1 : -1]:
        row = _row(push)
        rows.append(row if of_one else [row[0], _repository(store, push), *row[1:]])
    return table(caption, heads, rows, "none yet")


def _repository(store: Store, push: PushRecord) -> str:
    repository = store.repositories.get(push.repository_id)
    if repository is None:
        return text(f"{push.repository_id} (deleted)")
    name = store.full_name(repository)
    return link(name, *name.split("/"))


def _row(push: PushRecord) -> list[str]:
    return [
        good("accepted") if push.allowed else bad("refused"),
        code(push.ref.removeprefix("refs/heads/")),
        text(push.actor),
        _why(push),
        f"{short(push.before)} → {short(push.after)}",
        WAYS.get(push.via, text(push.via)),
        when(push.at),
    ]


def _why(push: PushRecord) -> str:
    """The rulesets that refused it, or that its actor bypassed, and the rules' own words."""
    if push.allowed:
        return f"{note('bypassed')} {_rulesets(push.bypassed)}" if push.bypassed else ""
    return f"{text(push.reason)} {f'({_rulesets(push.refused_by)})' if push.refused_by else ''}".strip()


def _rulesets(names: list[str]) -> str:
    return f"ruleset{'s' if len(names) > 1 else ''} {text(', '.join(names))}"
