"""The webhook that tells an agent of a push."""

from collections.abc import Callable
from typing import Any

import pulumi

from gitops_infra.forges.github.placement import Placement
from gitops_infra.forges.github.webhook import webhook


class Parent(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("test:index:Parent", "parent")


def test_its_address_and_secret_are_secret_and_it_hears_of_pushes_only(record: Callable[..., Any]) -> None:
    def program() -> None:
        place = Placement.of(Parent(), "parent", None, retain=False)
        webhook(place, "hook", "shop", pulumi.Output.secret("https://x.example/hook/1"), pulumi.Output.secret("TOKEN"))

    hook = record(program).one("RepositoryWebhook", "parent-hook")
    assert hook.inputs["events"] == ["push"]
    assert hook.inputs["active"] is True
    assert hook.secret_outputs == ("configuration",)
    configuration = hook.inputs["configuration"]
    assert (configuration["contentType"], configuration["insecureSsl"]) == ("json", False)
