"""Weakenings of rulesets, derived from those that are live: whatever `up` made, each part of it is weakened alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gitops_infra.plan.access import Operation, sample_refs
from gitops_infra.plan.model import RefKind, Repository
from gitops_infra.plan.predictor import kind_of_ref
from gitops_infra.sandbox.forge.daemon import PROVISIONER
from gitops_infra.sandbox.forge.model import Ruleset
from gitops_infra.sandbox.forge.rulesets import matching
from gitops_infra.topology.vocabulary import EnvironmentKind
from guarantee.admin import Admin, Body
from guarantee.matrix.cells import Question
from guarantee.matrix.world import DANA, World
from guarantee.mutation.protections import in_ruleset
from guarantee.mutation.weakening import Weakening

BROKEN_BY: Mapping[str, tuple[Operation, ...]] = {
    "creation": (Operation.CREATE,),
    "update": (Operation.REST_UPDATE, Operation.PUSH),
    "deletion": (Operation.DELETE,),
    "non_fast_forward": (Operation.REST_FORCE, Operation.FORCE_PUSH),
    "pull_request": (Operation.REST_UPDATE, Operation.PUSH_FOREIGN, Operation.MERGE_UNREVIEWED),
}
"""Type of a rule -> operations that it refuses."""

PARAMETERS: tuple[tuple[str, object], ...] = (
    ("required_approving_review_count", 0),
    ("require_code_owner_review", False),
    ("dismiss_stale_reviews_on_push", False),
    ("require_last_push_approval", False),
)
"""Parameters of a pull-request rule, each with its weakest value."""

ROLES = {4: "write", 2: "maintain", 5: "admin"}
"""GitHub's actor ids of repository roles."""

WIDE = {RefKind.BRANCH: "refs/heads/env/*", RefKind.TAG: "refs/tags/v*"}
"""A pattern that takes more refs out of a ruleset than planned."""
NOWHERE = {"branch": "refs/heads/nowhere", "tag": "refs/tags/nowhere"}


def of_rulesets(world: World) -> Iterator[Weakening]:
    """The weakenings of each live ruleset of each planned repository.

    All of them in the application's and in production's; in the others, which differ by name only, one for each part.
    """
    guarded = {world.plan.application.full_name}
    guarded |= {each.repository or "" for each in world.plan.environments if each.kind is EnvironmentKind.PRODUCTION}
    for repository in world.plan.repositories:
        for live in world.forge.store.rulesets_of(world.forge.repository(repository.full_name)):
            found = tuple(_Weak(world, repository, live).all())
            yield from found if repository.full_name in guarded else _one_each(found)


def _one_each(weakenings: Sequence[Weakening]) -> Iterator[Weakening]:
    """The first weakening of each protection."""
    return iter({each.protection: each for each in reversed(weakenings)}.values())


class _Weak:
    """The weakenings of one ruleset."""

    def __init__(self, world: World, repository: Repository, live: Ruleset) -> None:
        self.world, self.repository, self.live = world, repository, live
        default = world.forge.repository(repository.full_name).default_branch
        self.refs = [ref for ref in sample_refs(world.plan, repository) if matching(live, ref, default)]

    def all(self) -> Iterator[Weakening]:
        """Every one of them."""
        everything = tuple(rule["type"] for rule in self.live.rules)
        full_name, name = self.repository.full_name, self.live.name
        yield Weakening(
            f"{full_name}, {name}: deleted",
            in_ruleset(full_name, name),
            lambda admin: admin.ruleset(full_name, name, None),
            self._asked(*everything),
        )
        for enforcement in ("disabled", "evaluate"):
            yield self._edited(f"enforcement {enforcement}", "", _set("enforcement", enforcement), *everything)
        yield from self._rules()
        yield from self._bypasses(everything)
        yield from self._patterns(everything)

    def _rules(self) -> Iterator[Weakening]:
        for rule in self.live.rules:
            kind = rule["type"]
            yield self._edited(f"without the rule {kind}", kind, partial(_without, kind), kind)
            for parameter, value in PARAMETERS if kind == "pull_request" else ():
                if rule["parameters"].get(parameter) not in {value, None}:
                    edit = partial(_parameter, kind, parameter, value)
                    yield self._edited(f"{parameter} {str(value).lower()}", parameter, edit, kind)

    def _bypasses(self, everything: tuple[str, ...]) -> Iterator[Weakening]:
        """Every foreign actor, added alone."""
        present = {(each["actor_type"], each["actor_id"]) for each in self.live.bypass_actors}
        store = self.world.forge.store
        apps = {app.id: f"the App {app.slug}" for app in store.apps.values() if app.slug == PROVISIONER}
        foreign: list[tuple[str, int | None, str]] = [
            ("DeployKey", None, "every deploy key"),
            ("OrganizationAdmin", None, "owners"),
            *(("RepositoryRole", number, f"the role {role}") for number, role in ROLES.items()),
            *(("Integration", number, words) for number, words in apps.items()),
            ("User", self.world.forge.user(DANA).id, f"the user {DANA}"),
        ]
        for kind, number, words in foreign:
            if (kind, number) not in present:
                entry = {"actor_type": kind, "actor_id": number, "bypass_mode": "always"}
                edit = partial(_added, "bypass_actors", entry)
                yield self._edited(f"bypassed by {words}", "bypass", edit, *everything)

    def _patterns(self, everything: tuple[str, ...]) -> Iterator[Weakening]:
        """Over fewer refs than planned: another one, one left out, a whole pattern left out."""
        target = RefKind(self.live.target)
        yield self._edited("over another ref", "refs", partial(_refs, NOWHERE[target.value]), *everything)
        left_out = {"one ref": self.refs[0], "a pattern": WIDE[target]} if self.refs else {"a pattern": WIDE[target]}
        for words, pattern in left_out.items():
            edit = partial(_excluded, pattern)
            yield self._edited(f"leaves out {words}, {pattern}", "refs", edit, *everything)

    def _edited(self, what: str, part: str, edit: Callable[[Body], object], *rules: str) -> Weakening:
        full_name, name = self.repository.full_name, self.live.name

        def apply(admin: Admin) -> None:
            admin.ruleset(full_name, name, edit)

        return Weakening(f"{full_name}, {name}: {what}", in_ruleset(full_name, name, part), apply, self._asked(*rules))

    def _asked(self, *rules: str) -> tuple[Question, ...]:
        """The operations that these rules refuse, on the first and the last ref that the ruleset names."""
        operations = dict.fromkeys(operation for rule in rules for operation in BROKEN_BY.get(rule, ()))
        return tuple(
            Question(self.repository.full_name, ref, operation)
            for ref in dict.fromkeys([*self.refs[:1], *self.refs[-1:]])
            for operation in operations
            if kind_of_ref(ref) is RefKind.BRANCH or operation is not Operation.MERGE_UNREVIEWED
        )


def _set(field: str, value: Any) -> Callable[[Body], object]:
    return lambda body: body.update({field: value})


def _without(kind: str, body: Body) -> None:
    body["rules"] = [rule for rule in body["rules"] if rule["type"] != kind]


def _parameter(kind: str, name: str, value: object, body: Body) -> None:
    next(rule for rule in body["rules"] if rule["type"] == kind)["parameters"][name] = value


def _added(field: str, entry: Any, body: Body) -> None:
    body[field].append(entry)


def _refs(pattern: str, body: Body) -> None:
    body["conditions"]["ref_name"] = {"include": [pattern], "exclude": []}


def _excluded(pattern: str, body: Body) -> None:
    body["conditions"]["ref_name"]["exclude"].append(pattern)
