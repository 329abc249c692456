"""The verdict from objects as real controllers left them (Flux 2.9: source- and kustomize-controller 1.9)."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitops_infra.agents import flux, objects
from gitops_infra.audit.delivery_status import Seen, State, Trouble, Verdict, judged, unlooked
from gitops_infra.plan.build import plans
from gitops_infra.plan.model import Delivery
from gitops_infra.topology.validate import validate

HEAD, OLD = "b" * 40, "a" * 40
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RETRIED = {
    "conditions": [
        {"type": "Reconciling", "status": "True", "observedGeneration": 1, "reason": "Progressing"},
        {"type": "Ready", "status": "Unknown", "observedGeneration": 1, "message": "Reconciliation in progress"},
    ],
    "history": [
        {"lastReconciledStatus": "HealthCheckFailed", "metadata": {"revision": f"env/staging@sha1:{HEAD}"}},
    ],
    "lastAttemptedRevision": f"env/staging@sha1:{HEAD}",
    "observedGeneration": -1,
}


def delivery(**cluster: Any) -> Delivery:
    topology = validate(
        {
            "owner": "acme",
            "github_plan": "team",
            "application": {"name": "shop", "existing": True, "visibility": "public"},
            "clusters": [{"name": "eu", **cluster}],
            "environments": [{"name": "staging", "cluster": "eu"}],
        }
    )
    found = plans(topology)[0].environments[0].delivery
    assert found is not None
    return found


WANTED = delivery()


def live(found: dict[str, Any], status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The object as the API server has it, made an hour ago."""
    made = deepcopy(found)
    made["metadata"] |= {"generation": 1, "creationTimestamp": (NOW - timedelta(hours=1)).isoformat()}
    made["spec"] |= spec
    return {**made, "status": status}


def ready(status: str, message: str = "", reason: str = "Succeeded", **rest: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "message": message, "reason": reason, "observedGeneration": 1}
    return {"conditions": [condition], "observedGeneration": 1, **rest}


def seen(source: dict[str, Any] | None = None, kustomization: dict[str, Any] | None = None) -> Seen:
    """Everything at the head, but for what is given."""
    revision = f"env/staging@sha1:{HEAD}"
    return Seen(
        objects.namespace(WANTED.tenant),
        live(flux.git_repository(WANTED), source or ready("True", artifact={"revision": revision})),
        live(flux.kustomization(WANTED), kustomization or ready("True", lastAppliedRevision=revision)),
    )


def verdict(found: Seen, head: str | None = HEAD) -> Verdict:
    return judged(WANTED, head, found, NOW)


def code(found: Seen, head: str | None = HEAD) -> str:
    judgement = verdict(found, head)
    assert judgement.state is State.FAILED
    (trouble,) = judgement.troubles
    return trouble.code


def test_at_the_head_it_is_ready() -> None:
    assert verdict(seen()) == Verdict(State.READY, HEAD, HEAD)


def test_while_it_is_put_back_it_stays_ready() -> None:
    again = ready("Unknown", "Reconciliation in progress", lastAppliedRevision=f"env/staging@sha1:{HEAD}")
    assert verdict(seen(kustomization=again)).state is State.READY


@pytest.mark.parametrize(
    "message",
    [
        (
            "failed to checkout and determine revision: unable to list remote for 'ssh://git@forge/acme/shop.git': "
            'couldn\'t find remote ref "refs/heads/env/staging"'
        ),
        "git repository is empty",
    ],
)
def test_before_the_first_promotion_it_waits_and_that_is_good(message: str) -> None:
    nothing = ready("False", "Source artifact not found, retrying in 30s", "ArtifactFailed")
    found = seen(ready("False", message, "GitOperationFailed"), nothing)
    assert verdict(found, head=None) == Verdict(State.WAITING)
    # Just promoted, and not looked at again yet.
    assert verdict(found).state is State.BEHIND


def test_a_branch_that_is_gone_is_not_waited_for() -> None:
    artifact = {"artifact": {"revision": f"env/staging@sha1:{HEAD}"}}
    message = 'couldn\'t find remote ref "refs/heads/env/staging"'
    assert code(seen(ready("False", message, "GitOperationFailed", **artifact)), head=None) == "branch-gone"


