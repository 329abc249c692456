"""The front page, and the page of an account: what there is, and what was refused lately."""

from collections.abc import Iterable

from gitops_infra.sandbox.forge.model import Account, Installation, Repository
from gitops_infra.sandbox.forge.pages.html import Page, page, text
from gitops_infra.sandbox.forge.pages.movers import ANYBODY, NOBODY, Movers, movers
from gitops_infra.sandbox.forge.pages.parts import bad, code, good, link, listed, note, section, table
from gitops_infra.sandbox.forge.pages.pushes import log
from gitops_infra.sandbox.forge.pages.site import Pages, Visit
from gitops_infra.sandbox.forge.store import Store

SLOWEST, FASTEST, USUAL = 3600, 1, 5
"""Seconds of `?refresh=`."""
HOME = '<a href="/">Sandbox forge</a>'


def wanted(visit: Visit) -> bool:
    """Whether a browser asks: clients of the API that leave out `/api/v3` ask for JSON at the same paths."""
    return "text/html" in visit.request.headers.get("accept", "")


def refresh(visit: Visit) -> int:
    """Seconds after which the page is fetched again, as the query says; 0: not by itself."""
    given = visit.query.get("refresh", "")
    return min(max(int(given), FASTEST), SLOWEST) if given.isdecimal() and int(given) else 0


def choices(visit: Visit) -> str:
    """Links that change how this page is shown: refused pushes only or all, and whether it refreshes itself."""
    path = visit.request.path
    refused, again = visit.query.get("pushes") == "refused", refresh(visit)

    def to(words: str, *, only: bool, seconds: int) -> str:
        query = "&".join([*(["pushes=refused"] if only else []), *([f"refresh={seconds}"] if seconds else [])])
        return f'<a href="{text(path)}{text("?" + query if query else "")}">{text(words)}</a>'

    first = to("all pushes", only=False, seconds=again) if refused else to("refused only", only=True, seconds=again)
    if again:
        second = f"{note(f'fetched again every {again} s')}, {to('stop', only=refused, seconds=0)}"
    else:
        second = to(f"fetch again every {USUAL} s", only=refused, seconds=USUAL)
    return f"<p>{first} · {second}</p>"


def home(visit: Visit) -> Page | None:
    """What is in the forge."""
    if not wanted(visit):
        return None
    store = visit.store
    pushes = list(store.pushes.values())
    refused = sum(not push.allowed for push in pushes)
    owners = [account for account in store.accounts.values() if _owns(store, account)]
    figures = (
        (len(store.repositories), "repositories"),
        (len(store.environments), "environments"),
        (sum(pull.state == "open" for pull in store.pull_requests.values()), "open pull requests"),
        (len(pushes) - refused, "pushes accepted"),
        (refused, "pushes refused"),
    )
    content = (
        "<p>A stand-in for GitHub on this machine. It enforces what it shows; nothing here leaves the machine.</p>"
        f"<ul class=figures>{''.join(f'<li><b>{number}</b> {words}</li>' for number, words in figures)}</ul>"
        + "".join(section(account.login, _repositories(store, account)) for account in owners)
        + section("Pushes", choices(visit) + log(store, pushes, refused_only=visit.query.get("pushes") == "refused"))
    )
    return page("Sandbox forge", content, refresh=refresh(visit))


def account_page(visit: Visit) -> Page | None:
    """A user or an organisation: people, teams, Apps, repositories."""
    account = visit.store.account(visit["owner"])
    if account is None or not wanted(visit):
        return None
    parts = [section("Repositories", _repositories(visit.store, account))]
    if account.kind == "Organization":
        parts += [_settings(account), _people(visit.store, account), _teams(visit.store, account)]
    parts.append(_apps(visit.store, account))
    return page(account.login, "".join(parts), trail=HOME, refresh=refresh(visit))


def _owns(store: Store, account: Account) -> bool:
    return account.kind == "Organization" or any(r.owner_id == account.id for r in store.repositories.values())


