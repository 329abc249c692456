"""Flux as it is installed: every flag of the page about clusters is in both ways. Neither way was run here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.agents import flux_install
from gitops_infra.agents.flux_install import CHART, CONTROLLERS, LOCKDOWN, STEADY, chart_values, flux_instance

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")
FLAGS = {
    flag: tuple(f"{word.strip()}-controller" for word in controllers.split(","))
    for flag, controllers in re.findall(r"^\| `(--[^`]+)` \| ([a-z, ]+) \|", PAGE, re.MULTILINE)
}

# What the chart's templates pass on where `multitenancy.enabled` is true.
GIVEN_BY_THE_CHART = {
    "kustomize-controller": {"--no-cross-namespace-refs=true", "--default-service-account=default"},
    "helm-controller": {"--no-cross-namespace-refs=true", "--default-service-account=default"},
    "notification-controller": {"--no-cross-namespace-refs=true"},
}
# What the operator passes on where `multitenant` is true: Flux's whole lockdown.
GIVEN_BY_THE_OPERATOR = GIVEN_BY_THE_CHART | {
    "kustomize-controller": GIVEN_BY_THE_CHART["kustomize-controller"] | {"--no-remote-bases=true"}
}


def of_the_page() -> dict[str, set[str]]:
    by_controller: dict[str, set[str]] = {}
    for flag, controllers in FLAGS.items():
        for controller in controllers:
            by_controller.setdefault(controller, set()).add(flag)
    return by_controller


def of_the_chart(values: dict[str, Any]) -> dict[str, set[str]]:
    assert values["multitenancy"] == {"enabled": True, "defaultServiceAccount": "default", "privileged": True}
    keys = {controller: controller.removesuffix("-controller") + "Controller" for controller in CONTROLLERS}
    added = {name: set(values[key].get("container", {}).get("additionalArgs", ())) for name, key in keys.items()}
    found = {name: flags | GIVEN_BY_THE_CHART.get(name, set()) for name, flags in added.items()}
    assert not any(flags & GIVEN_BY_THE_CHART.get(name, set()) for name, flags in added.items()), "given twice"
    return {name: flags for name, flags in found.items() if flags}


def of_the_operator(instance: dict[str, Any]) -> dict[str, set[str]]:
    assert instance["spec"]["cluster"]["multitenant"] is True
    assert instance["spec"]["cluster"]["tenantDefaultServiceAccount"] == "default"
    found = {name: set(flags) for name, flags in GIVEN_BY_THE_OPERATOR.items()}
    for patch in instance["spec"]["kustomize"]["patches"]:
        assert patch["target"]["kind"] == "Deployment"
        for operation in json.loads(patch["patch"]):
            assert (operation["op"], operation["path"]) == ("add", "/spec/template/spec/containers/0/args/-")
            found[patch["target"]["name"]].add(operation["value"])
    return found


def test_the_page_names_flags() -> None:
    """Else the next tests would hold for an empty list."""
    assert len(FLAGS) == 4


def test_the_tables_are_those_of_the_page() -> None:
    tables = {name: {*LOCKDOWN.get(name, ()), *STEADY.get(name, ())} for name in CONTROLLERS}
    assert {name: flags for name, flags in tables.items() if flags} == of_the_page()


def test_the_chart_gets_every_flag_once() -> None:
    assert of_the_chart(chart_values()) == of_the_page()


def test_the_operator_gets_every_flag() -> None:
    assert of_the_operator(flux_instance()) == of_the_page()


def test_the_chart_installs_four_controllers_and_their_network_policies() -> None:
    values = chart_values()
    made = {name: value["create"] for name, value in values.items() if name.endswith("Controller")}
    assert made == {
        "sourceController": True,
        "kustomizeController": True,
        "helmController": True,
        "notificationController": True,
        "imageAutomationController": False,
        "imageReflectionController": False,
    }
    assert values["policies"] == values["rbac"] == {"create": True}
    assert values["installCRDs"] is True
    assert CHART == "oci://ghcr.io/fluxcd-community/charts/flux2"


def test_the_operator_installs_the_same() -> None:
    instance = flux_instance()
    assert (instance["apiVersion"], instance["kind"]) == ("fluxcd.controlplane.io/v1", "FluxInstance")
    assert instance["metadata"] == {"name": "flux", "namespace": "flux-system"}
    assert instance["spec"]["components"] == list(CONTROLLERS)
    assert instance["spec"]["distribution"] == {"version": "2.9.x", "registry": "ghcr.io/fluxcd"}
    assert instance["spec"]["cluster"]["networkPolicy"] is True


@pytest.mark.parametrize("kind", ["eks", "gke", "aks", "openshift"])
def test_the_operator_is_told_which_cloud_it_is_in(kind: str) -> None:
    assert flux_instance(kind=kind, version="2.9.1")["spec"]["cluster"]["type"] == kind


def test_both_are_plain_data_and_each_call_gives_its_own() -> None:
    for make in (chart_values, flux_instance):
        assert json.loads(json.dumps(make())) == make()
        assert make() is not make()
    assert flux_install.NAMESPACE == "flux-system"
