"""A kubeconfig is looked at before anything is registered, and no message shows a word of it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_infra.agents.kubeconfig import problem

GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "CANARY-eu",
    "contexts": [{"name": "CANARY-eu", "context": {"cluster": "CANARY-cluster", "user": "CANARY-user"}}],
    "clusters": [{"name": "CANARY-cluster", "cluster": {"server": "https://CANARY.example"}}],
    "users": [{"name": "CANARY-user", "user": {"token": "CANARY-token"}}],
}


def reason(text: str, context: str | None = None) -> str | None:
    found = problem(text, context, "kubeconfig", "Do it")
    if found is None:
        return None
    assert (found.where, found.code, found.remedy) == ("kubeconfig", "bad-kubeconfig", "Do it")
    return found.reason


def changed(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


@pytest.mark.parametrize(
    "user",
    [
        {"token": "x"},
        {"client-certificate-data": "x", "client-key-data": "y"},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": ["eks", "get-token"]}},
    ],
    ids=["token", "certificate", "exec"],
)
def test_whatever_a_cluster_gives_is_accepted(user: dict[str, Any]) -> None:
    assert reason(changed(users=[{"name": "CANARY-user", "user": user}])) is None


def test_a_context_of_the_topology_counts_more_than_the_current_one() -> None:
    other = {"name": "us", "context": {"cluster": "CANARY-cluster", "user": "CANARY-user"}}
    text = changed(contexts=[*GOOD["contexts"], other])
    assert reason(text, "us") is None
    assert reason(changed(contexts=[other], **{"current-context": None}), "us") is None


@pytest.mark.parametrize(
    ("text", "context", "said"),
    [
        ("CANARY: [", None, "the kubeconfig is no YAML"),
        ("CANARY: 2020-13-45", None, "the kubeconfig is no YAML"),
        ("[" * 5000, None, "the kubeconfig is no YAML"),
        ("!!python/object:os.system {}", None, "the kubeconfig is no YAML"),
        ("/home/CANARY/.kube/config", None, "the kubeconfig is no mapping: a whole file belongs here, not its path"),
        ("", None, "the kubeconfig is no mapping: a whole file belongs here, not its path"),
        ("- CANARY", None, "the kubeconfig is no mapping: a whole file belongs here, not its path"),
        (
            changed(**{"current-context": ""}),
            None,
            "the kubeconfig has no `current-context`, and no `context` is given",
        ),
        (changed(contexts=[]), None, "the kubeconfig has no such context as its `current-context`"),
        (changed(contexts={"CANARY-eu": {}}), None, "the kubeconfig has no such context as its `current-context`"),
        (changed(), "us", "the kubeconfig has no context 'us'"),
        (changed(clusters=[]), None, "the `current-context` of the kubeconfig leads to no cluster with a `server`"),
        (
            changed(clusters=[{"name": "CANARY-cluster", "cluster": {"server": "CANARY.example:6443"}}]),
            None,
            "the `current-context` of the kubeconfig leads to no cluster with a `server`",
        ),
        (
            changed(clusters="CANARY"),
            "CANARY-eu",
            "context 'CANARY-eu' of the kubeconfig leads to no cluster with a `server`",
        ),
        (changed(users=[]), None, "the `current-context` of the kubeconfig names no user that it has"),
        (
            changed(users=[{"name": "CANARY-user"}]),
            None,
            "the `current-context` of the kubeconfig names no user that it has",
        ),
    ],
)
def test_what_is_wrong_is_said_without_a_word_of_it(text: str, context: str | None, said: str) -> None:
    assert reason(text, context) == said
    assert context == "CANARY-eu" or "CANARY" not in said


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["CANARY-eu", "CANARY-user"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*GOOD, "name", "context", "cluster", "user"]), inner, max_size=5)
        ),
    ).map(json.dumps)
)
def test_anything_is_accepted_or_refused(text: str) -> None:
    found = reason(text)
    assert found is None or (found.isascii() and "CANARY" not in found)
