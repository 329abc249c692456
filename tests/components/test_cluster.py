"""What Cluster registers, for whom, and in which order."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from gitops_infra import Cluster, ClusterArgs, ConfigurationError

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

NAMESPACE = "eu-shop-staging-namespace"
PLACE = {NAMESPACE, "eu-shop-staging-service-account", "eu-shop-staging-role", "eu-shop-staging-role-binding"}


@pytest.fixture
def cluster(kubeconfig: str) -> Build:
    """Arguments with staging as the only tenant; keywords go into its environment."""

    def build(*more: dict[str, Any], cluster: dict[str, Any] | None = None, **environment: Any) -> dict[str, Any]:
        return {
            "owner": "acme",
            "cluster": {"name": "eu", **(cluster or {})},
            "tenants": [{"application": "shop", "environment": {"name": "staging", **environment}}, *more],
            "kubeconfig": kubeconfig,
        }

    return build


def test_a_tenant_is_namespace_account_role_and_binding(record: Record, cluster: Build) -> None:
    recorded = record(lambda: Cluster("eu", cluster()))
    assert recorded.names() == [
        ("Cluster", "eu"),
        ("Namespace", NAMESPACE),
        ("Role", "eu-shop-staging-role"),
        ("RoleBinding", "eu-shop-staging-role-binding"),
        ("ServiceAccount", "eu-shop-staging-service-account"),
        ("kubernetes", "eu-provider"),
    ]
    assert recorded.before(recorded.one("ServiceAccount")) == {NAMESPACE}
    assert recorded.before(recorded.one("Role")) == {NAMESPACE}
    assert recorded.before(recorded.one("RoleBinding")) == PLACE - {"eu-shop-staging-role-binding"}
    assert recorded.calls == []


def test_objects_have_exact_names_and_a_secret_kubeconfig_leads_to_them(
    record: Record, cluster: Build, kubeconfig: str
) -> None:
    recorded = record(lambda: Cluster("eu", cluster()))
    provider = recorded.one("kubernetes")
    assert provider.inputs["kubeconfig"] == kubeconfig
    assert "kubeconfig" in provider.secrets
    assert "kubeconfig" in provider.secret_outputs
    objects = [one for one in recorded.resources if one.type.startswith("kubernetes:")]
    assert {one.provider.rpartition("::")[0] for one in objects} == {provider.urn}
    assert recorded.one("Namespace").inputs["metadata"]["name"] == "shop-staging"
    assert {one.inputs["metadata"]["name"] for one in objects} == {"shop-staging", "gitops"}
    assert recorded.one("ServiceAccount").inputs["automountServiceAccountToken"] is False
    assert recorded.one("RoleBinding").inputs["roleRef"]["name"] == "gitops"
    holders = {one.name for one in recorded.resources if "KUBECONFIG-CANARY" in str(one.inputs)}
    assert holders == {"eu-provider"}


def test_a_kubeconfig_is_in_no_text_of_the_arguments(cluster: Build) -> None:
    assert "KUBECONFIG-CANARY" not in repr(ClusterArgs.model_validate(cluster()))


def test_everything_of_a_tenant_goes_with_its_namespace(record: Record, cluster: Build) -> None:
    recorded = record(lambda: Cluster("eu", cluster()))
    namespace = recorded.one("Namespace")
    inside = [recorded.one(kind) for kind in ("ServiceAccount", "Role", "RoleBinding")]
    assert {one.deleted_with for one in inside} == {namespace.urn}
    assert (namespace.retain, namespace.deleted_with) == (None, "")


def test_everything_of_production_is_kept(record: Record, cluster: Build) -> None:
    production = {"application": "shop", "environment": {"name": "production"}}
    recorded = record(lambda: Cluster("eu", cluster(production)))
    kept = {one.name for one in recorded.resources if one.retain}
    assert kept == {name.replace("staging", "production") for name in PLACE}
    assert {one.deleted_with for one in recorded.resources if one.retain} == {""}


def test_an_existing_namespace_is_neither_made_nor_deleted(record: Record, cluster: Build) -> None:
    recorded = record(lambda: Cluster("eu", cluster(sync={"existing_namespace": True}, namespace="given")))
    assert recorded.every("Namespace") == []
    objects = [recorded.one(kind) for kind in ("ServiceAccount", "Role", "RoleBinding")]
    assert {one.inputs["metadata"]["namespace"] for one in objects} == {"given"}
    assert {(one.deleted_with, one.retain) for one in objects} == {("", None)}


def test_a_cluster_role_needs_no_role(record: Record, cluster: Build) -> None:
    recorded = record(lambda: Cluster("eu", cluster(sync={"cluster_role": "edit"})))
    assert recorded.every("Role") == []
    assert recorded.one("RoleBinding").inputs["roleRef"]["name"] == "edit"


def test_namespaces_are_known_once_their_accounts_have_rights(record: Record, cluster: Build) -> None:
    def program() -> None:
        made = Cluster("eu", cluster())
        pulumi.export("namespaces", made.namespaces)
        kubernetes.core.v1.ConfigMap(
            "later",
            metadata={"name": made.namespaces["shop/staging"]},
            opts=pulumi.ResourceOptions(provider=made.provider),
        )

    recorded = record(program)
    assert recorded.exports["namespaces"] == {"shop/staging": "shop-staging"}
    assert recorded.before(recorded.one("ConfigMap")) == PLACE


def test_a_cluster_without_tenants_is_a_provider(record: Record, cluster: Build) -> None:
    def program() -> None:
        pulumi.export("namespaces", Cluster("eu", cluster() | {"tenants": []}).namespaces)

    recorded = record(program)
    assert recorded.names() == [("Cluster", "eu"), ("kubernetes", "eu-provider")]
    assert recorded.exports["namespaces"] == {}


@pytest.mark.parametrize(
    ("args", "made"),
    [
        ({"kubeconfig": None}, []),
        ({}, ["eu-provider"]),
        ({"kubeconfig": None, "cluster": {"name": "eu", "context": "eu-admin"}}, ["eu-provider"]),
    ],
    ids=["neither", "kubeconfig", "context"],
)
def test_the_callers_provider_serves_where_the_cluster_says_nothing(
    record: Record, cluster: Build, args: dict[str, Any], made: list[str]
) -> None:
    """What the topology says about a cluster counts more than what a program happens to pass on."""

    def program() -> None:
        given = kubernetes.Provider("given", kubeconfig="x")
        Cluster("eu", cluster() | args, pulumi.ResourceOptions(providers=[given]))

    recorded = record(program)
    assert [one.name for one in recorded.every("kubernetes")] == [*made, "given"]
    used = {one.provider.rpartition("::")[0].rpartition("::")[2] for one in recorded.every("Namespace")}
    assert used == {made[0] if made else "given"}


def test_a_kubeconfig_that_is_known_later_is_accepted(record: Record, cluster: Build, kubeconfig: str) -> None:
    def program() -> None:
        Cluster("eu", cluster() | {"kubeconfig": pulumi.Output.from_input(kubeconfig)})

    assert "kubeconfig" in record(program, preview=True).one("kubernetes").secrets


def test_what_it_depends_on_exists_before_the_namespace(record: Record, cluster: Build) -> None:
    def program() -> None:
        flux = kubernetes.core.v1.ConfigMap("flux")
        Cluster("eu", cluster(), pulumi.ResourceOptions(depends_on=[flux]))

    recorded = record(program)
    assert recorded.before(recorded.one("Namespace")) == {"flux"}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"kubeconfig": "CANARY"}, [("kubeconfig", "bad-kubeconfig")]),
        ({"kubeconfig": ""}, [("kubeconfig", "bad-kubeconfig")]),
        ({"cluster": {"name": "EU"}}, [("cluster.name", "bad-cluster-name")]),
        (
            {
                "kubeconfig": "CANARY",
                "tenants": [
                    {"application": "shop", "environment": {"name": "staging", "namespace": "one"}},
                    {"application": "lib", "environment": {"name": "staging", "namespace": "one"}},
                    {"application": "shop", "environment": {"name": "staging", "namespace": "two"}},
                    {"application": "s" * 60, "environment": {"name": "staging"}},
                ],
            },
            [
                ("kubeconfig", "bad-kubeconfig"),
                ("tenants[1].environment.namespace", "same-namespace"),
                ("tenants[2]", "duplicate-tenant"),
                ("tenants[3].environment.namespace", "bad-namespace"),
            ],
        ),
        (
            {
                "tenants": [
                    {"application": "a-b", "environment": {"name": "c", "namespace": "one"}},
                    {"application": "a", "environment": {"name": "b-c", "namespace": "two"}},
                ],
            },
            [("tenants[1]", "duplicate-tenant")],
        ),
    ],
)
def test_whatever_is_wrong_is_told_at_once_and_nothing_is_registered(
    record: Record, cluster: Build, args: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            Cluster("eu", cluster() | args)
        assert [(problem.where, problem.code) for problem in refused.value.problems] == told
        assert "CANARY" not in str(refused.value)

    assert record(program).resources == []
