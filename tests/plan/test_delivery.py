"""What an agent is told: names, addresses, rights, and what each key of `sync` changes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_infra.plan.build import plan, plans
from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY
from gitops_infra.plan.delivery import ALL_VERBS, WORKLOADS, object_name, tenant
from gitops_infra.plan.model import Delivery, HealthCheck, PolicyRule, ReadKey, Tenant
from gitops_infra.topology.application import Application
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]
Delivered = Callable[..., Delivery]

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----\n"


@pytest.fixture
def delivered(topology: Build) -> Delivered:
    """The delivery of staging in cluster `eu`; keywords go into `sync`."""

    def build(
        cluster: dict[str, Any] | None = None,
        staging: dict[str, Any] | None = None,
        top: dict[str, Any] | None = None,
        **sync: Any,
    ) -> Delivery:
        environment = {"cluster": "eu", **({"sync": sync} if sync else {}), **(staging or {})}
        made = plan(topology(staging=environment, clusters=[{"name": "eu", **(cluster or {})}], **(top or {})))
        [found] = [each.delivery for each in made.environments if each.delivery]
        return found

    return build


def test_an_environment_in_a_cluster_is_delivered_by_these_facts(delivered: Delivered) -> None:
    assert delivered() == Delivery(
        tenant=Tenant(
            cluster="eu",
            namespace="shop-staging",
            service_account="gitops",
            labels={
                "gitops-infra/owner": "acme",
                "gitops-infra/application": "shop",
                "gitops-infra/environment": "staging",
            },
            rules=WORKLOADS,
        ),
        name="shop",
        url="ssh://git@github.com/acme/shop-env-staging.git",
        branch="env/staging",
        path="deploy/staging",
        key=ReadKey("acme/shop-env-staging", "gitops-infra shop staging read by cluster eu g1"),
        known_hosts=(GITHUB_COM_HOST_KEY,),
        poll_seconds=60,
        timeout_seconds=300,
        wait=True,
        prune=True,
    )


def test_an_environment_without_a_cluster_is_not_delivered(topology: Build) -> None:
    made = plan(topology(clusters=[{"name": "eu"}]))
    assert [each.delivery for each in made.environments] == [None, None, None]


def test_a_retired_environment_goes_on_running(topology: Build) -> None:
    """Its branch stays, and nobody moves it."""
    made = plan(topology(staging={"cluster": "eu", "retired": True}, clusters=[{"name": "eu"}]))
    assert made.environment("staging").credential is None
    assert made.environment("staging").delivery is not None


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("git.acme.example ssh-ed25519 AAAA", "ssh://git@git.acme.example/acme/shop-env-staging.git"),
        ("[git.acme.example]:2222 ssh-ed25519 AAAA", "ssh://git@git.acme.example:2222/acme/shop-env-staging.git"),
        ("[127.0.0.1]:2222 ssh-ed25519 AAAA", "ssh://git@127.0.0.1:2222/acme/shop-env-staging.git"),
        ("[::1]:2222 ssh-ed25519 AAAA", "ssh://git@[::1]:2222/acme/shop-env-staging.git"),
        ("git.acme.example,10.0.0.7 ssh-ed25519 AAAA", "ssh://git@git.acme.example/acme/shop-env-staging.git"),
    ],
)
def test_the_address_is_the_first_host_whose_key_is_pinned(delivered: Delivered, line: str, url: str) -> None:
    lines = [line, "other.example ssh-rsa BBBB"]
    found = delivered(top={"known_hosts": lines})
    assert (found.url, found.known_hosts) == (url, tuple(lines))


@pytest.mark.parametrize(
    "isolation",
    [
        {"isolation": "branch", "writer": {"app": 7, "key": "k"}},
        {"isolation": "shared", "accept_shared_bypass": True},
    ],
    ids=["branch", "shared"],
)
def test_a_branch_in_the_applications_repository_is_read_there(delivered: Delivered, isolation: dict[str, Any]) -> None:
    found = delivered(staging=isolation)
    assert found.url == "ssh://git@github.com/acme/shop.git"
    assert found.key.repository == "acme/shop"


def test_every_repository_has_its_own_namespace_and_key_in_the_cluster(topology: Build) -> None:
    lib = {"name": "Lib.web", "existing": True, "visibility": "public"}
    made = plans(topology(staging={"cluster": "eu"}, clusters=[{"name": "eu"}], repositories=[lib]))
    found = [each.environment("staging").delivery for each in made]
    assert [(each.tenant.namespace, each.name, each.key.repository) for each in found if each] == [
        ("shop-staging", "shop", "acme/shop-env-staging"),
        ("lib-web-staging", "lib-web", "acme/Lib.web-env-staging"),
    ]


def test_a_renamed_environment_keeps_namespace_labels_folder_and_key(delivered: Delivered) -> None:
    now = delivered(staging={"name": "stage", "kind": "staging", "formerly": "staging"})
    assert now == delivered()


@pytest.mark.parametrize(
    ("sync", "changed"),
    [
        ({"poll_seconds": 10}, {"poll_seconds": 10}),
        ({"timeout_seconds": 30}, {"timeout_seconds": 30}),
        ({"wait": False}, {"wait": False}),
        ({"prune": False}, {"prune": False}),
        ({"signed_by": [KEY]}, {"signed_by": (KEY,)}),
        ({"poll_seconds": None, "wait": None, "prune": None, "generation": None}, {}),
        (
            {"health_checks": [{"api_version": "apps/v1", "kind": "Deployment", "name": "api"}]},
            {"health_checks": (HealthCheck("apps/v1", "Deployment", "api"),), "wait": False},
        ),
        ({"health_checks": [], "wait": True}, {}),
    ],
)
def test_each_key_of_sync_changes_what_it_says(
    delivered: Delivered, sync: dict[str, Any], changed: dict[str, Any]
) -> None:
    """Flux ignores `healthChecks` beside `wait`, so they stand in its place."""
    usual = vars(delivered())
    assert vars(delivered(**sync)) == usual | changed


def test_a_rotation_changes_the_key_and_nothing_else(delivered: Delivered) -> None:
    key = ReadKey("acme/shop-env-staging", "gitops-infra shop staging read by cluster eu g2", 2)
    assert vars(delivered(generation=2)) == vars(delivered()) | {"key": key}


def test_a_receiver_is_the_clusters(delivered: Delivered) -> None:
    assert delivered(cluster={"receiver_url": "https://flux.example"}).receiver_url == "https://flux.example"
    assert delivered().receiver_url is None


def test_the_folder_and_the_namespace_may_be_named(delivered: Delivered) -> None:
    found = delivered(staging={"manifests": "k8s/live", "namespace": "live"}, existing_namespace=True)
    assert (found.path, found.tenant.namespace, found.tenant.made) == ("k8s/live", "live", False)


def test_permissions_come_on_top_of_the_usual_kinds(delivered: Delivered) -> None:
    permissions = [
        {"resources": ["secrets"]},
        {"groups": ["external-secrets.io"], "resources": ["externalsecrets"], "verbs": ["get", "patch"]},
    ]
    assert delivered(permissions=permissions).tenant.rules == (
        *WORKLOADS,
        PolicyRule(("",), ("secrets",), ALL_VERBS),
        PolicyRule(("external-secrets.io",), ("externalsecrets",), ("get", "patch")),
    )


def test_a_cluster_role_stands_in_place_of_them(delivered: Delivered) -> None:
    found = delivered(cluster_role="edit").tenant
    assert (found.rules, found.cluster_role) == ((), "edit")


def test_no_usual_kind_is_a_secret_or_widens_rights() -> None:
    kinds = {kind for rule in WORKLOADS for kind in rule.resources}
    assert not kinds & {"secrets", "roles", "rolebindings", "namespaces", "serviceaccounts/token", "*"}
    assert {group for rule in WORKLOADS for group in rule.groups}.isdisjoint({"*", "rbac.authorization.k8s.io"})
    assert {verb for rule in WORKLOADS for verb in rule.verbs} <= set(ALL_VERBS)


def test_the_agent_may_read_what_health_is_judged_by() -> None:
    """The poller of Flux (kstatus) lists the ReplicaSets of a Deployment and the Pods of a StatefulSet."""
    reading = {(kind, rule.verbs) for rule in WORKLOADS for kind in rule.resources if kind in {"replicasets", "pods"}}
    assert reading == {("replicasets", ("get", "list", "watch")), ("pods", ("get", "list", "watch"))}


LABEL = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
NAME = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"\A[A-Za-z0-9._][A-Za-z0-9._-]{0,99}\Z"), st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9_-]{0,38})\Z"))
def test_labels_and_names_are_what_kubernetes_takes(application: str, owner: str) -> None:
    import re  # noqa: PLC0415 - this test only

    made = tenant(Environment(name="staging"), Application(name=application), owner, "eu")
    assert all(re.fullmatch(LABEL, value) for value in made.labels.values())
    assert re.fullmatch(NAME, object_name(application))
