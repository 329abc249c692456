"""Deploy keys: the planned ones and no others. The provider never looks at others."""

from collections.abc import Iterator

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity
from gitops_infra.audit.verification.remembered import public_half
from gitops_infra.audit.verification.scene import Entry, Place
from gitops_infra.plan.model import CredentialKind
from gitops_infra.topology.vocabulary import Isolation

WRITE_EXTRA = Code(
    "write-key-extra",
    Severity.CRITICAL,
    "whoever holds its private half moves {branches}: every write key passes the ruleset's bypass",
    Repair.HAND,
    "Delete the key, find out who added it, and look what it pushed",
)
WRITE_FOREIGN = Code(
    "write-key-foreign",
    Severity.LOW,
    "whoever holds its private half pushes to branches that no rule guards; environment branches stay closed to it",
    Repair.HAND,
    "Delete it if nobody needs it, or add it again as read-only",
)
READ_EXTRA = Code(
    "read-key-extra",
    Severity.LOW,
    "whoever holds its private half reads what {environment} runs",
    Repair.HAND,
    "Delete it if nobody needs it",
)
MISSING = Code("key-missing", Severity.MEDIUM, "nobody gains by it; {use} fail", Repair.UP)
WRITES = Code(
    "read-key-writes",
    Severity.CRITICAL,
    "the cluster's key, or whoever takes it from there, moves {branches}",
    Repair.HAND,
    "Delete the key, then run `pulumi up --refresh`",
)
READS = Code(
    "write-key-reads",
    Severity.MEDIUM,
    "nobody gains by it; promotions are refused",
    Repair.HAND,
    "Delete the key, then run `pulumi up --refresh`",
)
TWICE = Code(
    "key-twice",
    Severity.CRITICAL,
    "one of them is not the stack's: whoever holds its private half passes for the planned credential",
    Repair.HAND,
    "Delete every key of that title, then run `pulumi up --refresh`",
)
REPLACED = Code(
    "key-replaced",
    Severity.CRITICAL,
    "whoever holds the other private half passes for the planned credential",
    Repair.HAND,
    "Delete the key, then run `pulumi up --refresh`",
)
DISABLED = Code(
    "key-disabled", Severity.MEDIUM, "nobody gains by it; {use} fail", Repair.HAND, "Allow deploy keys again"
)
UNVERIFIED = Code(
    "key-unverified",
    Severity.MEDIUM,
    "nobody gains by it; {use} fail",
    Repair.HAND,
    "Delete it and run `pulumi up --refresh`",
)
OF_PERSON = Code(
    "key-of-person",
    Severity.LOW,
    "nobody gains by it; the key dies with a token of {who}, and {use} fail then",
    Repair.HAND,
    "Provision with a GitHub App installation token, then raise `generation`",
)
CODES = (
    WRITE_EXTRA,
    WRITE_FOREIGN,
    READ_EXTRA,
    MISSING,
    WRITES,
    READS,
    TWICE,
    REPLACED,
    DISABLED,
    UNVERIFIED,
    OF_PERSON,
)

PROMOTIONS, AGENTS = "promotions", "reads by the cluster"


def check(place: Place) -> Report:
    """Findings about the deploy keys of the repository."""
    live = yield from place.entries("its deploy keys", "administration (read)", "keys")
    if live is None:
        return
    # Nobody moves or reads a branch where it was before.
    planned = {} if place.former else dict(_titles(place, whole=False))
    elsewhere = {title for title, _ in _titles(place, whole=True)}
    for title, writes in planned.items():
        entries = [entry for entry in live if entry.get("title") == title]
        use = PROMOTIONS if writes else AGENTS
        where = f"deploy key {title} of {place.repository.full_name}"
        if not entries:
            yield MISSING.at(where, "the key", "none of that title", use=use)
        if len(entries) > 1:
            yield TWICE.at(where, "one", str(len(entries)))
        for entry in entries:
            yield from _ours(place, where, entry, writes=writes)
    for entry in live:
        title = str(entry.get("title"))
        if title not in planned and (title not in elsewhere or place.environment is not None):
            yield _extra(place, entry)


def _titles(place: Place, *, whole: bool) -> Iterator[tuple[str, bool]]:
    """Title, and whether it writes, of every key that the plan of this stack, or of all, has in the repository."""
    plan = place.scene.whole if whole else place.scene.plan
    for environment in plan.environments:
        credential, delivery = environment.credential, environment.delivery
        if (
            credential is not None
            and credential.kind is CredentialKind.DEPLOY_KEY
            and credential.repository == place.repository.full_name
            and credential.title is not None
        ):
            yield credential.title, True
        if delivery is not None and delivery.key.repository == place.repository.full_name:
            yield delivery.key.title, False


def _branches(place: Place) -> str:
    held = [each.branch for each in place.scene.whole.environments if each.repository == place.repository.full_name]
    own = [place.environment.branch] if place.environment is not None else []
    return ", ".join(dict.fromkeys(str(each) for each in [*own, *held] if each)) or "its branches"


def _ours(place: Place, where: str, entry: Entry, *, writes: bool) -> Iterator[Exposure]:
    use = PROMOTIONS if writes else AGENTS
    if not writes and entry.get("read_only") is False:
        yield WRITES.at(where, "a key that reads", "one that writes", branches=_branches(place))
    if writes and entry.get("read_only") is True:
        yield READS.at(where, "a key that writes", "one that reads")
    if entry.get("verified") is False:
        yield UNVERIFIED.at(where, "a verified key", "one that is not", use=use)
    if entry.get("enabled") is False:
        yield DISABLED.at(where, "a key in force", "one that is switched off", use=use)
    known = place.scene.remembered.public_keys.get((place.repository.name.lower(), str(entry.get("title"))))
    if known is not None and known != public_half(str(entry.get("key"))):
        yield REPLACED.at(where, "the public key that the stack's state has", "another one")
    who = str(entry.get("added_by") or "")
    if who and not who.endswith("[bot]"):
        yield OF_PERSON.at(where, "a key made by an App", f"one made by `{who}`", who=who, use=use)


def _extra(place: Place, entry: Entry) -> Exposure:
    where = f"deploy key {ascii(str(entry.get('title')))[1:-1]} of {place.repository.full_name}"
    made = f"one made by `{entry['added_by']}`" if entry.get("added_by") else "one"
    if entry.get("read_only") is not False:
        environment = place.environment.name if place.environment else place.repository.name
        return READ_EXTRA.at(where, "no such key", f"{made} that reads", environment=environment)
    shared = any(
        each.isolation is Isolation.SHARED and each.repository == place.repository.full_name
        for each in place.scene.whole.environments
    )
    if place.environment is not None or shared:
        return WRITE_EXTRA.at(where, "no such key", f"{made} that writes", branches=_branches(place))
    return WRITE_FOREIGN.at(where, "no such key", f"{made} that writes")
