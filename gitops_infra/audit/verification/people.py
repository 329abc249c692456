"""People and teams: nobody beside the owners has more in a state repository than to read it."""

from collections.abc import Generator, Iterator

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, Unverifiable, listed
from gitops_infra.audit.verification.scene import Entry, Listed, Place
from gitops_infra.plan.model import Access
from gitops_infra.topology.vocabulary import OwnerKind, RepositoryRole

RANK = {role: number for number, role in enumerate(("none", "read", "triage", "write", "maintain", "admin"))}
OLDER = {"pull": "read", "push": "write"}
"""Words of `permission`, where the forge gives no `role_name`."""

WRITER = Code(
    "state-writer",
    Severity.MEDIUM,
    "the rulesets refuse their pushes today; where one is lifted, they move {branch} at once",
    Repair.HAND,
    "Take the role away: nobody needs more than to read a state repository",
)
ADMIN = Code(
    "state-admin",
    Severity.HIGH,
    "they can lift the rulesets, add a write key, and so move {branch}",
    Repair.HAND,
    "Take the role away: nobody beside the owners administers a state repository",
)
GRANT_MISSING = Code("grant-missing", Severity.LOW, "nobody gains by it; whoever was planned may do less", Repair.UP)
GRANT_HIGHER = Code("grant-higher", Severity.HIGH, "they may do more in {repository} than the topology says", Repair.UP)
ADMINS = Code(
    "admins",
    Severity.INFO,
    "they can lift every rule of {repository}, open its environments, and so take the credentials",
    Repair.HAND,
    "Keep the list short",
)
CODES = (WRITER, ADMIN, GRANT_MISSING, GRANT_HIGHER, ADMINS)


def check(place: Place) -> Report:
    """Findings about who has a role in the repository by itself. What an organisation gives all is its own check."""
    people = yield from _people(place)
    teams = yield from place.entries("its teams", "administration (read)", "teams")
    owners = yield from _owners(place)
    if people is not None and owners is not None:
        people = tuple(entry for entry in people if str(entry.get("login")).casefold() not in owners)
    held = {f"user {entry.get('login')}": _role(entry) for entry in people or ()}
    held |= {f"team {entry.get('slug')}": _role(entry) for entry in teams or ()}
    if place.environment is not None:
        yield from _state(place, held)
        return
    read = [None if people is None else "user", None if teams is None else "team"]
    yield from _application(place, {who.casefold(): role for who, role in held.items()}, read)
    planned = {_name(each).casefold() for each in place.repository.access if each.role is RepositoryRole.ADMIN}
    admins = [who for who, role in held.items() if role == "admin" and who.casefold() not in planned]
    if admins and owners is not None:
        found = listed(admins)
        yield ADMINS.at(place.where, "the owners alone", found, repository=place.repository.full_name)


def _people(place: Place) -> Listed:
    return (
        yield from place.entries(
            "its collaborators",
            "contents (write): GitHub lists them to those who may push",
            "collaborators",
            affiliation="direct",
        )
    )


def _owners(place: Place) -> Generator[Unverifiable, None, set[str] | None]:
    """Logins, in lower case, of those who own the repository, whatever it says of them; None: not readable."""
    owner = place.repository.owner
    if place.scene.plan.owner_kind is OwnerKind.USER:
        return {owner.casefold()}
    found = yield from place.scene.entries(
        f"organisation {owner}", "its owners", "members (read)", "/orgs/{}/members", owner, role="admin"
    )
    return None if found is None else {str(entry.get("login")).casefold() for entry in found}


def _role(entry: Entry) -> str:
    """Name of the role; one that an organisation made counts as what it is built on."""
    name = str(entry.get("role_name") or entry.get("permission") or "none")
    name = OLDER.get(name, name)
    if name in RANK:
        return name
    held = entry.get("permissions") or {}
    words = (("admin", "admin"), ("maintain", "maintain"), ("push", "write"), ("triage", "triage"), ("pull", "read"))
    return next((role for word, role in words if held.get(word)), "none")


def _state(place: Place, held: dict[str, str]) -> Iterator[Exposure]:
    branch = place.repository.default_branch
    for code, roles in ((ADMIN, ("admin",)), (WRITER, ("write", "maintain"))):
        found = [f"{who} ({role})" for who, role in held.items() if role in roles]
        if found:
            yield code.at(place.where, "nobody but the owners", listed(found), branch=branch)


def _name(access: Access) -> str:
    return f"team {access.team}" if access.team is not None else f"user {access.user}"


def _application(place: Place, held: dict[str, str], read: list[str | None]) -> Iterator[Exposure]:
    """The grants of the topology. What others have is not its business, but for administrators."""
    # What the forge tells of a person is what they may do by all that they have, teams included.
    by_team = max((RANK[each.role.value] for each in place.repository.access if each.team is not None), default=0)
    for access in place.repository.access:
        who = _name(access)
        if who.partition(" ")[0] not in read:
            continue
        found, expected = held.get(who.casefold(), "none"), access.role.value
        if RANK[found] > max(RANK[expected], by_team if access.team is None else 0):
            code = GRANT_HIGHER
        elif RANK[found] < RANK[expected]:
            code = GRANT_MISSING
        else:
            continue
        yield code.at(place.where, f"{who}: {expected}", found, repository=place.repository.full_name)
