"""Weakenings of everything on the forge beside rulesets: environments, secrets, keys, repositories, Actions."""

import base64
from collections.abc import Iterator
from functools import partial
from typing import Any

import asyncssh
from nacl.public import PublicKey, SealedBox

from gitops_infra.plan.access import Operation
from gitops_infra.plan.actors import secrets_of
from gitops_infra.plan.model import CredentialKind, Environment, Repository
from gitops_infra.sandbox.forge.identity import normalised_key
from gitops_infra.topology.vocabulary import Visibility
from guarantee.admin import Admin
from guarantee.matrix.cells import Question
from guarantee.matrix.world import DANA, World
from guarantee.mutation.protections import in_environment, in_repository
from guarantee.mutation.weakening import Weakening

PROTECTED = {"protected_branches": True, "custom_branch_policies": False}


def of_settings(world: World) -> Iterator[Weakening]:
    """Each weakening of each setting that the plan has."""
    for environment in world.plan.environments:
        yield from _policy(world, environment)
        yield from _secrets(world, environment)
        yield from _keys(world, environment)
    for repository in world.plan.repositories:
        yield from _repository(world, repository)
        yield from _actions(repository)


def _policy(world: World, environment: Environment) -> Iterator[Weakening]:
    """What admits a job."""
    name, policy, full_name = environment.name, environment.policy, world.plan.application.full_name
    asked = (Question(full_name, secrets_of(name), Operation.READ_SECRET),)

    def put(what: str, part: str, **fields: Any) -> Weakening:
        def apply(admin: Admin) -> None:
            admin.environment(full_name, name, **fields)

        return Weakening(f"environment {name}: {what}", in_environment(name, part), apply, asked)

    def admits(what: str, **pattern: str) -> Weakening:
        def apply(admin: Admin) -> None:
            admin.send("POST", admin.policies(full_name, name), pattern)

        return Weakening(f"environment {name}: admits {what}", in_environment(name, "branch policy"), apply, asked)

    yield put("admits every ref", "branch policy", deployment_branch_policy=None)
    yield put("admits protected branches", "branch policy", deployment_branch_policy=PROTECTED)
    yield admits("every branch", name="*")
    yield admits("feature branches", name="feature/*")
    yield admits("release tags", name="v*", type="tag")
    if policy.approvers:
        yield put("no reviewers", "reviewers", reviewers=[], prevent_self_review=False)
        dana = {"type": "User", "id": world.forge.user(DANA).id}
        yield put("a developer reviews", "reviewers", reviewers=[dana])
    if policy.prevent_self_review:
        yield put("one may approve one's own job", "no self-review", prevent_self_review=False)
    if policy.wait_minutes:
        yield put("no wait timer", "wait timer", wait_timer=0)
    if not policy.admins_bypass:
        yield put("admins may pass by", "no admin bypass", can_admins_bypass=True)


def _secrets(world: World, environment: Environment) -> Iterator[Weakening]:
    """Secrets in wider places than their environment. Who puts them there has seen the value in a job."""
    full_name, name = world.plan.application.full_name, environment.name
    read = (Question(full_name, secrets_of(name), Operation.READ_SECRET),)
    held = dict.fromkeys(environment.secrets, "secrets in the environment alone")
    if environment.credential is not None:
        held[environment.credential.secret_name] = "credential in its secret alone"
    record = world.forge.store.environment(world.forge.repository(full_name), name)
    others = [each.name for each in world.plan.environments if each.name != name]
    places = {"the repository": f"repos/{full_name}/actions/secrets"}
    places |= {f"the environment {other}": f"repos/{full_name}/environments/{other}/secrets" for other in others}
    for secret, protection in held.items():
        value = str(record.secrets[secret]["value"]) if record is not None else ""
        credential = environment.credential
        if credential is not None and secret == credential.secret_name:
            # In another environment of the same secret name it takes the place of that one's credential.
            asked = (*read, Question(credential.repository, environment.ref or "", Operation.PUSH))
        else:
            asked = read
        for words, place in places.items():
            yield Weakening(
                f"environment {name}: its {secret} lies in {words} too",
                in_environment(name, protection),
                partial(_stored, place=place, name=secret, value=value),
                asked,
            )


