"""Preflight: clusters, and what the forge must allow for them. The API server answers from a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.agents import objects
from gitops_infra.audit.known import Known, read_known
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.plan.build import plans
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.validate import validate

Check = Callable[..., list[str]]
SPACE = "/api/v1/namespaces/shop-staging"
LOCKDOWN = (
    "info: cluster eu: whether Flux is locked down for several tenants (`--no-cross-namespace-refs`, "
    "`--default-service-account`) cannot be seen from outside. [flux-lockdown]"
)


@pytest.fixture
def look(check: Check, api: Any, tmp_path: Path) -> Check:
    """Preflight of a topology with staging in a cluster; lines but for the one on lock-down."""

    def run(*, known: Known | None = None, cluster: dict[str, Any] | None = None, **sync: Any) -> list[str]:
        file = tmp_path / "kubeconfig"
        file.write_text(api.kubeconfig())
        lines = check(
            known=known,
            kubeconfigs=Kubeconfigs({"eu": file}, environment={}),
            clusters=[{"name": "eu", **(cluster or {})}],
            environments=[{"name": "staging", "cluster": "eu", "sync": sync or None}],
        )
        return [line for line in lines if line != LOCKDOWN]

    return run


def namespace() -> dict[str, Any]:
    topology = validate(
        {
            "owner": "acme",
            "github_plan": "enterprise",
            "application": {"name": "shop", "existing": True, "visibility": "private"},
            "clusters": [{"name": "eu"}],
            "environments": [{"name": "staging", "cluster": "eu"}],
        }
    )
    delivery = plans(topology)[0].environments[0].delivery
    assert delivery is not None
    return objects.namespace(delivery.tenant)


def test_a_cluster_with_flux_and_an_administrator_is_fine(look: Check, api: Any) -> None:
    assert look() == []
    assert sum(path.endswith("selfsubjectaccessreviews") for _, path, _ in api.asked) == 1


def test_without_a_kubeconfig_it_says_that_it_was_not_looked_at(check: Check) -> None:
    lines = check(clusters=[{"name": "eu"}], environments=[{"name": "staging", "cluster": "eu"}])
    assert lines == [
        (
            "info: cluster eu: there is no kubeconfig: none is given, and kubectl has none, so it was not looked at. "
            "Give --kubeconfig CLUSTER=FILE, set KUBECONFIG, or name a secret of the stack in `kubeconfig`. "
            "[cluster-not-checked]"
        )
    ]


def test_a_cluster_that_nobody_uses_is_not_looked_at(check: Check) -> None:
    assert check(clusters=[{"name": "eu"}]) == []


def test_missing_flux_says_what_and_how(look: Check, api: Any) -> None:
    api.answers["/apis/notification.toolkit.fluxcd.io/v1"] = (404, {})
    assert look() == [
        (
            "error: cluster eu: it does not serve notification.toolkit.fluxcd.io/v1. Install Flux there: "
            "docs/clusters.md says how. [flux-absent]"
        )
    ]


def test_old_credentials_are_one_line(look: Check, api: Any) -> None:
    api.answers["/apis/source.toolkit.fluxcd.io/v1"] = (401, {})
    (line,) = look()
    assert line.startswith(f"error: cluster eu: {api.url.removeprefix('http://')} refuses the credentials")
    assert line.endswith("[cluster-refused-credentials]")


def test_a_namespace_of_somebody_else(look: Check, api: Any) -> None:
    api.objects[SPACE] = {"metadata": {"name": "shop-staging"}}
    assert look() == [
        (
            "error: namespace shop-staging of cluster eu: it is there already: it was not made by gitops_infra: it has "
            "none of its labels. Set another `namespace`, or `sync.existing_namespace: true` to use it as it is. "
            "[namespace-exists]"
        )
    ]
    assert look(existing_namespace=True) == []


def test_a_namespace_that_should_be_there(look: Check) -> None:
    assert look(existing_namespace=True) == [
        (
            "error: namespace shop-staging of cluster eu: it does not exist, and `existing_namespace` says that it "
            "does. Make it, or leave `existing_namespace` out. [namespace-absent]"
        )
    ]


def test_a_namespace_of_this_stack_is_no_surprise(look: Check, api: Any) -> None:
    api.objects[SPACE] = namespace()
    token = "kubernetes:core/v1:Namespace"
    entry = {
        "urn": f"urn:pulumi:dev::shop::{token}::n",
        "type": token,
        "inputs": {"metadata": {"name": "shop-staging"}},
    }
    known = read_known({"deployment": {"resources": [entry]}})
    assert known.namespaces == {"shop-staging"}
    assert look(known=known) == []
    forgotten = look(known=Known(stack="shop/dev"))
    assert [line.rpartition("[")[2] for line in forgotten] == ["namespace-not-in-state]"]


def test_a_cluster_role_that_is_not_there(look: Check, api: Any) -> None:
    assert look(cluster_role="tenant") == [
        (
            "error: cluster eu: it has no ClusterRole 'tenant'. Make it, or correct `sync.cluster_role`. "
            "[cluster-role-absent]"
        )
    ]
    api.objects["/apis/rbac.authorization.k8s.io/v1/clusterroles/tenant"] = {"metadata": {"name": "tenant"}}
    assert look(cluster_role="tenant") == []


def test_rights_that_are_missing_are_listed_in_one_line_a_place(look: Check, api: Any) -> None:
    refused = ({"resource": "secrets", "verb": "create"}, {"resource": "namespaces", "verb": "create"})
    api.allowed = lambda asked: asked["verb"] != "*" and not any(each.items() <= asked.items() for each in refused)
    assert look() == [
        (
            f"error: cluster eu: the identity of its kubeconfig may not {what}. Give it the rights, or use another "
            "identity. [missing-right]"
        )
        for what in ("create secrets in namespace shop-staging", "create namespaces in the cluster")
    ]


@pytest.mark.parametrize(
    ("sync", "verb", "told"),
    [({}, "escalate", "`escalate` roles"), ({"cluster_role": "tenant"}, "bind", "`bind` ClusterRole tenant")],
)
def test_who_may_not_grant_is_warned(look: Check, api: Any, sync: dict[str, Any], verb: str, told: str) -> None:
    api.objects["/apis/rbac.authorization.k8s.io/v1/clusterroles/tenant"] = {"metadata": {"name": "tenant"}}
    api.allowed = lambda asked: asked["verb"] not in {"*", verb}
    (line,) = look(**sync)
    assert line.startswith(
        "warning: cluster eu: the identity of its kubeconfig may give shop-staging's service account"
    )
    assert f"or may {told} there. [cannot-grant]" in line


def test_receivers_need_their_right_and_the_apps(look: Check, api: Any, forge: Sandbox) -> None:
    receiver = {"receiver_url": "https://flux.example.com"}
    api.allowed = lambda asked: asked["verb"] != "*" and asked["resource"] != "receivers"
    lines = look(cluster=receiver)
    assert [line for line in lines if "create receivers.notification.toolkit.fluxcd.io" in line]
    assert [line for line in lines if "the permission repository_hooks (write)" in line]
    assert look() == []


def test_a_read_key_needs_deploy_keys_too(check: Check, forge: Sandbox) -> None:
    """Also where an App moves the branch."""
    forge.organization("acme").deploy_keys_enabled = False
    app = {"isolation": "branch", "writer": {"app": 1, "key": "k"}}
    production = {"name": "production", "kind": "production", "reviewers": [{"team": "platform"}], **app}
    codes = [
        [line.rpartition("[")[2] for line in check(clusters=[{"name": "eu"}], environments=[{**production, **more}])]
        for more in ({}, {"cluster": "eu"})
    ]
    assert ["deploy-keys-disallowed]" in each for each in codes] == [False, True]


@pytest.mark.parametrize(("scopes", "lacking"), [(("public_repo",), 1), (("repo",), 0)])
def test_a_classic_token_needs_the_scope_for_webhooks(
    check: Check, forge: Sandbox, scopes: tuple[str, ...], lacking: int
) -> None:
    forge.add_repository("acme/open", visibility="public", auto_init=True)
    lines = check(
        token=forge.token("olivia", scopes=scopes),
        application={"name": "open", "visibility": "public"},
        clusters=[{"name": "eu", "receiver_url": "https://flux.example.com"}],
        environments=[{"name": "staging", "cluster": "eu"}],
    )
    assert sum("it lacks the scope `admin:repo_hook`" in line for line in lines) == lacking
