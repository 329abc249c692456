"""Foreign clients that authenticate as an App: PyGithub, and the real provider with an App's private key."""

from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_github
import pytest
from github import Auth, GithubException, GithubIntegration

from gitops_infra.sandbox.engine import Engine, without_ambient
from gitops_infra.sandbox.forge.server import Sandbox

WRITES = ("administration", "contents", "environments", "issues")
PERMISSIONS = {**dict.fromkeys(WRITES, "write"), "actions": "read"}


@pytest.fixture
def integration(forge: Sandbox) -> Callable[[str], GithubIntegration]:
    """PyGithub as the App of that slug, with a new private key."""

    def make(slug: str) -> GithubIntegration:
        auth = Auth.AppAuth(forge.find_app(slug).id, forge.app_key(slug))
        return GithubIntegration(auth=auth, base_url=forge.api_url, retry=None)

    return make


def test_pygithub_finds_its_installation_and_works_with_a_token_for_a_part(
    forge: Sandbox, integration: Callable[[str], GithubIntegration]
) -> None:
    forge.add_repository("acme/other", auto_init=True)
    forge.app("acme", "robot", PERMISSIONS)
    robot = integration("robot")
    assert robot.get_app().slug == "robot"
    [installation] = robot.get_installations()
    assert robot.get_repo_installation("acme", "shop").id == robot.get_org_installation("acme").id == installation.id
    assert [repository.full_name for repository in installation.get_repos()] == ["acme/shop", "acme/other"]
    token = robot.get_access_token(installation.id, permissions={"contents": "read"})
    assert token.permissions == {"metadata": "read", "contents": "read"}
    shop = robot.get_github_for_installation(installation.id, {"contents": "read"}).get_repo("acme/shop")
    assert shop.get_contents("README.md").path == "README.md"
    with pytest.raises(GithubException, match="Resource not accessible by integration"):
        shop.create_file("x", "message", "content")


def test_pygithub_hears_what_github_says_about_a_foreign_key_and_too_much(
    forge: Sandbox, integration: Callable[[str], GithubIntegration]
) -> None:
    forge.app("acme", "robot", PERMISSIONS)
    forge.create_app("acme", "other", PERMISSIONS)
    mixed = GithubIntegration(
        auth=Auth.AppAuth(forge.find_app("robot").id, forge.app_key("other")), base_url=forge.api_url, retry=None
    )
    with pytest.raises(GithubException, match="A JSON web token could not be decoded"):
        mixed.get_app()
    with pytest.raises(GithubException, match="The permissions requested are not granted to this installation"):
        integration("robot").get_access_token(forge.installation("robot").id, permissions={"workflows": "write"})


@pytest.mark.engine
@pytest.mark.parametrize("legacy_client", [True, False])
def test_the_real_provider_works_with_an_apps_private_key(
    forge: Sandbox, tmp_path: Path, *, legacy_client: bool
) -> None:
    app = forge.app("acme", "provisioner", PERMISSIONS, repositories=["acme/shop"])
    pem, number = forge.app_key(app), str(forge.installation(app).id)

    def declare() -> None:
        provider = pulumi_github.Provider(
            "github",
            base_url=f"{forge.url}/",
            owner="acme",
            app_auth={"id": str(app.id), "installation_id": number, "pem_file": pulumi.Output.secret(pem)},
            write_delay_ms=0,
            parallel_requests=True,
            legacy_client=legacy_client,
        )
        using = pulumi.ResourceOptions(provider=provider)
        pulumi_github.IssueLabel("label", repository="shop", name="review", color="ff0000", opts=using)
        environment = pulumi_github.RepositoryEnvironment(
            "environment", repository="shop", environment="staging", opts=using
        )
        value = pulumi.Output.secret("v")
        pulumi_github.ActionsEnvironmentSecret(
            "secret", repository="shop", environment=environment.environment, secret_name="KEY", value=value, opts=using
        )

    with without_ambient():
        stack = Engine.prepare().stack("app", "test", declare, tmp_path / "state", passphrase="x")
        made = stack.up().summary.resource_changes
        assert stack.up(refresh=True).summary.resource_changes == {"same": made["create"]}
        forge.uninstall(app)
        with pytest.raises(Exception, match=r"401|404"):
            stack.up(refresh=True)
    assert pem.splitlines()[3] not in "".join(path.read_text() for path in (tmp_path / "state").rglob("*.json"))
    assert {call.actor for call in forge.requests if call.status < 300} == {"provisioner[bot]"}
