"""What an existing repository has beside what the plan makes: left as it is, and listed so that nobody is surprised."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gitops_infra.audit.findings import Finding, info
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.scene import Scene, of_repository

SHOWN = 20
"""Names of one sort that are listed; of more, the number is told."""
LOOKED_INTO = 30
"""Protected branches that are asked for a classic protection, one request each."""

Entry = Mapping[str, Any]


def _name(entry: Entry) -> str:
    return str(entry.get("name"))


def _title(entry: Entry) -> str:
    return f"{entry.get('title')} ({'read' if entry.get('read_only') else 'write'})"


def _hook(entry: Entry) -> str:
    """Host of a webhook's address: a path can hold a secret."""
    return _host(str((entry.get("config") or {}).get("url") or "")) or f"no. {entry.get('id')}"


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


LISTS: tuple[tuple[str, str, str | None, Callable[[Entry], str]], ...] = (
    ("rulesets", "rulesets", None, _name),
    ("environments", "environments", "environments", _name),
    ("deploy keys", "keys", None, _title),
    ("webhooks", "hooks", None, _hook),
    ("repository secrets", "actions/secrets", "secrets", _name),
    ("repository variables", "actions/variables", "variables", _name),
)
"""What it is called, where it is listed, the key of the list, and what is told of an entry. Source: GitHub REST."""

BRANCH_PROTECTIONS = "branch protections"


class Unmanaged(dict[str, tuple[str, ...] | None]):
    """By sort, the names of what is there, sorted; None where the token may not read it."""

    def __str__(self) -> str:
        told = [f"{sort} {_shown(names)}" for sort, names in self.items() if names]
        hidden = [sort for sort, names in self.items() if names is None]
        unread = [f"not readable: {', '.join(hidden)}"] if hidden else []
        return "; ".join([*told, *unread])


def unmanaged(reader: GitHubReader, owner: str, name: str) -> Unmanaged:
    """Everything of these sorts that the repository has, whoever made it. Reads only; raises ForgeUnreachable."""
    found = Unmanaged()
    for sort, path, key, tell in LISTS:
        query = {"includes_parents": "false"} if sort == "rulesets" else {}
        listing = reader.pages(f"/repos/{{}}/{{}}/{path}", owner, name, key=key, **query)
        entries = [entry for entry in listing.entries if isinstance(entry, Mapping)]
        found[sort] = tuple(sorted(map(tell, entries))) if listing.answer.ok else None
    found[BRANCH_PROTECTIONS] = _protections(reader, owner, name)
    return found


def check(scene: Scene) -> Iterator[Finding]:
    """One line with what the plan leaves alone."""
    if scene.live() is None:
        return
    application = scene.application
    everywhere = (*scene.plan.environments, *scene.others)
    rulesets = (*application.rulesets, *(ruleset for each in scene.others for ruleset in each.rulesets))
    deliveries = [environment.delivery for environment in everywhere if environment.delivery]
    planned = {
        # The stack of the foundation makes those of the default branch and of tags.
        "rulesets": {ruleset.name.casefold() for ruleset in (*rulesets, *scene.foundation)},
        "environments": {environment.name.casefold() for environment in everywhere},
        "deploy keys": {
            *(
                f"{environment.credential.title} (write)".casefold()
                for environment in everywhere
                if environment.credential and environment.credential.title
            ),
            *(f"{each.key.title} (read)".casefold() for each in deliveries),
        },
        # Their paths are secret, so one of the same host counts as the cluster's.
        "webhooks": {_host(each.receiver_url).casefold() for each in deliveries if each.receiver_url},
    }
    titles = {title for _, title in scene.known.deploy_keys}
    known = {"deploy keys": {f"{title} ({right})" for title in titles for right in ("read", "write")}}
    found = unmanaged(scene.reader, application.owner, application.name)
    for sort, names in found.items():
        if names is not None:
            ours = planned.get(sort, set()) | known.get(sort, set())
            found[sort] = tuple(name for name in names if name.casefold() not in ours)
    # What cannot be read is no news by itself: the advised App may read neither webhooks nor repository secrets.
    if any(found.values()):
        yield info(of_repository(application), "unmanaged", f"left as they are: {found}")


def _protections(reader: GitHubReader, owner: str, name: str) -> tuple[str, ...] | None:
    """Branches with a classic protection. A branch counts as protected for a ruleset too, so each one is asked."""
    listing = reader.pages("/repos/{}/{}/branches", owner, name, protected="true")
    if not listing.answer.ok:
        return None
    branches = [str(entry.get("name")) for entry in listing.entries][:LOOKED_INTO]
    path = "/repos/{}/{}/branches/{}/protection"
    return tuple(sorted(branch for branch in branches if reader.get(path, owner, name, branch).ok))


def _shown(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"{name!a}" for name in names[:SHOWN]) + more
