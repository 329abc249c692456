"""The forge of one mode, filled with what upstream's tests expect to find at GitHub."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.modes import OWNERS, Client, Mode
from gitops_infra.sandbox.forge.model import App, Installation
from gitops_infra.sandbox.forge.server import Sandbox

ADMINISTRATOR = "olivia"
"""Whose token the tests use."""

ORGANIZATION_USERS = ("mara", "dana", "rita")
EXTERNAL_USERS = ("otto", "oona")

TEMPLATE = "template-repository/template-repository"
"""A public template repository of somebody else, by the name that the tests have for it."""

FORKED = "integrations/terraform-provider-github"
"""A public repository that the tests fork."""

GITHUB_APPS = {946600: "copilot-pull-request-reviewer", 1143301: "copilot-swe-agent"}
"""Apps of GitHub's own that every owner can name in a ruleset; id -> slug."""


@dataclass(frozen=True)
class World:
    """A running forge and what the tests have to be told about it."""

    forge: Sandbox
    variables: Mapping[str, str]


@contextmanager
def world(mode: Mode) -> Iterator[World]:
    """A fresh forge with the owner of this mode. It listens on loopback and is gone afterwards."""
    owner = OWNERS[mode]
    with Sandbox() as forge:
        for login in (ADMINISTRATOR, *ORGANIZATION_USERS, *EXTERNAL_USERS):
            plan = "free" if owner.organization else owner.price_plan
            forge.add_user(login, price_plan=plan)
        if owner.organization:
            forge.add_organization(owner.login, owners=[ADMINISTRATOR], price_plan=owner.price_plan)
            for login in ORGANIZATION_USERS:
                forge.add_member(owner.login, login)
        _public(forge)
        _apps(forge, owner.login)
        yield World(forge, _variables(forge, mode))


def _public(forge: Sandbox) -> None:
    for full_name in (TEMPLATE, FORKED):
        forge.add_organization(full_name.partition("/")[0], owners=[EXTERNAL_USERS[0]], price_plan="free")
        repository = forge.add_repository(full_name, visibility="public", auto_init=True)
        with forge.store.transaction():
            repository.settings["is_template"] = full_name == TEMPLATE
            forge.store.save(repository)


def _apps(forge: Sandbox, owner: str) -> None:
    """Installs them, so that a ruleset of this owner may name them."""
    store, account = forge.store, forge.account(owner)
    with store.transaction():
        for number, slug in GITHUB_APPS.items():
            store.add(App(number, slug, account.id, {"contents": "write"}))
            store.add(Installation(store.new_id(), number, account.id, {"contents": "write"}))


def _variables(forge: Sandbox, mode: Mode) -> dict[str, str]:
    users = {f"GH_TEST_ORG_USER{number}": login for number, login in enumerate(ORGANIZATION_USERS, start=1)}
    external, second = EXTERNAL_USERS
    return {
        "GH_TEST_AUTH_MODE": mode.value,
        "GITHUB_BASE_URL": f"{forge.url}/",
        "GITHUB_OWNER": OWNERS[mode].login,
        "GITHUB_TOKEN": forge.token(ADMINISTRATOR),
        **(users if OWNERS[mode].organization else {}),
        "GH_TEST_EXTERNAL_USER1": external,
        "GH_TEST_EXTERNAL_USER1_TOKEN": forge.token(external),
        "GH_TEST_EXTERNAL_USER2": second,
        # Invitations are accepted at once, so the external user is a collaborator as well.
        "GH_TEST_COLLABORATOR": external,
        **({"GITHUB_ENTERPRISE_SLUG": "acme-enterprise"} if mode is Mode.ENTERPRISE else {}),
    }


def environment(
    base: Mapping[str, str], variables: Mapping[str, str], client: Client, folder: Path, tofu: Path
) -> dict[str, str]:
    """The whole environment of the test program: nothing of the caller's that speaks to a forge or to Terraform.

    `base` is the caller's environment, `folder` the scratch folder, `tofu` the command line that stands for Terraform.
    """
    strange = ("GITHUB_", "GH_", "TF_", "TOFU_", "GITOPS_INFRA_")
    kept = {name: value for name, value in base.items() if not name.startswith(strange)}
    return kept | {
        "TF_ACC": "1",
        "TF_ACC_TERRAFORM_PATH": str(tofu),
        "TF_CLI_CONFIG_FILE": str(folder / "tofurc"),
        "TF_ACC_PROVIDER_NAMESPACE": "hashicorp",
        "TF_ACC_PROVIDER_HOST": "registry.opentofu.org",
        "TMPDIR": str(folder / "tmp"),
        "CHECKPOINT_DISABLE": "1",
        "GITHUB_LEGACY_CLIENT": str(client is Client.LEGACY).lower(),
        **variables,
    }
