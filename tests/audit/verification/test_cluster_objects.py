"""A tenant's objects against the planned ones. On a real cluster: tests/guarantee/test_changes.py."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from gitops_infra.agents import flux
from gitops_infra.agents.objects import role, role_binding
from gitops_infra.audit.verification import cluster_objects as objects
from gitops_infra.audit.verification.exposure import Exposure, Severity
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import Delivery
from gitops_infra.topology.validate import validate

SIGNER = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0AAAA==\n-----END PGP PUBLIC KEY BLOCK-----\n"


def delivery(**sync: Any) -> Delivery:
    topology = validate(
        {
            "owner": "acme",
            "github_plan": "enterprise",
            "application": {"name": "shop", "existing": True, "visibility": "private"},
            "clusters": [{"name": "dev"}],
            "environments": [{"name": "staging", "cluster": "dev", "sync": sync}],
        }
    )
    found = plan(topology).environments[0].delivery
    assert found is not None
    return found


def codes(found: Iterator[Exposure]) -> list[str]:
    return [each.code for each in found]


def test_rights_are_compared_one_by_one_however_rules_are_cut() -> None:
    tenant = delivery().tenant
    live = deepcopy(role(tenant)) or {}
    live["rules"] = [
        {**rule, "resources": [resource]} for rule in reversed(live["rules"]) for resource in rule["resources"]
    ]
    assert codes(objects.role_findings(tenant, live)) == []
    live["rules"].append({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
    (found,) = objects.role_findings(tenant, live)
    assert (found.code, found.found) == ("role-widened", "also `* *.*`")


def test_a_right_to_one_object_is_not_the_right_to_all() -> None:
    tenant = delivery().tenant
    live = deepcopy(role(tenant)) or {}
    for rule in live["rules"]:
        if "configmaps" in rule["resources"]:
            rule["resourceNames"] = ["app"]
    assert set(codes(objects.role_findings(tenant, live))) == {"role-widened", "role-narrowed"}


def test_a_bound_cluster_role_is_the_users_own() -> None:
    tenant = delivery(cluster_role="deployer").tenant
    assert codes(objects.role_findings(tenant, None)) == []
    assert codes(objects.binding_findings(tenant, [role_binding(tenant)], [])) == []


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ({"kind": "ServiceAccount", "name": "gitops", "namespace": "shop-staging"}, True),
        ({"kind": "ServiceAccount", "name": "gitops", "namespace": "other"}, False),
        ({"kind": "User", "name": "system:serviceaccount:shop-staging:gitops"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:shop-staging"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts"}, True),
        ({"kind": "Group", "name": "system:authenticated"}, True),
        ({"kind": "Group", "name": "system:masters"}, False),
    ],
)
def test_a_binding_counts_when_the_account_is_in_it(subject: dict[str, str], found: bool) -> None:  # noqa: FBT001
    tenant = delivery().tenant
    other = {
        "metadata": {"name": "spare"},
        "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [subject],
    }
    seen = codes(objects.binding_findings(tenant, [role_binding(tenant)], [other]))
    assert seen == (["binding-extra"] if found else [])


def test_what_kubernetes_gives_to_all_accounts_is_no_news() -> None:
    tenant = delivery().tenant
    given = {
        "metadata": {"name": "system:discovery"},
        "roleRef": {"kind": "ClusterRole", "name": "system:discovery"},
        "subjects": [{"kind": "Group", "name": "system:authenticated"}],
    }
    assert codes(objects.binding_findings(tenant, [role_binding(tenant)], [given])) == []


def test_a_namespace_that_others_made_is_theirs() -> None:
    theirs = delivery(existing_namespace=True).tenant
    bare = {"metadata": {"labels": {}}}
    assert codes(objects.namespace_findings(theirs, bare)) == []
    assert set(codes(objects.namespace_findings(delivery().tenant, bare))) == {"namespace-labels", "pod-security"}
    trap = [{"metadata": {"name": "trap"}}]
    (found,) = objects.extra_findings(theirs, "staging", "Kustomization", {"shop"}, trap)
    assert found.severity is Severity.LOW


def agent(**changes: dict[str, Any]) -> list[str]:
    """Codes where fields of the objects are changed, by kind."""
    wanted = delivery(signed_by=[SIGNER])
    live: dict[str, Any] = {
        "GitRepository": deepcopy(flux.git_repository(wanted)),
        "Kustomization": deepcopy(flux.kustomization(wanted)),
    }
    live["Kustomization"]["spec"]["force"] = False
    for kind, fields in changes.items():
        live[kind]["spec"] |= fields
    return codes(objects.agent_findings(wanted, "staging", live))


def test_what_the_api_server_adds_by_itself_is_no_difference() -> None:
    assert agent() == []


@pytest.mark.parametrize(
    ("kind", "fields", "found"),
    [
        ("GitRepository", {"ref": {"branch": "env/staging", "commit": "a" * 40}}, ["source-differs"]),
        ("GitRepository", {"verify": None}, ["signatures-off"]),
        ("GitRepository", {"include": [{"repository": {"name": "other"}}]}, ["agent-changes-more"]),
        ("GitRepository", {"timeout": "1s"}, ["agent-tuned"]),
        ("Kustomization", {"serviceAccountName": ""}, ["kustomization-account"]),
        ("Kustomization", {"sourceRef": {"kind": "GitRepository", "name": "shop", "namespace": "other"}},
         ["kustomization-differs"]),
        ("Kustomization", {"kubeConfig": {"secretRef": {"name": "x"}}}, ["agent-changes-more"]),
        ("Kustomization", {"force": True}, ["agent-changes-more"]),
        ("Kustomization", {"suspend": True}, ["agent-suspended"]),
        ("Kustomization", {"suspend": False}, []),
    ],
)  # fmt: skip
def test_each_field_has_its_weight(kind: str, fields: dict[str, Any], found: list[str]) -> None:
    assert agent(**{kind: fields}) == found


def test_signatures_that_nobody_asked_for_restrict_only() -> None:
    wanted = delivery()
    source = deepcopy(flux.git_repository(wanted))
    source["spec"]["verify"] = {"mode": "HEAD", "secretRef": {"name": "own"}}
    live = {"GitRepository": source, "Kustomization": flux.kustomization(wanted)}
    assert codes(objects.agent_findings(wanted, "staging", live)) == []


def test_public_keys_are_compared_whatever_their_files_are_called() -> None:
    wanted = delivery(signed_by=[SIGNER])
    assert codes(objects.signer_findings(wanted, {"olivia.asc": SIGNER})) == []
    assert codes(objects.signer_findings(wanted, {"1.asc": SIGNER, "2.asc": "another"})) == ["signers-differ"]
    assert codes(objects.signer_findings(wanted, None)) == ["object-missing"]