def _repositories(store: Store, account: Account) -> str:
    owned = sorted((r for r in store.repositories.values() if r.owner_id == account.id), key=lambda r: r.name)
    heads = ("Repository", "Seen by", "Environments", "Who may move which branch", "Last push")
    caption = f"Repositories of {account.login} ({account.kind.lower()}, price plan {account.price_plan})"
    return table(caption, heads, ([*_head(store, account, r), _guarded(store, r), _last(store, r)] for r in owned))


def _head(store: Store, account: Account, repository: Repository) -> list[str]:
    name = link(repository.name, account.login, repository.name)
    archived = f" {note('archived')}" if repository.archived else ""
    environments = (text(environment.name) for environment in store.environments_of(repository))
    return [name + archived, text(repository.visibility), listed(environments)]


def _guarded(store: Store, repository: Repository) -> str:
    """The refs that rules govern, with who may move each."""
    found = [one for one in movers(store, repository) if one.rulesets]
    return listed((f"{code(short_ref(one.ref))}: {who(one)}" for one in found), "no rules: " + ANYBODY)


def short_ref(ref: str) -> str:
    """A branch without `refs/heads/`."""
    return ref.removeprefix("refs/heads/")


def who(one: Movers) -> str:
    """Who may move it, as a glance: pushes, and pull requests where they are the way."""
    pushers = names(one.updates)
    if not one.through:
        return pushers
    return good(one.through) if one.updates == (NOBODY,) else f"{good(one.through)}; pushes: {pushers}"


def names(found: Iterable[str]) -> str:
    """Names of who may, the two extremes marked."""
    marks = {NOBODY: good, ANYBODY: note}
    return ", ".join(marks.get(name, text)(name) for name in found)


def _last(store: Store, repository: Repository) -> str:
    pushes = store.pushes_of(repository)
    if not pushes:
        return "none"
    push = pushes[-1]
    verdict = good("accepted") if push.allowed else bad("refused")
    return f"{verdict} {code(short_ref(push.ref))} by {text(push.actor)}"


def _settings(account: Account) -> str:
    rows = [
        ["Price plan", text(account.price_plan)],
        ["Deploy keys", good("allowed") if account.deploy_keys_enabled else bad("forbidden")],
        ["Members' base permission", text(account.default_repository_permission)],
    ]
    return section("Settings", table(f"Settings of {account.login}", ("Setting", "Value"), rows))


def _people(store: Store, account: Account) -> str:
    users = [store.accounts[number] for number in sorted(account.members) if number in store.accounts]
    rows = ([text(user.login), "owner" if user.id in account.owners else "member"] for user in users)
    return section("People", table(f"Members of {account.login}", ("User", "Is"), rows))


def _teams(store: Store, account: Account) -> str:
    teams = (team for team in store.teams.values() if team.organization_id == account.id)
    rows = (
        [
            text(team.slug),
            listed(text(store.accounts[number].login) for number in sorted(team.members)),
            listed(
                f"{text(store.repositories[number].name)} ({text(role)})"
                for number, role in team.repositories.items()
                if number in store.repositories
            ),
        ]
        for team in teams
    )
    return section("Teams", table(f"Teams of {account.login}", ("Team", "Members", "Repositories"), rows))


def _apps(store: Store, account: Account) -> str:
    found = (one for one in store.installations.values() if one.account_id == account.id)
    heads = ("App", "May", "Repositories")
    rows = (_installation(store, one) for one in found)
    return section("GitHub Apps", table(f"Apps installed on {account.login}", heads, rows))


def _installation(store: Store, one: Installation) -> list[str]:
    app = store.apps.get(one.app_id)
    held = (f"{text(name)}: {text(level)}" for name, level in sorted(one.permissions.items()))
    ids = one.repository_ids
    reach = "all" if ids is None else listed(text(store.repositories[n].name) for n in ids if n in store.repositories)
    return [text(app.slug if app else one.app_id), listed(held), reach]


PAGES: Pages = {("GET", "/"): home, ("GET", "/{owner}"): account_page}
