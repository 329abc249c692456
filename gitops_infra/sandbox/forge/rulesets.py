"""Rulesets: what the forge accepts as one, and which refs it governs.

A rule, parameter or actor that the forge would not enforce is refused by name, never stored and ignored.
Source: GitHub REST, "Create a repository ruleset", and "Available rules for rulesets".
"""

from collections.abc import Callable, Mapping
from typing import Any

from gitops_infra.sandbox.forge import metadata
from gitops_infra.sandbox.forge.identity import ACTIONS_APP_ID
from gitops_infra.sandbox.forge.model import Repository, Ruleset
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.price_plans import Feature, offers
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.rule_parameters import ABSENT_UNLESS_SET, KNOWN_AT_GITHUB, RULES, WRONG_TARGET
from gitops_infra.sandbox.forge.store import Store

TARGETS = {"branch": "refs/heads/", "tag": "refs/tags/"}
ENFORCEMENTS = ("active", "disabled", "evaluate")
LIMIT = 75
"""Rulesets a repository may have."""

ROLE_ACTORS = {2: "maintain", 4: "write", 5: "admin"}
"""`actor_id` of a `RepositoryRole` bypass actor -> the weakest role it matches."""

ACTOR_TYPES = ("RepositoryRole", "Team", "Integration", "OrganizationAdmin", "DeployKey", "User")
WITHOUT_ID = ("DeployKey", "OrganizationAdmin")
BYPASS_MODES = ("always", "pull_request", "exempt")

FIELDS = ("name", "target", "enforcement", "conditions", "rules", "bypass_actors")
SENT_BACK = ("id", "source", "source_type", "node_id", "_links", "created_at", "updated_at", "current_user_can_bypass")
"""Fields that clients send as they read them; GitHub ignores them."""


def parse(
    body: Mapping[str, Any],
    *,
    current: Ruleset | None = None,
    actor_problem: Callable[[str, int], str | None] = lambda _type, _id: None,
) -> dict[str, Any]:
    """The ruleset's `name`, `target`, `enforcement`, `conditions`, `rules`, `bypass_actors`, complete and checked.

    With `current`, absent fields keep their value. `actor_problem` says what is wrong with an actor's type and id.
    Raises Refusal 422 with GitHub's wording where it is known, all bad rules and actors at once.
    """
    if body.get("bypass_actors", ()) is None:
        raise _invalid_request("Invalid property /bypass_actors: data cannot be null.")
    for name in body:
        if name not in FIELDS and name not in SENT_BACK:
            raise _invalid_request(f'"{name}" is not a permitted key.')
    result = _start(current) | {name: body[name] for name in FIELDS if name in body}
    if not isinstance(result["name"], str) or not result["name"].strip():
        raise _failed("Name can't be blank")
    if result["target"] not in TARGETS:
        raise _failed(f"Invalid target {result['target']!r}: the stand-in forge has {' and '.join(TARGETS)} rulesets")
    if result["enforcement"] not in ENFORCEMENTS:
        raise _invalid_request(f"Invalid property /enforcement: {result['enforcement']!r} is not a possible value.")
    result["conditions"] = _conditions(result["conditions"], result["target"])
    problems: list[str] = []
    result["rules"] = _rules(result["rules"], result["target"], problems)
    result["bypass_actors"] = _actors(result["bypass_actors"], result["target"], problems, actor_problem)
    if problems:
        raise _failed(*problems)
    return result


def parse_for(
    store: Store, repository: Repository, body: Mapping[str, Any], current: Ruleset | None = None
) -> dict[str, Any]:
    """As `parse`, with what the repository adds: price plan, unique name, limit of rulesets, existing actors."""
    owner = store.accounts[repository.owner_id]

    def actor_problem(kind: str, number: int) -> str | None:
        return _ACTOR_PROBLEMS[kind](store, repository, number) if kind in _ACTOR_PROBLEMS else None

    result = parse(body, current=current, actor_problem=actor_problem)
    if result["enforcement"] == "evaluate" and not offers(store, repository, Feature.EVALUATE):
        raise _failed("Enforcement evaluate option is not supported on this plan.")
    if owner.kind != "Organization" and any(a["actor_type"] == "OrganizationAdmin" for a in result["bypass_actors"]):
        raise _failed("Actor organization admin must be part of the ruleset source or owner organization")
    others = [ruleset for ruleset in store.rulesets_of(repository) if current is None or ruleset.id != current.id]
    if any(ruleset.name == result["name"] for ruleset in others):
        raise _failed("Name must be unique")
    if problems := [text for rule in result["rules"] for text in _rule_problems(store, repository, rule)]:
        raise _failed(*problems)
    if current is None and len(others) >= LIMIT:
        raise _failed(f"Repository rulesets are limited to {LIMIT} per repository")
    return result


