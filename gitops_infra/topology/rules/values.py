"""Rules about one value alone: names, numbers, words that are not available yet, secrets in plain text."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel

from gitops_infra.topology import names
from gitops_infra.topology.application import Application, Grant, Label
from gitops_infra.topology.cluster import HealthCheck, Permission, Sync, TargetCluster
from gitops_infra.topology.environment import Environment, Reviewer, Writer
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.promotion import Promotion
from gitops_infra.topology.secret_shapes import looks_random, secret_shape, shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import Agent, Forge, Method, Trigger

Key = tuple[type[BaseModel], str]
Parts = tuple[str | int, ...]


class Name(NamedTuple):
    """A text, every text of a list, or every value of a mapping."""

    noun: str
    code: str
    check: names.Check
    show: bool = True
    """Whether a message may quote it."""


class Range(NamedTuple):
    """A whole number with both borders included."""

    low: int
    high: int
    meaning: str


NAMES: Mapping[Key, Name] = {
    (Topology, "owner"): Name("owner", "bad-owner", names.login),
    (Topology, "known_hosts"): Name("host key", "bad-host-key", names.host_key, show=False),
    (Application, "name"): Name("repository", "bad-repository-name", names.repository_name),
    (Application, "default_branch"): Name("branch", "bad-branch-name", names.branch_name),
    (Application, "description"): Name("description", "bad-text", names.description, show=False),
    (Application, "owners"): Name("code owner", "bad-code-owner", names.code_owner),
    (Application, "required_checks"): Name("check", "bad-check-name", names.check_name),
    (Application, "allowed_actions"): Name("pattern", "bad-action-pattern", names.action_pattern),
    (Grant, "team"): Name("team", "bad-team", names.team_slug),
    (Grant, "user"): Name("user", "bad-user", names.login),
    (Label, "name"): Name("label", "bad-label", names.label_name),
    (Label, "color"): Name("colour", "bad-label-colour", names.label_colour),
    (Label, "description"): Name("description", "bad-text", names.label_description, show=False),
    (Reviewer, "team"): Name("team", "bad-team", names.team_slug),
    (Reviewer, "user"): Name("user", "bad-user", names.login),
    (Environment, "name"): Name("environment name", "bad-environment-name", names.environment_name),
    (Environment, "branch"): Name("branch", "bad-branch-name", names.branch_name),
    (Environment, "state_repository"): Name("repository", "bad-repository-name", names.repository_name),
    (Environment, "formerly"): Name("environment name", "bad-environment-name", names.environment_name),
    (Environment, "manifests"): Name("folder", "bad-folder", names.folder),
    (Environment, "paths"): Name("folder", "bad-folder", names.folder),
    (Environment, "required_checks"): Name("check", "bad-check-name", names.check_name),
    (Writer, "user"): Name("user", "bad-user", names.login),
    (Writer, "key"): Name("value", "bad-configuration-key", names.configuration_key, show=False),
    (Environment, "variables"): Name("value", "bad-variable-value", names.variable_value, show=False),
    (Environment, "secrets"): Name("value", "bad-configuration-key", names.configuration_key, show=False),
    (Environment, "cluster"): Name("cluster", "bad-cluster-name", names.environment_name),
    (Environment, "namespace"): Name("namespace", "bad-namespace", names.namespace),
    (TargetCluster, "name"): Name("cluster", "bad-cluster-name", names.environment_name),
    (TargetCluster, "kubeconfig"): Name("value", "bad-configuration-key", names.configuration_key, show=False),
    (TargetCluster, "context"): Name("context", "bad-context", names.context),
    (TargetCluster, "receiver_url"): Name("address", "bad-receiver-url", names.receiver_url, show=False),
    (Permission, "resources"): Name("kind of object", "bad-permission", names.api_resource),
    (Permission, "groups"): Name("API group", "bad-permission", names.api_group),
    (Permission, "verbs"): Name("verb", "bad-permission", names.api_verb),
    (HealthCheck, "api_version"): Name("API version", "bad-health-check", names.api_version),
    (HealthCheck, "kind"): Name("kind", "bad-health-check", names.kind),
    (HealthCheck, "name"): Name("object", "bad-health-check", names.object_name),
    (Sync, "cluster_role"): Name("ClusterRole", "bad-cluster-role", names.cluster_role),
    (Sync, "signed_by"): Name("key", "bad-public-key", names.public_key, show=False),
    (Promotion, "tags"): Name("tag pattern", "bad-tag-pattern", names.tag_pattern),
}

KEYS: Mapping[Key, Name] = {
    (Environment, "variables"): Name("variable name", "bad-variable-name", names.variable_name),
    (Environment, "secrets"): Name("secret name", "bad-secret-name", names.variable_name),
}
"""Keys of mappings, as `NAMES` is for their values."""

RANGES: Mapping[Key, Range] = {
    (Application, "required_reviews"): Range(1, 6, " approvals"),
    (Environment, "wait_minutes"): Range(0, 43_200, " minutes (30 days)"),
    (Environment, "generation"): Range(1, 1_000_000, ", one more for each rotation"),
    (Sync, "poll_seconds"): Range(10, 3_600, " seconds"),
    (Sync, "timeout_seconds"): Range(30, 3_600, " seconds"),
    (Sync, "generation"): Range(1, 1_000_000, ", one more for each rotation"),
    (Reviewer, "id"): Range(1, 2**53 - 1, " as numeric id"),
    (Writer, "id"): Range(1, 2**53 - 1, " as numeric id"),
    (Writer, "app"): Range(1, 2**53 - 1, " as App id"),
}

NOT_AVAILABLE: Mapping[Key, Mapping[StrEnum, str]] = {
    (Topology, "forge"): {Forge.GITLAB: "Use `forge: github`"},
    (TargetCluster, "agent"): {
        Agent.ARGO_CD: "Use `agent: flux`",
        Agent.GITLAB_AGENT: "Use `agent: flux`, which GitLab's own agent works with",
    },
    (Promotion, "trigger"): {
        Trigger.ON_ITEM_PULL_REQUEST: "Use `on_default_branch`, `on_approval` or `on_release`",
    },
    (Promotion, "method"): {
        Method.PULL_REQUEST: "Use `method: fast_forward`",
        Method.RETAG: "Use `method: fast_forward`",
    },
}
"""Words of the vocabulary that are refused by name until they do what they say."""

ONE_OF: Mapping[type[BaseModel], tuple[str, str, str]] = {
    Grant: ("team", "user", "user-or-team"),
    Reviewer: ("team", "user", "user-or-team"),
    Writer: ("app", "user", "app-or-user"),
}
"""Models in which exactly one of two keys is given, and the code of the problem."""

SECRET_KEYS: frozenset[Key] = frozenset({(Environment, "secrets"), (Writer, "key"), (TargetCluster, "kubeconfig")})
"""Texts that name a configuration value: where a generated secret in their place would be a leak."""


def value_problems(model: BaseModel, *, at: Parts = ()) -> Iterator[Problem]:
    """Everything wrong with single values of the model and of the models inside it.

    Works for any model that contains or extends topology models; other values (such as outputs known only at
    run time) are left alone. `at` is the place of the model in the input.
    """
    yield from _one_of(model, at)
    for field, value in model.__dict__.items():
        place = (*at, field)
        yield from _number(_fact(RANGES, model, field), value, place)
        yield from _word(_fact(NOT_AVAILABLE, model, field) or {}, value, place)
        # Which entry it is counts for the place; that a list or mapping holds it does not count for the rule.
        for where, item in _items(value, place):
            if isinstance(item, BaseModel):
                yield from value_problems(item, at=where)
            elif isinstance(item, str) and not isinstance(item, StrEnum) and not _holds_secrets(model, field):
                yield from _text(_fact(NAMES, model, field), item, where, is_key=_is_secret_key(model, field))
        if isinstance(value, dict):
            for key in value:
                yield from _text(_fact(KEYS, model, field), key, (*place, key), is_key=False)


def _holds_secrets(model: BaseModel, field: str) -> bool:
    """Whether a secret is just what belongs there: an argument of a component that is in no text of its own."""
    found = type(model).model_fields.get(field)
    return found is not None and found.repr is False


def _is_secret_key(model: BaseModel, field: str) -> bool:
    return any((cls, field) in SECRET_KEYS for cls in type(model).__mro__)


def _fact(table: Mapping[Key, Any], model: BaseModel, field: str) -> Any:
    """What the table says about the field in the model's class or in one that it extends."""
    return next((table[cls, field] for cls in type(model).__mro__ if (cls, field) in table), None)


