"""What GitOpsAgent registers: a key that reads, objects of the agent, and what tells it of a push."""

import hashlib
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import Cluster, ConfigurationError, GitOpsAgent

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

PUBLIC_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----\n"
RECEIVER = {"name": "eu", "receiver_url": "https://flux.example"}


@pytest.fixture
def agent(environment: Build) -> Build:
    """Arguments for staging in cluster `eu`; keywords go into the environment."""

    def build(target: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        return environment(**({"cluster": "eu"} | changes)) | {"cluster": target or {"name": "eu"}}

    return build


@pytest.fixture
def followed(kubeconfig: str) -> Callable[..., Callable[[], None]]:
    """A program with the agent after its tenant."""

    def build(args: dict[str, Any], *outputs: str) -> Callable[[], None]:
        def program() -> None:
            tenant = {"application": "shop", "environment": args["environment"]}
            place = Cluster(
                "eu", {"owner": "acme", "cluster": args["cluster"], "tenants": [tenant], "kubeconfig": kubeconfig}
            )
            [there] = place.places.values()
            made = GitOpsAgent(
                "a", args, pulumi.ResourceOptions(providers=[place.provider], depends_on=list(there.resources))
            )
            for output in outputs:
                pulumi.export(output, getattr(made, output))

        return program

    return build


Followed = Callable[..., Callable[[], None]]


def own(recorded: Any) -> list[tuple[str, str]]:
    return [(kind, name) for kind, name in recorded.names() if name == "a" or name.startswith("a-")]


def test_it_is_a_read_key_its_secret_a_source_and_a_kustomization(
    record: Record, agent: Build, followed: Followed
) -> None:
    assert own(record(followed(agent()))) == [
        ("GitOpsAgent", "a"),
        ("GitRepository", "a-source"),
        ("Kustomization", "a-kustomization"),
        ("PrivateKey", "a-read-eu-key-g1"),
        ("RepositoryDeployKey", "a-read-eu-deploy-key-g1"),
        ("Secret", "a-git-secret"),
    ]


def test_a_receiver_and_signers_come_with_what_asks_for_them(record: Record, agent: Build, followed: Followed) -> None:
    more = set(own(record(followed(agent(RECEIVER, sync={"signed_by": [PUBLIC_KEY]})))))
    assert more - set(own(record(followed(agent())))) == {
        ("PrivateKey", "a-webhook-eu-key-g1"),
        ("Receiver", "a-receiver"),
        ("RepositoryWebhook", "a-webhook"),
        ("Secret", "a-signers-secret"),
        ("Secret", "a-webhook-secret"),
    }


def test_each_part_exists_before_what_needs_it(record: Record, agent: Build, followed: Followed) -> None:
    recorded = record(followed(agent(RECEIVER, sync={"signed_by": [PUBLIC_KEY]})))
    place = {one.name for one in recorded.resources if one.name.startswith("eu-shop-staging-")}
    key = {"a-read-eu-key-g1", "a-read-eu-deploy-key-g1"}
    source = {*key, "a-git-secret", "a-signers-secret"}
    assert len(place) == 4
    before = {
        "a-read-eu-deploy-key-g1": {"a-read-eu-key-g1", *place},
        "a-git-secret": {*key, *place},
        "a-source": {*source, *place},
        "a-kustomization": {*source, "a-source", *place},
        "a-webhook-secret": {"a-webhook-eu-key-g1", *place},
    }
    receiver = {*source, "a-source", "a-webhook-secret", "a-webhook-eu-key-g1", *place}
    before |= {"a-receiver": receiver, "a-webhook": {*receiver, "a-receiver"}}
    by_name = {one.name: one for one in recorded.resources}
    assert {name: recorded.before(by_name[name]) for name in before} == before


def test_the_key_can_read_and_nothing_else(record: Record, agent: Build, followed: Followed) -> None:
    recorded = record(followed(agent()))
    assert recorded.one("RepositoryDeployKey").inputs == {
        "repository": "shop-env-staging",
        "title": "gitops-infra shop staging read by cluster eu g1",
        "key": "ssh-ed25519 AAAA",
        "readOnly": True,
    }


def test_secrets_are_marked_and_in_the_cluster_alone(record: Record, agent: Build, followed: Followed) -> None:
    recorded = record(followed(agent(RECEIVER)))
    secret = recorded.one("Secret", "a-git-secret")
    assert secret.inputs["stringData"]["identity"] == "PRIVATE-KEY-CANARY"
    assert secret.inputs["stringData"]["known_hosts"].startswith("github.com ssh-ed25519 ")
    assert secret.inputs["stringData"]["known_hosts"].endswith("\n")
    assert secret.inputs["metadata"]["namespace"] == "shop-staging"
    for one in recorded.every("Secret"):
        assert "stringData" in one.secrets
        assert {"data", "stringData"} <= set(one.secret_outputs)
    assert [one.name for one in recorded.resources if "PRIVATE-KEY-CANARY" in str(one.inputs)] == ["a-git-secret"]


def test_the_webhook_is_signed_and_goes_to_the_receivers_own_path(
    record: Record, agent: Build, followed: Followed
) -> None:
    recorded = record(followed(agent(RECEIVER), "receiver_url"))
    token = hashlib.sha256(b"PRIVATE-KEY-CANARY").hexdigest()
    path = hashlib.sha256(f"{token}shopshop-staging".encode()).hexdigest()
    assert recorded.one("Secret", "a-webhook-secret").inputs["stringData"] == {"token": token}
    hook = recorded.one("RepositoryWebhook")
    configuration = {
        key: value["value"] if isinstance(value, dict) else value for key, value in hook.inputs["configuration"].items()
    }
    assert configuration == {
        "url": f"https://flux.example/hook/{path}",
        "contentType": "json",
        "insecureSsl": False,
        "secret": token,
    }
    assert "configuration" in hook.secret_outputs
    assert (hook.inputs["repository"], hook.inputs["events"], hook.inputs["active"]) == (
        "shop-env-staging",
        ["push"],
        True,
    )
    assert recorded.exports["receiver_url"] == f"https://flux.example/hook/{path}"


def test_the_address_of_the_receiver_is_secret(record: Record, agent: Build, followed: Followed) -> None:
    secrets: dict[str, bool] = {}

    def program() -> None:
        import asyncio  # noqa: PLC0415 - this test only

        followed(agent(RECEIVER), "receiver_url", "source", "fingerprint")()
        stack = pulumi.runtime.get_root_resource()
        assert stack is not None

        async def look() -> None:
            for name, value in stack.outputs.items():
                secrets[name] = await pulumi.Output.from_input(value).is_secret()

        pulumi.Output.from_input(asyncio.ensure_future(look()))

    record(program)
    assert secrets == {"receiver_url": True, "source": False, "fingerprint": False}


def test_outputs_tell_source_and_fingerprint_and_no_receiver_where_there_is_none(
    record: Record, agent: Build, followed: Followed
) -> None:
    assert record(followed(agent(), "source", "receiver_url", "fingerprint")).exports == {
        "source": "shop-staging/shop",
        "receiver_url": None,
        "fingerprint": "SHA256:fingerprint",
    }


def test_destroy_keeps_production_but_revokes_its_key(record: Record, agent: Build, followed: Followed) -> None:
    args = agent(RECEIVER, name="production", reviewers=[{"user": "ann", "id": 8}], sync={"signed_by": [PUBLIC_KEY]})
    recorded = record(followed(args))
    mine = {one.name: one.retain for one in recorded.resources if one.name.startswith("a-")}
    assert {name for name, retain in mine.items() if retain is False} == {
        "a-read-eu-key-g1",
        "a-read-eu-deploy-key-g1",
        "a-git-secret",
        "a-webhook-eu-key-g1",
    }
    assert {retain for name, retain in mine.items()} == {True, False}
    assert {one.deleted_with for one in recorded.resources if one.name.startswith("a-")} == {""}


def test_destroy_deletes_staging_object_by_object(record: Record, agent: Build, followed: Followed) -> None:
    """Deleting the Kustomization prunes what it applied, while its account and its rights are still there."""
    recorded = record(followed(agent(RECEIVER)))
    kinds = ("GitRepository", "Kustomization", "Receiver", "RepositoryWebhook")
    assert {(recorded.one(kind).retain, recorded.one(kind).deleted_with) for kind in kinds} == {(None, "")}


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"sync": {"generation": 2}}, {"a-read-eu-key-g1", "a-read-eu-deploy-key-g1", "a-webhook-eu-key-g1"}),
        (
            {"isolation": "shared", "accept_shared_bypass": True, "moved_from": "repository"},
            {"a-read-eu-key-g1", "a-read-eu-deploy-key-g1"},
        ),
        ({"formerly": "stage"}, set()),
        ({"retired": True}, set()),
    ],
    ids=["rotation", "another repository", "rename", "retired"],
)
def test_a_new_key_has_a_new_name_and_the_objects_keep_theirs(
    record: Record, agent: Build, followed: Followed, changes: dict[str, Any], gone: set[str]
) -> None:
    """The engine makes new names first and deletes the old ones last. No forge takes one key in two repositories."""

    def names(**environment: Any) -> set[str]:
        recorded = record(followed(agent(RECEIVER, **environment)))
        return {one.name for one in recorded.resources if one.name.startswith("a-")}

    before, after = names(), names(**changes)
    assert before - after == gone
    assert len(after) == len(before)


