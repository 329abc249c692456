"""The objects of one tenant in a cluster against the planned ones: pure, from what was read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitops_infra.agents import flux
from gitops_infra.agents.objects import POD_SECURITY, RBAC, namespace, role, role_binding
from gitops_infra.audit.verification import cluster_codes as codes
from gitops_infra.audit.verification.exposure import Code, Exposure, Severity, listed
from gitops_infra.plan.model import Delivery, Tenant

Object = Mapping[str, Any]

DEFAULTED: Mapping[tuple[str, str], Any] = {
    ("GitRepository", "recurseSubmodules"): False,
    ("Kustomization", "force"): False,
    ("Receiver", "interval"): "10m",
}
"""What the API server adds by itself, and what says no more than its absence."""
CLI = {"GitRepository": "source git", "Kustomization": "kustomization", "Receiver": "receiver"}
AGENTS = (
    (flux.SOURCE_API, "GitRepository"),
    (flux.KUSTOMIZE_API, "Kustomization"),
    (flux.NOTIFICATION_API, "Receiver"),
)


def named(kind: str, tenant: Tenant, name: str) -> str:
    """How a finding names an object of the tenant."""
    return f"{kind} {tenant.namespace}/{name} in cluster {tenant.cluster}"


def namespace_findings(tenant: Tenant, found: Object | None) -> Iterator[Exposure]:
    """Of the namespace; one that others made is theirs."""
    where = f"Namespace {tenant.namespace} in cluster {tenant.cluster}"
    if found is None:
        yield codes.MISSING.at(where, "the namespace", "none")
        return
    if not tenant.made:
        return
    there = (found.get("metadata") or {}).get("labels") or {}
    for label, expected in namespace(tenant)["metadata"]["labels"].items():
        if there.get(label) != expected:
            code = codes.PODS if label == POD_SECURITY else codes.LABELS
            yield code.at(where, f"label `{label}`: {expected}", str(there.get(label) or "none"))


def account_findings(tenant: Tenant, found: Object | None) -> Iterator[Exposure]:
    """Of the account that the agent acts as."""
    where = named("ServiceAccount", tenant, tenant.service_account)
    if found is None:
        yield codes.MISSING.at(where, "the account", "none")
    elif found.get("automountServiceAccountToken") is not False:
        yield codes.TOKEN.at(where, "its token mounted nowhere", "mounted in pods")


def role_findings(tenant: Tenant, found: Object | None) -> Iterator[Exposure]:
    """Of what the account may do; a ClusterRole that is bound instead is the users' own."""
    planned = role(tenant)
    if planned is None:
        return
    where = named("Role", tenant, tenant.service_account)
    if found is None:
        yield codes.MISSING.at(where, "the role", "none")
        return
    wanted, there = set(_rights(planned.get("rules"))), set(_rights(found.get("rules")))
    expected = f"{len(wanted)} rights"
    if more := there - wanted:
        yield codes.WIDENED.at(where, expected, f"also {listed(more)}")
    if fewer := wanted - there:
        yield codes.NARROWED.at(where, expected, f"without {listed(fewer)}")


def _rights(rules: Any) -> Iterator[str]:
    """`verb resource.group` of each right, one by one: rules may be cut in other ways and say the same."""
    for rule in rules or ():
        for url in rule.get("nonResourceURLs") or ():
            yield from (f"{verb} {url}" for verb in rule.get("verbs") or ())
        only = f" {'/'.join(rule['resourceNames'])}" if rule.get("resourceNames") else ""
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                kind = f"{resource}.{group}" if group else resource
                yield from (f"{verb} {kind}{only}" for verb in rule.get("verbs") or ())


def binding_findings(tenant: Tenant, bindings: Iterable[Object], everywhere: Iterable[Object]) -> Iterator[Exposure]:
    """Of who has the account's rights, and of what rights the account has besides.

    `bindings` are the RoleBindings of all namespaces that could be read, `everywhere` the ClusterRoleBindings.
    """
    planned, bindings = role_binding(tenant), tuple(bindings)
    name = planned["metadata"]["name"]
    ours = next((each for each in bindings if _place(each) == (tenant.namespace, name)), None)
    where = named("RoleBinding", tenant, name)
    if ours is None:
        yield codes.MISSING.at(where, "the binding", "none")
    else:
        yield from _ours(where, planned, ours)
    for each in (*bindings, *everywhere):
        if each is not ours and any(_is_account(tenant, each, subject) for subject in each.get("subjects") or ()):
            space, other = _place(each)
            kind = f"RoleBinding {space}/{other}" if space else f"ClusterRoleBinding {other}"
            gives = f"{each['roleRef'].get('kind')} {each['roleRef'].get('name')}"
            yield codes.BINDING.at(f"{kind} in cluster {tenant.cluster}", f"no rights for {_account(tenant)}", gives)


def _ours(where: str, planned: Object, found: Object) -> Iterator[Exposure]:
    if {**found.get("roleRef", {}), "apiGroup": RBAC} != planned["roleRef"]:
        expected, there = planned["roleRef"], found.get("roleRef") or {}
        yield codes.WIDENED.at(
            where, f"{expected['kind']} {expected['name']}", f"{there.get('kind')} {there.get('name')}"
        )
    wanted = {_subject(each) for each in planned["subjects"]}
    there = {_subject(each) for each in found.get("subjects") or ()}
    if more := there - wanted:
        yield codes.SUBJECT.at(where, f"the rights of {listed(wanted)} alone", f"of {listed(more)} too")
    if wanted - there:
        yield codes.UNBOUND.at(where, f"the rights of {listed(wanted)}", f"of {listed(there)}")


