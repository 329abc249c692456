"""What destroy keeps is named as `pulumi import` takes it."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_github as github
import pytest

from gitops_infra.forges.github.retained import retained

Record = Callable[..., Any]


def webhook() -> pulumi.CustomResource:
    return github.RepositoryWebhook("hook", repository="shop", events=["push"])


def ruleset() -> pulumi.CustomResource:
    return github.RepositoryRuleset("rules", repository="shop", target="branch", enforcement="active", rules={})


def repository() -> pulumi.CustomResource:
    return github.Repository("shop", name="shop")


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (
            webhook,
            {"name": "hook", "id": "shop/id-of-hook", "type": "github:index/repositoryWebhook:RepositoryWebhook"},
        ),
        (
            ruleset,
            {"name": "rules", "id": "shop:id-of-rules", "type": "github:index/repositoryRuleset:RepositoryRuleset"},
        ),
        (repository, {"name": "shop", "id": "id-of-shop", "type": "github:index/repository:Repository"}),
    ],
    ids=["webhook", "ruleset", "repository"],
)
def test_each_kind_has_the_import_id_of_its_page(
    record: Record, make: Callable[[], pulumi.CustomResource], found: dict[str, str]
) -> None:
    recorded = record(lambda: pulumi.export("retained", retained("acme", [make()])))
    assert recorded.exports["retained"] == [found]