def test_a_refused_key_is_told_before_the_first_promotion_too() -> None:
    message = "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]"
    assert code(seen(ready("False", message, "GitOperationFailed")), head=None) == "key-refused"


def test_behind_says_what_was_read() -> None:
    old = f"env/staging@sha1:{OLD}"
    found = verdict(seen(ready("True", artifact={"revision": old}), ready("True", lastAppliedRevision=old)))
    assert (found.state, found.fetched, found.applied) == (State.BEHIND, OLD, OLD)
    assert str(found.troubles[0]) == (
        f"GitRepository shop-staging/shop: it has read {OLD[:12]}, the branch is at {HEAD[:12]}. Wait: it looks every "
        "60 seconds. If that does not help, look whether source-controller runs there. [behind]"
    )


def test_applying_says_where_it_is() -> None:
    message = f"Running health checks for revision env/staging@sha1:{HEAD} with a timeout of 5m0s"
    found = verdict(seen(kustomization=ready("Unknown", message, "Progressing")))
    assert (found.state, found.troubles[0].code, found.troubles[0].reason) == (State.BEHIND, "applying", message)


def test_what_failed_stays_failed_while_it_is_tried_again() -> None:
    trouble = verdict(seen(kustomization=RETRIED)).troubles[0]
    assert trouble.code == "unhealthy"
    assert trouble.reason.endswith(": HealthCheckFailed, and it is being tried again")


def test_a_new_revision_is_not_blamed_for_the_last_one() -> None:
    newer = {**RETRIED, "lastAttemptedRevision": f"env/staging@sha1:{OLD}"}
    assert verdict(seen(kustomization=newer)).state is State.BEHIND


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ssh: handshake failed: knownhosts: key mismatch", "host-key"),
        ("ssh: handshake failed: knownhosts: key is unknown", "host-key"),
        ("repository not found", "key-refused"),
        ("failed to get secret 'shop-staging/shop-git': secrets \"shop-git\" not found", "key-absent"),
        (f"signature verification of commit '{HEAD}' failed: unable to verify payload", "not-signed"),
        ("dial tcp 10.0.0.1:22: connect: connection refused", "forge-unreachable-there"),
        ("unable to clone: context deadline exceeded", "forge-unreachable-there"),
        ("something new", "source-failed"),
    ],
)
def test_what_the_source_says(message: str, expected: str) -> None:
    assert code(seen(ready("False", message, "GitOperationFailed"))) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("kustomization path not found: stat /tmp/k/deploy/staging: no such file or directory", "path-absent"),
        ("kustomize build failed: accumulating resources: accumulation err='absent.yaml'", "build-failed"),
        (
            (
                'Secret/shop-staging/other dry-run failed (Forbidden): secrets "other" is forbidden: User '
                '"system:serviceaccount:shop-staging:gitops" cannot patch resource "secrets"'
            ),
            "refused",
        ),
        ("health check failed after 30s: timeout waiting for: [Deployment/s/shop status: 'InProgress']", "unhealthy"),
        (
            (
                "health check failed after 30.01s: timeout waiting for: [Deployment/s/shop status: 'Unknown': "
                'replicasets.apps is forbidden: User "u" cannot list resource "replicasets" in API group "apps"]'
            ),
            "health-unreadable",
        ),
        ("ConfigMap/shop-staging/Shop_1 dry-run failed (Invalid): invalid name", "rejected"),
        ("something new", "apply-failed"),
    ],
)
def test_what_the_kustomization_says(message: str, expected: str) -> None:
    assert code(seen(kustomization=ready("False", message, "ReconciliationFailed"))) == expected


def test_refused_rights_name_where_they_are_given() -> None:
    message = 'dry-run failed (Forbidden): secrets "other" is forbidden'
    assert str(verdict(seen(kustomization=ready("False", message))).troubles[0]) == (
        "Kustomization shop-staging/shop: the manifests hold what the environment's service account may not apply: "
        'dry-run failed (Forbidden): secrets "other" is forbidden. Add it to `sync.permissions` if it belongs there, '
        "or take it out of the manifests. [refused]"
    )


def test_a_message_with_a_secret_is_not_repeated() -> None:
    message = f"kustomize build failed: token: ghp_{'a1' * 18}"
    assert "ghp_" not in str(verdict(seen(kustomization=ready("False", message))))


