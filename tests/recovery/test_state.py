"""What is read from an exported stack."""

from typing import Any

import pytest

from gitops_infra.recovery.fate import Fate
from gitops_infra.recovery.import_ids import decide
from gitops_infra.recovery.state import planned_creates, read_export

PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:github::acme"
REPOSITORY = "urn:pulumi:dev::shop::github:index/repository:Repository::made"


def document(*operations: dict[str, Any], resources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    provider = {
        "urn": PROVIDER,
        "type": "pulumi:providers:github",
        "inputs": {"owner": "acme", "baseUrl": "https://git.acme.example", "token": {"ciphertext": "v1:x"}},
    }
    return {"version": 3, "deployment": {"resources": [provider, *resources], "pending_operations": list(operations)}}


def operation(kind: str = "creating") -> dict[str, Any]:
    resource = {
        "urn": REPOSITORY,
        "type": "github:index/repository:Repository",
        "inputs": {"name": "made", "description": {"ciphertext": "v1:y"}},
        "parent": "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev",
        "provider": f"{PROVIDER}::8068799a",
    }
    return {"type": kind, "resource": resource}


def test_a_pending_create_knows_its_name_provider_owner_and_address() -> None:
    (create,) = read_export(document(operation())).creates
    assert (create.name, create.provider, create.owner, create.base_url) == (
        "made",
        PROVIDER,
        "acme",
        "https://git.acme.example",
    )


def test_inputs_that_are_secret_are_no_text() -> None:
    (create,) = read_export(document(operation())).creates
    assert (create.text("name"), create.text("description"), create.text("absent")) == ("made", None, None)


@pytest.mark.parametrize("kind", ["updating", "deleting", "reading"])
def test_other_pending_operations_are_counted_only(kind: str) -> None:
    export = read_export(document(operation(kind), operation()))
    assert (len(export.creates), export.others, export.pending) == (1, 1, True)


def test_a_stack_without_pending_operations_says_so() -> None:
    assert not read_export(document()).pending


@pytest.mark.parametrize("mark", ["delete", "pendingReplacement"])
def test_what_is_to_be_made_anew_does_not_count_as_held(mark: str) -> None:
    """Its URN is the new one's too, which may be on the forge already."""
    held = {"urn": REPOSITORY, "type": "github:index/repository:Repository"}
    assert REPOSITORY in read_export(document(resources=(held,))).urns
    assert REPOSITORY not in read_export(document(resources=({**held, mark: True},))).urns


def test_something_else_than_an_export_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^this is not an exported stack: it has no `deployment`$"):
        read_export({"version": 3})


def test_a_pending_component_is_simply_made_again() -> None:
    """A run that is killed early may leave one; it stands for nothing on a forge or in a cluster."""
    pending = operation()
    pending["resource"] |= {"type": "gitops-infra:index:GitOpsAgent", "custom": False}
    (create,) = read_export(document(pending)).creates
    assert decide(create, None).fate is Fate.REPEAT


def step(op: str, **changes: Any) -> dict[str, Any]:
    return {"op": op, "newState": {**operation()["resource"], "custom": True, **changes}}


def test_what_an_up_would_create_has_the_settings_of_a_provider_that_stays() -> None:
    (create,) = planned_creates({"steps": [step("create")]}, document())
    assert (create.urn, create.text("name"), create.owner) == (REPOSITORY, "made", "acme")


def test_a_provider_that_is_made_too_gives_its_settings() -> None:
    new = step("create", urn=PROVIDER, type="pulumi:providers:github", inputs={"owner": "other"})
    (create,) = planned_creates({"steps": [new, step("create")]}, {"deployment": {}})
    assert create.owner == "other"


@pytest.mark.parametrize("planned", [step("update"), step("create", custom=False), {"op": "delete", "newState": None}])
def test_what_is_not_made_or_is_a_component_is_left_out(planned: dict[str, Any]) -> None:
    assert planned_creates({"steps": [planned]}, document()) == ()