def _rule_problems(store: Store, repository: Repository, rule: Mapping[str, Any]) -> list[str]:
    """What the repository's price plan and the organisation's teams say to a rule."""
    kind, parameters = rule["type"], rule.get("parameters", {})
    if kind in metadata.SUBJECTS and not offers(store, repository, Feature.METADATA_RULES):
        return [f"Invalid rule '{kind}': it is not supported for this plan"]
    named = (entry["reviewer"]["id"] for entry in parameters.get("required_reviewers", ()))
    return [
        f"Invalid rule '{kind}': Invalid parameter required_reviewers: team {number} has no access to the repository"
        for number in named
        if (team := store.teams.get(number)) is None or repository.id not in team.repositories
    ]


def _start(current: Ruleset | None) -> dict[str, Any]:
    if current is not None:
        return {name: getattr(current, name) for name in FIELDS}
    return {"name": "", "target": "branch", "enforcement": None, "conditions": {}, "rules": [], "bypass_actors": []}


def _invalid_request(message: str) -> Refusal:
    return Refusal(422, f"Invalid request.\n\n{message}")


def _failed(*problems: str) -> Refusal:
    return Refusal(422, "Validation Failed", problems)


def _conditions(value: Any, target: str) -> dict[str, Any]:
    if not value:
        return {}  # else a client that sent none reads some, and plans to remove them
    if not isinstance(value, dict) or set(value) - {"ref_name"} or not isinstance(value.get("ref_name"), dict):
        raise _invalid_request("Invalid property /conditions: the stand-in forge knows `ref_name` only.")
    names = {part: value["ref_name"].get(part) or [] for part in ("include", "exclude")}
    if unknown := sorted(set(value["ref_name"]) - set(names)):
        raise _invalid_request(f'"{unknown[0]}" is not a permitted key of /conditions/ref_name.')
    special = ("~ALL", "~DEFAULT_BRANCH") if target == "branch" else ("~ALL",)
    for part, patterns in names.items():
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            raise _invalid_request(f"Invalid property /conditions/ref_name/{part}: must be a list of strings.")
        wrong = [p for p in patterns if p not in special and not p.startswith(TARGETS[target])]
        if wrong:
            raise _failed(f"Invalid target patterns: {', '.join(repr(pattern) for pattern in wrong)}")
    return {"ref_name": names}


def _rules(value: Any, target: str, problems: list[str]) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _invalid_request("Invalid property /rules: must be a list.")
    result: list[dict[str, Any]] = []
    for number, rule in enumerate(value):
        kind = rule.get("type") if isinstance(rule, dict) else None
        if kind in KNOWN_AT_GITHUB:
            problems.append(f"Invalid rule '{kind}': it is not implemented by the stand-in forge")
        elif not isinstance(kind, str) or kind not in RULES or set(rule) - {"type", "parameters"}:
            raise _invalid_request(f"Invalid property /rules/{number}: data matches no possible input.")
        elif kind in WRONG_TARGET[target]:
            problems.append(f"Invalid rule '{kind}': ")
        elif any(other["type"] == kind for other in result):
            problems.append(f"Invalid rule '{kind}': it is given twice")
        else:
            parameters = _parameters(kind, rule.get("parameters"), problems)
            if fault := metadata.fault(kind, parameters):
                problems.append(f"Invalid rule '{kind}': {fault}")
            result.append({"type": kind, "parameters": parameters} if parameters else {"type": kind})
    return result


def _parameters(kind: str, value: Any, problems: list[str]) -> dict[str, Any]:
    table = RULES[kind]
    given = value or {}
    if not isinstance(given, dict):
        problems.append(f"Invalid rule '{kind}': Invalid parameters: must be an object")
        return {}
    result: dict[str, Any] = {}
    for name in [*table, *sorted(set(given) - set(table))]:
        check, default = table.get(name, (_unknown, None))
        if name not in given and default is None:
            problems.append(f"Invalid rule '{kind}': Missing required parameter {name}")
            continue
        result[name] = given.get(name, default)
        if name in given and (problem := check(given[name])):
            problems.append(f"Invalid rule '{kind}': Invalid parameter {name}: {problem}")
    return {name: set_to for name, set_to in result.items() if set_to or name in given or name not in ABSENT_UNLESS_SET}


def _unknown(_value: Any) -> str:
    return "is unknown to the stand-in forge"