def test_a_long_message_is_one_line_and_cut() -> None:
    trouble = verdict(seen(kustomization=ready("False", "is forbidden\n" * 100))).troubles[0]
    assert "\n" not in trouble.reason
    assert len(trouble.reason) < 400


def test_nothing_there_asks_for_an_up() -> None:
    found = verdict(Seen())
    assert found.troubles == (
        Trouble("Namespace shop-staging", "namespace-absent", "it does not exist", "Run `pulumi up`"),
    )
    empty = verdict(Seen(objects.namespace(WANTED.tenant)))
    assert [trouble.code for trouble in empty.troubles] == ["agent-absent", "agent-absent"]


def test_a_namespace_of_another_environment_is_named() -> None:
    namespace = objects.namespace(WANTED.tenant)
    namespace["metadata"]["labels"] = {**WANTED.tenant.labels, "gitops-infra/environment": "other"}
    trouble = verdict(replace(seen(), namespace=namespace)).troubles[0]
    assert (trouble.code, trouble.reason) == ("namespace-foreign", "it belongs to acme/shop/other")


def test_a_namespace_that_was_there_need_not_be_ours() -> None:
    there = replace(WANTED, tenant=replace(WANTED.tenant, made=False))
    found = replace(seen(), namespace={"metadata": {"name": "shop-staging"}})
    assert judged(there, HEAD, found, NOW).state is State.READY


def test_suspended_says_how_it_goes_on() -> None:
    found = replace(seen(), source=live(flux.git_repository(WANTED), ready("True"), suspend=True))
    trouble = verdict(found).troubles[0]
    assert (trouble.code, trouble.remedy) == ("suspended", "Run `flux resume source git shop -n shop-staging`")


def test_an_object_that_was_changed_by_hand() -> None:
    found = replace(seen(), kustomization=live(flux.kustomization(WANTED), ready("True"), path="./elsewhere"))
    trouble = verdict(found).troubles[0]
    assert (trouble.code, trouble.reason) == ("agent-differs", "its path differ from the topology")


@pytest.mark.parametrize(("seconds", "state"), [(30, State.BEHIND), (90, State.FAILED)])
def test_a_controller_that_does_not_answer_is_given_a_minute(seconds: int, state: State) -> None:
    source = live(flux.git_repository(WANTED), {"observedGeneration": -1})
    source["metadata"]["creationTimestamp"] = (NOW - timedelta(seconds=seconds)).isoformat()
    found = verdict(replace(seen(), source=source))
    assert found.state is state
    assert found.troubles[0].code == ("behind" if state is State.BEHIND else "controller-silent")


def test_a_change_that_was_not_taken_up() -> None:
    source = live(flux.git_repository(WANTED), ready("True", artifact={"revision": f"env/staging@sha1:{HEAD}"}))
    source["metadata"]["generation"] = 2
    source["metadata"]["managedFields"] = [
        {"time": (NOW - timedelta(minutes=5)).isoformat()},
        {"time": NOW.isoformat(), "subresource": "status"},
    ]
    assert code(replace(seen(), source=source)) == "controller-silent"


def test_a_receiver_is_looked_at_where_there_is_one() -> None:
    wanted = delivery(receiver_url="https://flux.example.com")
    absent = judged(wanted, HEAD, seen(), NOW)
    assert [trouble.where for trouble in absent.troubles] == ["Receiver shop-staging/shop"]
    broken = replace(seen(), receiver=live(flux.receiver(wanted), ready("False", "no token", "TokenNotFound")))
    assert judged(wanted, HEAD, broken, NOW).troubles[0].code == "receiver-failed"
    whole = replace(seen(), receiver=live(flux.receiver(wanted), ready("True")))
    assert judged(wanted, HEAD, whole, NOW).state is State.READY


def test_without_the_forge_the_cluster_still_tells_what_it_runs() -> None:
    down = Trouble("forge", "forge-unreachable", "it is down", "Try again")
    found = unlooked(WANTED, down, seen(), NOW)
    assert (found.state, found.applied, found.troubles) == (State.UNKNOWN, HEAD, (down,))
    failed = unlooked(WANTED, down, seen(kustomization=ready("False", "kustomize build failed")), NOW)
    assert (failed.state, [trouble.code for trouble in failed.troubles]) == (
        State.FAILED,
        ["forge-unreachable", "build-failed"],
    )