def _place(found: Object) -> tuple[str, str]:
    metadata = found.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name"))


def _subject(subject: Object) -> str:
    space = f"{subject['namespace']}/" if subject.get("namespace") else ""
    return f"{subject.get('kind')} {space}{subject.get('name')}"


def _account(tenant: Tenant) -> str:
    return f"{tenant.namespace}/{tenant.service_account}"


def _is_account(tenant: Tenant, binding: Object, subject: Object) -> bool:
    """Whether the subject is the account, or a group that it is in. What Kubernetes gives all accounts is no news."""
    if subject.get("kind") == "ServiceAccount":
        space = subject.get("namespace") or _place(binding)[0]
        return (space, subject.get("name")) == (tenant.namespace, tenant.service_account)
    if subject.get("kind") == "User":
        return subject.get("name") == f"system:serviceaccount:{tenant.namespace}:{tenant.service_account}"
    groups = {f"system:serviceaccounts:{tenant.namespace}"}
    if not _place(binding)[1].startswith("system:"):
        groups |= {"system:serviceaccounts", "system:authenticated"}
    return subject.get("kind") == "Group" and subject.get("name") in groups


def agent_findings(delivery: Delivery, environment: str, found: Mapping[str, Object | None]) -> Iterator[Exposure]:
    """Of the agent's objects, by kind."""
    planned = {"GitRepository": flux.git_repository(delivery), "Kustomization": flux.kustomization(delivery)}
    if delivery.receiver_url is not None:
        planned["Receiver"] = flux.receiver(delivery)
    for kind, wanted in planned.items():
        where, there = named(kind, delivery.tenant, delivery.name), found.get(kind)
        if there is None:
            code = codes.RECEIVER_MISSING if kind == "Receiver" else codes.MISSING
            yield code.at(where, f"the {kind}", "none")
            continue
        yield from _differences(where, kind, wanted["spec"], there.get("spec") or {}, environment)
        if (there.get("spec") or {}).get("suspend"):
            names: dict[str, Any] = {"kind": CLI[kind], "name": delivery.name, "namespace": delivery.tenant.namespace}
            yield codes.SUSPENDED.at(where, "at work", "suspended", environment=environment, **names)


FIELDS: Mapping[tuple[str, str], Code] = {
    ("GitRepository", "url"): codes.SOURCE,
    ("GitRepository", "ref"): codes.SOURCE,
    ("GitRepository", "secretRef"): codes.SOURCE,
    ("GitRepository", "verify"): codes.SIGNATURES,
    ("Kustomization", "sourceRef"): codes.APPLIES,
    ("Kustomization", "path"): codes.APPLIES,
    ("Kustomization", "targetNamespace"): codes.APPLIES,
    ("Kustomization", "serviceAccountName"): codes.ACCOUNT,
    ("Kustomization", "prune"): codes.PRUNE,
}
"""What decides where from and by whose rights; the other planned fields are `agent-tuned`."""


def _differences(where: str, kind: str, planned: Object, found: Object, environment: str) -> Iterator[Exposure]:
    for field in planned.keys() | ({"verify"} if kind == "GitRepository" else set()):
        if _same(planned.get(field), found.get(field)) or (field == "verify" and not planned.get(field)):
            continue  # to look at signatures that nobody asked for restricts only
        code = FIELDS.get((kind, field), codes.TUNED)
        yield code.at(where, f"{field} {_said(planned.get(field))}", _said(found.get(field)), environment=environment)
    more = {
        field
        for field, value in found.items()
        if field not in planned and field not in {"suspend", "verify"} and DEFAULTED.get((kind, field), ...) != value
    }
    if more:
        yield codes.ADDED.at(where, f"the fields {listed(set(planned))}", f"{listed(more)} too")


def _same(expected: Any, found: Any) -> bool:
    """Whether they are equal, with what the API server adds by itself left out."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return all(_same(expected.get(key), found.get(key)) for key in expected.keys() | found.keys())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_same, expected, found))
    return bool(expected == found) or (expected is None and found in (None, "", False, {}, []))


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_said(each)}" for key, each in sorted(value.items()))
    return ", ".join(map(_said, value)) if isinstance(value, list) else ascii(str(value))[1:-1]


def signer_findings(delivery: Delivery, found: Object | None) -> Iterator[Exposure]:
    """Of the public keys of those who sign. They are no secret, so they are compared."""
    where = named("Secret", delivery.tenant, flux.signers_secret_name(delivery))
    if found is None:
        yield codes.MISSING.at(where, "the public keys of those who sign", "none")
    elif {str(text).strip() for text in found.values()} != {key.strip() for key in flux.signers(delivery).values()}:
        yield codes.SIGNERS.at(
            where, f"{len(delivery.signed_by)} public keys", "other ones", environment=delivery.branch
        )


def extra_findings(
    tenant: Tenant, environment: str, kind: str, planned: set[str], found: Iterable[Object]
) -> Iterator[Exposure]:
    """Of objects of the agent in the tenant's namespace that no environment has there."""
    for each in found:
        name = _place(each)[1]
        if name not in planned:
            # A namespace that others made is theirs to use.
            severity = None if tenant.made else Severity.LOW
            where = named(kind, tenant, ascii(name)[1:-1])
            yield codes.EXTRA.at(where, f"no other {kind}", "one", severity=severity, environment=environment)