def _actors(
    value: Any, target: str, problems: list[str], actor_problem: Callable[[str, int], str | None]
) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(actor, dict) for actor in value):
        raise _invalid_request("Invalid property /bypass_actors: must be a list of objects.")
    result: list[dict[str, Any]] = []
    for actor in value:
        kind, number, mode = actor.get("actor_type"), actor.get("actor_id"), actor.get("bypass_mode", "always")
        if problem := _actor_fault(kind, number, mode, target) or (
            actor_problem(str(kind), int(number)) if kind not in WITHOUT_ID and number is not None else None
        ):
            problems.append(problem)
            continue
        entry = {"actor_id": None if kind in WITHOUT_ID else number, "actor_type": kind, "bypass_mode": mode}
        if any((other["actor_type"], other["actor_id"]) == (kind, entry["actor_id"]) for other in result):
            problems.append(f"Duplicate bypass actor {kind} {number if number is not None else ''}".rstrip())
        result.append(entry)
    return result


def _actor_fault(kind: Any, number: Any, mode: Any, target: str) -> str | None:  # noqa: PLR0911  (one line a fault)
    if kind not in ACTOR_TYPES:
        return f"Invalid bypass actor type {kind!r}: the stand-in forge knows {', '.join(ACTOR_TYPES)}"
    if mode not in BYPASS_MODES:
        return f"Invalid bypass mode {mode!r}: possible are {', '.join(BYPASS_MODES)}"
    if mode == "pull_request" and kind == "DeployKey":
        return "Invalid bypass mode 'pull_request': deploy keys can only bypass always"
    if mode == "pull_request" and target != "branch":
        return "Invalid bypass mode 'pull_request': only branch rulesets have it"
    if kind not in WITHOUT_ID and (not isinstance(number, int) or isinstance(number, bool)):
        return f"Invalid bypass actor {kind}: actor_id must be a number"
    if kind == "RepositoryRole" and number not in ROLE_ACTORS:
        known = ", ".join(f"{number} ({name})" for number, name in ROLE_ACTORS.items())
        return f"Invalid bypass actor RepositoryRole {number}: possible are {known}"
    return None


_OUTSIDE = "must be part of the ruleset source or owner organization"
"""GitHub's words, reported for the built-in Actions App in a user's repository and for secret teams."""


def _team_problem(store: Store, repository: Repository, number: int) -> str | None:
    """A secret team is none either: only who is visible to the repository's people can be named."""
    team = store.teams.get(number)
    known = team is not None and team.organization_id == repository.owner_id and team.privacy != "secret"
    return None if known else f"Actor {f'{team.name} team' if team else f'team {number}'} {_OUTSIDE}"


def _user_problem(store: Store, repository: Repository, number: int) -> str | None:
    user, owner = store.accounts.get(number), store.accounts[repository.owner_id]
    inside = number in {owner.id, *owner.members, *repository.collaborators}
    return None if user is not None and user.kind == "User" and inside else f"Actor user {number} {_OUTSIDE}"


def _app_problem(store: Store, repository: Repository, number: int) -> str | None:
    if number == ACTIONS_APP_ID:
        owner = store.accounts[repository.owner_id]
        return None if owner.kind == "Organization" else f"Actor GitHub Actions integration {_OUTSIDE}"
    app = store.apps.get(number)
    here = app is not None and store.installation(app, store.accounts[repository.owner_id]) is not None
    return None if here else f"Actor {f'{app.name} integration' if app else f'integration {number}'} {_OUTSIDE}"


_ACTOR_PROBLEMS = {"Team": _team_problem, "User": _user_problem, "Integration": _app_problem}


def matching(ruleset: Ruleset, ref: str, default_branch: str) -> bool:
    """Whether the ruleset governs the full ref: its target fits, an include matches and no exclude does.

    `default_branch` is the name without `refs/heads/`. Refs that are neither branches nor tags are never governed.
    """
    if not ref.startswith(TARGETS[ruleset.target]):
        return False
    names = ruleset.conditions.get("ref_name", {})

    def hit(pattern: str) -> bool:
        if pattern == "~ALL":
            return True
        if pattern == "~DEFAULT_BRANCH":
            return ref == f"refs/heads/{default_branch}"
        return fnmatch(pattern, ref)

    return any(map(hit, names.get("include", ()))) and not any(map(hit, names.get("exclude", ())))


def governing(store: Store, repository: Repository, ref: str) -> list[Ruleset]:
    """The repository's active rulesets that govern the ref; none where the price plan has no rulesets any more."""
    if not offers(store, repository, Feature.BRANCH_RULESETS):
        return []
    found = store.rulesets_of(repository)
    return [r for r in found if r.enforcement == "active" and matching(r, ref, repository.default_branch)]