def test_another_cluster_gets_another_key(record: Record, agent: Build, followed: Followed) -> None:
    before = {name for _, name in own(record(followed(agent(RECEIVER))))}
    us = agent(RECEIVER | {"name": "us"}, cluster="us")
    after = {name for _, name in own(record(followed(us)))}
    assert before - after == {"a-read-eu-key-g1", "a-read-eu-deploy-key-g1", "a-webhook-eu-key-g1"}


def refused(record: Record, args: dict[str, Any]) -> list[str]:
    told: list[str] = []

    def program() -> None:
        with pytest.raises(ConfigurationError) as error:
            GitOpsAgent("a", args)
        told.extend(str(error.value).splitlines()[1:])

    assert record(program).resources == []
    return told


def test_no_cluster_is_guessed(record: Record, agent: Build) -> None:
    """Without a provider it would be the one that `kubectl` happens to use."""
    assert refused(record, agent()) == [
        (
            "  - opts.providers: no provider of cluster 'eu' is given. Pass `ResourceOptions(providers=[github, "
            "cluster.provider])`, with the `Cluster` that it is in. [cluster-without-provider]"
        )
    ]


def test_an_environment_without_a_cluster_has_nothing_to_follow(record: Record, agent: Build) -> None:
    assert refused(record, agent(cluster=None)) == [
        (
            "  - environment.cluster: environment 'staging' names no cluster, so there is nothing for an agent to do. "
            "Set `cluster` in the environment, and describe it under `cluster` of the arguments. "
            "[environment-without-cluster]"
        )
    ]


def test_rules_of_a_topology_hold_and_name_places_of_the_arguments(record: Record, agent: Build) -> None:
    args = agent(
        {"name": "us", "context": "a\nb"}, sync={"cluster_role": "edit", "permissions": [{"resources": ["pods"]}]}
    )
    assert [line.split(": ")[0] + line.rpartition(" ")[2] for line in refused(record, args)] == [
        "  - cluster.context[bad-context]",
        "  - environment.cluster[unknown-cluster]",
        "  - environment.sync.cluster_role[role-twice]",
    ]


def test_another_forge_is_reached_where_its_host_key_says(record: Record, agent: Build, followed: Followed) -> None:
    args = agent() | {"known_hosts": ["[git.acme.example]:2222 ssh-ed25519 AAAA"]}
    recorded = record(followed(args))
    url = recorded.one("GitRepository").inputs["spec"]["url"]
    assert url == "ssh://git@git.acme.example:2222/acme/shop-env-staging.git"
    known = recorded.one("Secret").inputs["stringData"]["known_hosts"]
    assert known == "[git.acme.example]:2222 ssh-ed25519 AAAA\n"