def _stored(admin: Admin, place: str, name: str, value: str) -> None:
    """Sets a secret, sealed as clients do."""
    key = admin.send("GET", f"/{place}/public-key")
    box = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
    admin.send("PUT", f"/{place}/{name}", {"encrypted_value": base64.b64encode(box).decode(), "key_id": key["key_id"]})


def _keys(world: World, environment: Environment) -> Iterator[Weakening]:
    """Keys that reach further than planned."""
    name, full_name, ref = environment.name, environment.repository, environment.ref
    if full_name is None or ref is None:
        return
    moves = (Question(full_name, ref, Operation.PUSH), Question(full_name, ref, Operation.CREATE))
    if environment.delivery is not None:
        yield Weakening(
            f"environment {name}: its cluster's key may write",
            in_environment(name, "read-only key"),
            partial(_made_writable, full_name=full_name, title=environment.delivery.key.title),
            moves,
        )
    if environment.credential is not None and environment.credential.kind is CredentialKind.DEPLOY_KEY:
        old = asyncssh.import_private_key(world.rotated_out[name]).export_public_key("openssh").decode()
        yield Weakening(
            f"environment {name}: the rotated-out key is back",
            in_environment(name, "rotation"),
            partial(_key, full_name=full_name, title="spare", public=normalised_key(old)),
            moves,
        )


def _made_writable(admin: Admin, full_name: str, title: str) -> None:
    """GitHub cannot change a key, so it is deleted and added again with more rights."""
    live = next(each for each in admin.send("GET", f"/repos/{full_name}/keys?per_page=100") if each["title"] == title)
    admin.without_key(full_name, title)
    _key(admin, full_name, title, live["key"])


def _key(admin: Admin, full_name: str, title: str, public: str) -> None:
    admin.send("POST", f"/repos/{full_name}/keys", {"title": title, "key": public, "read_only": False})


def _repository(world: World, repository: Repository) -> Iterator[Weakening]:
    """Who sees it and who has a role in it."""
    full_name, is_state = repository.full_name, repository.full_name != world.plan.application.full_name
    yield Weakening(
        f"{full_name}: one more write key",
        in_repository(full_name, "keys"),
        lambda admin: admin.key(full_name, "spare", read_only=False),
    )
    if repository.visibility is not Visibility.PUBLIC and (is_state or not repository.existing):
        yield Weakening(
            f"{full_name}: made public",
            in_repository(full_name, "visibility"),
            lambda admin: admin.repository(full_name, visibility="public"),
            (Question(full_name, f"refs/heads/{repository.default_branch}", Operation.READ),),
        )
    if is_state:
        team, user = f"/orgs/{repository.owner}/teams/developers/repos/{full_name}", f"/repos/{full_name}/collaborators"
        for words, path, permission in (
            ("a team may write", team, "push"),
            ("a team administers it", team, "admin"),
            ("a user may write", f"{user}/{DANA}", "push"),
            ("a user administers it", f"{user}/{DANA}", "admin"),
        ):
            yield Weakening(
                f"{full_name}: {words}",
                in_repository(full_name, "roles"),
                partial(_granted, path=path, permission=permission),
            )


def _granted(admin: Admin, path: str, permission: str) -> None:
    admin.send("PUT", path, {"permission": permission})


def _actions(repository: Repository) -> Iterator[Weakening]:
    """What jobs may do at all."""
    full_name, planned = repository.full_name, repository.actions
    if planned is None:
        return
    root = f"/repos/{full_name}/actions/permissions"

    def put(what: str, part: str, path: str, **body: Any) -> Weakening:
        def apply(admin: Admin) -> None:
            admin.send("PUT", path, body)

        return Weakening(f"{full_name}: {what}", in_repository(full_name, part), apply)

    if not planned.enabled:
        yield put("Actions on", "Actions off", root, enabled=True, allowed_actions="all")
        return
    if planned.sha_pinning:
        yield put("actions need no pin", "SHA pinning", root, enabled=True, sha_pinning_required=False)
    if planned.patterns is not None:
        yield put("every action is allowed", "allowed actions", root, enabled=True, allowed_actions="all")
    if planned.read_only_token:
        token, part = f"{root}/workflow", "read-only workflow token"
        yield put("the workflow token may write", part, token, default_workflow_permissions="write")
        yield put("jobs may approve", part, token, can_approve_pull_request_reviews=True)