def _items(value: object, place: Parts) -> Iterator[tuple[Parts, object]]:
    if isinstance(value, (list, tuple)):
        yield from (((*place, index), item) for index, item in enumerate(value))
    elif isinstance(value, dict):
        yield from (((*place, key), item) for key, item in value.items())
    else:
        yield place, value


def _text(fact: Name | None, text: str, place: Parts, *, is_key: bool) -> Iterator[Problem]:
    kind = secret_shape(text) or ("a generated secret" if is_key and looks_random(text) else None)
    if kind:
        yield Problem(
            path(*place),
            "secret-in-plain-text",
            f"this reads like {kind} in plain text",
            "Revoke it, store a new one with `pulumi config set --secret <key>` and "
            + ("give `<key>` here" if is_key else "name `<key>` under `secrets`"),
        )
    elif fact and (refusal := fact.check(text)):
        what = f"{fact.noun} {shown(text)}" if fact.show else f"the {fact.noun}"
        yield Problem(path(*place), fact.code, f"{what} {refusal.reason}", refusal.remedy)


def _number(fact: Range | None, value: object, place: Parts) -> Iterator[Problem]:
    if fact and isinstance(value, int) and not fact.low <= value <= fact.high:
        side, border = ("below", fact.low) if value < fact.low else ("above", fact.high)
        yield Problem(
            path(*place),
            "out-of-range",
            f"the number is {side} {border:,}",
            f"Give {fact.low:,} to {fact.high:,}{fact.meaning}",
        )


def _word(fact: Mapping[StrEnum, str], value: object, place: Parts) -> Iterator[Problem]:
    if isinstance(value, StrEnum) and value in fact:
        yield Problem(path(*place), "not-available-yet", f"`{value}` is not available yet", fact[value])


def _one_of(model: BaseModel, at: Parts) -> Iterator[Problem]:
    fact = next((ONE_OF[cls] for cls in type(model).__mro__ if cls in ONE_OF), None)
    if fact is None or not all(key in model.__dict__ for key in fact[:2]):
        return
    first, second, code = fact
    given = [key for key in (first, second) if getattr(model, key) is not None]
    if len(given) != 1:
        yield Problem(
            path(*at),
            code,
            f"both `{first}` and `{second}` are given" if given else f"neither `{first}` nor `{second}` is given",
            f"Give exactly one of `{first}` and `{second}`",
        )
