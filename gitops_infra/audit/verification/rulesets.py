"""Rulesets: there, in force, over the planned refs, with the planned rules, and bypassed by the planned actor alone."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitops_infra.audit.checks.rulesets import MAY_REFUSE, REFUSES, governs, passes
from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, Unverifiable, listed
from gitops_infra.audit.verification.rule_differences import Change, differences
from gitops_infra.audit.verification.scene import Entry, Place
from gitops_infra.plan.model import BypassActor, BypassKind, Environment, Ruleset

NEEDS = "administration (read)"
UPGRADE = "Upgrade to"
"""How GitHub begins to say that the price plan has no rulesets. Source: GitHub REST, "Rules", 403."""


@dataclass(frozen=True)
class Stake:
    """What one of our rulesets guards: who gains what when it does not hold."""

    severity: Severity
    exploit: str


_MOVES = "whoever may push to {repository} can put any commit on {refs}, and with it into the environment"
_UNDOES = "the environment's credential, or whoever takes it, can force {refs} back or delete it"
STAKES: Mapping[str, Stake] = {
    "writers": Stake(Severity.CRITICAL, _MOVES),
    "integrity": Stake(Severity.CRITICAL, _UNDOES),
    "branch-writers": Stake(Severity.CRITICAL, _MOVES),
    "branch-integrity": Stake(Severity.CRITICAL, _UNDOES),
    "branch-gates": Stake(Severity.HIGH, "the environment's credential can promote commits that have not passed"),
    "locked-branches": Stake(
        Severity.HIGH, "whoever may push to {repository} can write branches beside the planned one"
    ),
    "locked-tags": Stake(Severity.HIGH, "whoever may push to {repository} can write tags"),
    "default-branch": Stake(
        Severity.CRITICAL,
        "whoever may push to {repository} can change {refs} without the planned review, and promotions take it on",
    ),
    "release-tags": Stake(
        Severity.HIGH, "whoever may push to {repository} can put a released tag on another commit, which is promoted"
    ),
}
"""Key of a ruleset in the plan -> its stake."""

MISSING = Code("ruleset-missing", Severity.CRITICAL, "{stake}", Repair.UP)
OFF = Code("ruleset-off", Severity.CRITICAL, "{stake}", Repair.UP)
UNPAID = Code(
    "rulesets-unpaid",
    Severity.CRITICAL,
    "no ruleset of it is in force: whoever may push can move its branches",
    Repair.HAND,
    "Pay for the declared price plan again, or make the repository public",
)
RULE_MISSING = Code("rule-missing", Severity.CRITICAL, "{stake}", Repair.UP)
RULE_WEAKER = Code("rule-weaker", Severity.HIGH, "{stake}", Repair.UP)
RULE_STRICTER = Code(
    "rule-stricter", Severity.LOW, "nobody gains by it; it can refuse pushes and merges that are planned", Repair.UP
)
NARROWED = Code("ruleset-narrowed", Severity.CRITICAL, "{stake}", Repair.UP)
WIDENED = Code("ruleset-widened", Severity.MEDIUM, "nobody gains by it; it can refuse pushes to other refs", Repair.UP)
BYPASS_ADDED = Code("bypass-added", Severity.CRITICAL, "{actor} is not bound by it: {stake}", Repair.UP)
BYPASS_MISSING = Code("bypass-missing", Severity.MEDIUM, "nobody gains by it; promotions are refused", Repair.UP)
BYPASS_MODE = Code(
    "bypass-mode",
    Severity.MEDIUM,
    "the writer's pushes are refused (`pull_request`) or leave no trace (`exempt`)",
    Repair.UP,
)
TWICE = Code(
    "ruleset-twice",
    Severity.LOW,
    "nobody gains by it, as a second ruleset can only restrict; which one is kept up to date is not told by its name",
    Repair.HAND,
    "Delete the one that the stack's state does not have",
)
EXTRA = Code(
    "ruleset-extra",
    Severity.INFO,
    "nobody gains by it: a ruleset can only restrict",
    Repair.HAND,
    "Leave it, or delete it if nobody needs it",
)
IN_THE_WAY = Code(
    "ruleset-in-the-way",
    Severity.MEDIUM,
    "nobody gains by it; it refuses promotions to {environment}, or can",
    Repair.HAND,
    "Exclude {branch} from it, or let the writer of {environment} bypass it",
)
CODES = (
    MISSING,
    OFF,
    UNPAID,
    RULE_MISSING,
    RULE_WEAKER,
    RULE_STRICTER,
    NARROWED,
    WIDENED,
    BYPASS_ADDED,
    BYPASS_MISSING,
    BYPASS_MODE,
    TWICE,
    EXTRA,
    IN_THE_WAY,
)


def check(place: Place) -> Report:
    """Findings about every ruleset of the repository, its own and those that the organisation lays on it."""
    planned = {ruleset.name: ruleset for ruleset in place.repository.rulesets}
    if _is_unpaid(place):
        yield UNPAID.at(place.where, "rulesets in force", "a price plan without rulesets")
        return
    live = yield from place.entries("its rulesets", NEEDS, "rulesets", includes_parents="true")
    if live is None:
        return
    own = [entry for entry in live if entry.get("source_type", "Repository") == "Repository"]
    for name, ruleset in planned.items():
        heads = [entry for entry in own if entry.get("name") == name]
        if not heads:
            yield MISSING.at(
                _where(place, name),
                "the ruleset",
                "none of that name",
                severity=_stake(ruleset).severity,
                stake=_exploit(place, ruleset),
            )
        for head in heads:
            yield from _planned(place, ruleset, head)
        if len(heads) > 1:
            yield TWICE.at(_where(place, name), "one", str(len(heads)))
    known = {*planned, *(ruleset.name for ruleset in place.scene.whole.repositories[0].rulesets)}
    for head in live:
        if head not in own or head.get("name") not in known:
            yield from _extra(place, head)


def _is_unpaid(place: Place) -> bool:
    """Whether the forge says that no ruleset is in force for want of a price plan that has them."""
    owner, name = place.repository.owner, place.repository.name
    answer = place.scene.reader.get("/repos/{}/{}/rulesets", owner, name, per_page=100, includes_parents="true")
    return not answer.ok and answer.message.startswith(UPGRADE)


def _where(place: Place, name: str) -> str:
    return f"ruleset {ascii(name)[1:-1]} of {place.repository.full_name}"


def _stake(ruleset: Ruleset) -> Stake:
    return STAKES[ruleset.key]


def _exploit(place: Place, ruleset: Ruleset) -> str:
    return _stake(ruleset).exploit.format(repository=place.repository.full_name, refs=_refs(ruleset.include))


def _refs(refs: Iterable[str]) -> str:
    return ", ".join(ref.removeprefix("refs/heads/") for ref in refs)


def _planned(place: Place, ruleset: Ruleset, head: Entry) -> Report:
    where, stake, exploit = _where(place, ruleset.name), _stake(ruleset), _exploit(place, ruleset)
    # The list has neither conditions nor rules.
    live = yield from place.ask(f"the ruleset `{ruleset.name}`", NEEDS, "rulesets/{}", str(head.get("id")))
    if live is None:
        return
    if live.get("enforcement") != "active":
        found = f"`{live.get('enforcement')}`, which forbids nothing"
        yield OFF.at(where, "`active`", found, severity=stake.severity, stake=exploit)
    yield from _scope(where, ruleset, live, stake, exploit)
    for each in differences(ruleset.rules, live.get("rules") or ()):
        code = {Change.MISSING: RULE_MISSING, Change.WEAKER: RULE_WEAKER, Change.STRICTER: RULE_STRICTER}[each.change]
        severity = {Change.MISSING: stake.severity, Change.WEAKER: Severity.HIGH}.get(each.change)
        expected, found = f"`{each.rule}`: {each.expected}", each.found
        yield code.at(where, expected, found, severity=severity, stake=exploit)
    yield from _bypass(place, where, ruleset, live)


def _scope(where: str, ruleset: Ruleset, live: Entry, stake: Stake, exploit: str) -> Iterator[Exposure]:
    """Refs that it governs. Fewer than planned stand open."""
    names = (live.get("conditions") or {}).get("ref_name") or {}
    include, exclude = ({str(each) for each in names.get(key) or ()} for key in ("include", "exclude"))
    if live.get("target") != ruleset.target.value:
        expected, found = f"rules for a {ruleset.target.value}", f"rules for a {live.get('target')}"
        yield NARROWED.at(where, expected, found, severity=stake.severity, stake=exploit)
        return
    open_now = (set(ruleset.include) - include) | (exclude - set(ruleset.exclude))
    more = (include - set(ruleset.include)) | (set(ruleset.exclude) - exclude)
    expected = _conditions(set(ruleset.include), set(ruleset.exclude))
    found = _conditions(include, exclude)
    if open_now:
        yield NARROWED.at(where, expected, found, severity=stake.severity, stake=exploit)
    elif more:
        yield WIDENED.at(where, expected, found)


def _conditions(include: set[str], exclude: set[str]) -> str:
    return f"refs {listed(include)}" + (f" without {listed(exclude)}" if exclude else "")


def _bypass(place: Place, where: str, ruleset: Ruleset, live: Entry) -> Report:
    actors = live.get("bypass_actors")
    if actors is None:
        yield Unverifiable(
            where,
            "its bypass list",
            "GitHub shows it only to those who may change the ruleset",
            "Use a token with administration (write)",
        )
        return
    wanted = []
    for actor in ruleset.bypass:
        known = yield from _identified(place, where, actor)
        if known is None:
            return
        wanted.append((actor.kind.value, known))
    there = [(str(entry.get("actor_type")), _number(entry)) for entry in actors]
    for seen, entry in zip(there, actors, strict=True):
        if seen not in wanted:
            expected = f"bypassed by {listed([_name(*each) for each in wanted])}"
            yield BYPASS_ADDED.at(
                where,
                expected,
                f"by {_name(*seen)} too",
                severity=_stake(ruleset).severity,
                actor=_name(*seen),
                stake=_exploit(place, ruleset),
            )
        elif entry.get("bypass_mode", "always") != "always":
            yield BYPASS_MODE.at(where, f"{_name(*seen)} bypasses `always`", f"`{entry.get('bypass_mode')}`")
    for each in wanted:
        if each not in there:
            yield BYPASS_MISSING.at(where, f"bypassed by {_name(*each)}", "not by that one")


NO_ID = (BypassKind.DEPLOY_KEY.value, BypassKind.ORGANIZATION_ADMIN.value)
"""Kinds that are one for the whole repository; GitHub gives some of them a number that says nothing."""


def _number(entry: Entry) -> int:
    return 0 if entry.get("actor_type") in NO_ID else int(entry.get("actor_id") or 0)


def _name(kind: str, number: int) -> str:
    return f"{kind} {number}" if number else kind


def _identified(place: Place, where: str, actor: BypassActor) -> Generator[Unverifiable, None, int | None]:
    """The number of the actor; a user who is only named is looked up. None: that could not be read."""
    if actor.id is not None or actor.login is None:
        return actor.id or 0
    found = yield from place.scene.ask(
        where, f"the id of its writer {actor.login}", "any access", "/users/{}", actor.login
    )
    return None if found is None else int(found.get("id") or 0)


def _extra(place: Place, head: Entry) -> Report:
    """One that the plan does not have: it restricts only, and may restrict the writer."""
    name, held = str(head.get("name")), _held(place)
    where = _where(place, name)
    if head.get("enforcement") == "active" and head.get("target") == "branch" and held:
        live = yield from place.ask(f"the ruleset `{name}`", NEEDS, "rulesets/{}", str(head.get("id")))
        rules = {str(rule.get("type")) for rule in (live or {}).get("rules") or ()} & {*REFUSES, *MAY_REFUSE}
        for environment in held if live is not None and rules else ():
            if governs(live or {}, environment.ref or "") and not passes(live or {}, environment):
                found = f"its rules {listed(rules)} over it"
                yield IN_THE_WAY.at(
                    where,
                    f"no other rules over {environment.branch}",
                    found,
                    environment=environment.name,
                    branch=environment.branch,
                )
                return
    yield EXTRA.at(where, "no other ruleset", f"`{head.get('enforcement')}`, for a {head.get('target')}")


def _held(place: Place) -> tuple[Environment, ...]:
    """Environments whose branch somebody moves in this repository."""
    found = [each for each in place.scene.plan.environments if each.repository == place.repository.full_name]
    return tuple(each for each in found if each.credential is not None and not place.former)
