"""The same resources for OpenTofu with the upstream provider, as one configuration in JSON.

What Pulumi's TLS provider makes, a key pair, is here a `terraform_data` that holds a pair made beforehand: OpenTofu
then needs no second provider, which is to its advantage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.subject import APPLICATION, OWNER, Subject

DEFAULT_BRANCH = "main"
IGNORED = [
    "has_downloads",
    "allow_auto_merge",
    "allow_merge_commit",
    "allow_rebase_merge",
    "allow_squash_merge",
    "allow_update_branch",
    "delete_branch_on_merge",
    "merge_commit_message",
    "merge_commit_title",
    "squash_merge_commit_message",
    "squash_merge_commit_title",
]
Resources = dict[str, dict[str, dict[str, Any]]]
"""Type, name, arguments."""


@dataclass(frozen=True)
class KeyPair:
    """Both halves of an Ed25519 key, as OpenSSH writes them."""

    public: str
    private: str

    @classmethod
    def new(cls) -> "KeyPair":
        """A pair that nobody had before."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return cls(public.decode(), private.decode())


def configuration(
    subject: Subject, keys: Mapping[tuple[str, int], KeyPair], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The whole configuration. `keys` by environment and generation; `settings` are the provider's.

    What our programs retain is forgotten by `tofu destroy` (`destroy = false`). `deleted_with` has no counterpart.
    """
    resources: Resources = {}
    _application(resources)
    for environment in subject.names:
        keep = subject.approver(environment) is not None
        ready = [
            *_environment(resources, environment, subject.approver(environment)),
            *_branch(resources, environment, keep=keep),
        ]
        generation = subject.generation(environment)
        _credential(resources, environment, generation, keys[environment, generation], ready)
        _variables(resources, environment, ready, keep=keep)
    return {
        "terraform": {"required_providers": {"github": {"source": "integrations/github"}}},
        "provider": {"github": {"owner": OWNER, **(settings or {})}},
        "resource": resources,
    }


def _add(  # noqa: PLR0913 - by keyword where it is not what the resource is
    resources: Resources,
    kind: str,
    name: str,
    arguments: dict[str, Any],
    after: list[str],
    *,
    keep: bool = False,
    **lifecycle: Any,
) -> str:
    """Adds one resource; its address."""
    meta: dict[str, Any] = {"depends_on": after} if after else {}
    cycle = {**lifecycle, "destroy": False} if keep else lifecycle
    if cycle:
        meta["lifecycle"] = cycle
    resources.setdefault(kind, {})[name] = {**arguments, **meta}
    return f"{kind}.{name}"


def _ruleset(name: str, repository: str, *, target: str, ref: list[str], excluded: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "repository": repository,
        "target": target,
        "enforcement": "active",
        "conditions": [{"ref_name": [{"include": ref, "exclude": excluded}]}],
    }


def _application(resources: Resources) -> None:
    head = [f"refs/heads/{DEFAULT_BRANCH}"]
    wanted = _ruleset("gitops: default branch", APPLICATION, target="branch", ref=head, excluded=[])
    reviewed = {
        "required_approving_review_count": 1,
        "require_code_owner_review": True,
        "dismiss_stale_reviews_on_push": True,
        "require_last_push_approval": True,
        "allowed_merge_methods": ["merge", "squash", "rebase"],
    }
    rules = [{"creation": True, "deletion": True, "non_fast_forward": True, "pull_request": [reviewed]}]
    arguments = {**wanted, "bypass_actors": [], "rules": rules}
    _add(resources, "github_repository_ruleset", "default_branch", arguments, [], keep=True)


def _environment(resources: Resources, environment: str, approver: int | None) -> list[str]:
    keep = approver is not None
    made = _add(
        resources,
        "github_repository_environment",
        environment,
        {
            "repository": APPLICATION,
            "environment": environment,
            **({} if approver is None else {"reviewers": [{"users": [approver], "teams": []}]}),
            "prevent_self_review": keep,
            "can_admins_bypass": False,
            "wait_timer": 0,
            "deployment_branch_policy": [{"protected_branches": False, "custom_branch_policies": True}],
        },
        ["github_repository_ruleset.default_branch"],
        keep=keep,
    )
    policy = {"repository": APPLICATION, "environment": environment, "branch_pattern": DEFAULT_BRANCH}
    kind = "github_repository_environment_deployment_policy"
    return [_add(resources, kind, environment, policy, [made], keep=keep)]


def _branch(resources: Resources, environment: str, *, keep: bool) -> list[str]:
    name, ref = f"{APPLICATION}-env-{environment}", f"refs/heads/env/{environment}"
    repository = _add(
        resources,
        "github_repository",
        environment,
        {
            "name": name,
            "description": f"State of {APPLICATION} in {environment}: env/{environment}, moved by promotions only",
            "visibility": "private",
            "auto_init": False,
            "has_discussions": False,
            "has_issues": False,
            "has_projects": False,
            "has_wiki": False,
        },
        ["github_repository_ruleset.default_branch"],
        keep=keep,
        ignore_changes=IGNORED,
    )
    settings = {"repository": name, "enabled": False}
    actions = _add(resources, "github_actions_repository_permissions", environment, settings, [repository], keep=keep)
    locked = {"creation": True, "update": True, "deletion": True}
    key = [{"actor_type": "DeployKey", "bypass_mode": "always"}]
    table: tuple[tuple[str, str, list[str], list[str], dict[str, bool], list[dict[str, str]]], ...] = (
        ("writers", "branch", [ref], [], {"creation": True, "update": True}, key),
        ("integrity", "branch", [ref], [], {"deletion": True, "non_fast_forward": True}, []),
        ("locked branches", "branch", ["~ALL"], [ref], locked, []),
        ("locked tags", "tag", ["~ALL"], [], locked, []),
    )
    return [
        _add(
            resources,
            "github_repository_ruleset",
            f"{environment}-{title.replace(' ', '-')}",
            {
                **_ruleset(f"gitops: {environment} {title}", name, target=target, ref=included, excluded=excluded),
                "bypass_actors": bypass,
                "rules": [rules],
            },
            [repository, actions],
            keep=keep,
        )
        for title, target, included, excluded, rules, bypass in table
    ]


def _credential(resources: Resources, environment: str, generation: int, key: KeyPair, after: list[str]) -> None:
    pair = {
        "input": {"public": key.public, "private": key.private},
        "triggers_replace": [generation],
    }
    first = {"create_before_destroy": True}
    _add(resources, "terraform_data", environment, pair, [], **first)
    held = f"terraform_data.{environment}.output"
    deploy_key = _add(
        resources,
        "github_repository_deploy_key",
        environment,
        {
            "repository": f"{APPLICATION}-env-{environment}",
            "title": f"gitops-infra {APPLICATION} {environment} g{generation}",
            "key": f"${{{held}.public}}",
            "read_only": False,
        },
        after,
        **first,
    )
    secret = {
        "repository": APPLICATION,
        "environment": environment,
        "secret_name": "GITOPS_DEPLOY_KEY",
        "value": f"${{{held}.private}}",
    }
    _add(resources, "github_actions_environment_secret", environment, secret, [deploy_key])


def _variables(resources: Resources, environment: str, after: list[str], *, keep: bool) -> None:
    values = {
        "GITOPS_BRANCH": f"env/{environment}",
        "GITOPS_STATE_REPOSITORY": f"{OWNER}/{APPLICATION}-env-{environment}",
    }
    for name, value in values.items():
        arguments = {"repository": APPLICATION, "environment": environment, "variable_name": name, "value": value}
        kind = "github_actions_environment_variable"
        _add(resources, kind, f"{environment}-{name}", arguments, after, keep=keep)
