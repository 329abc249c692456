"""Preflight against a running forge: one line per problem, and nothing but reading."""

from collections.abc import Callable

import pytest

from gitops_infra.audit.known import Known, read_known
from gitops_infra.plan.resources import ResourceKind
from gitops_infra.sandbox.forge.server import Sandbox

Preflight = Callable[..., list[str]]

URN = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
STAGING = {"branch": "env/staging"}
PERSONAL = (
    "warning: token: it is a personal token of olivia, and deploy keys made with it die with it. "
    "Provision with a GitHub App installation token. [personal-token]"
)


def test_nothing_is_reported_when_everything_fits(check: Preflight) -> None:
    assert check() == []


def test_it_only_reads(forge: Sandbox, check: Preflight) -> None:
    check()
    check(token=forge.token("olivia"), owner="nobody", application={"code_owners": True})
    assert {request.method for request in forge.requests} == {"GET"}


def test_a_wrong_token_is_one_line_with_the_remedy(check: Preflight) -> None:
    assert check(token="ghp_" + "0" * 36) == [
        (
            "error: token: the forge does not accept it: it is wrong, expired or revoked. Make a new one (an App "
            "installation token lives one hour) and pass it by GITHUB_TOKEN or --token-file. [bad-token]"
        )
    ]


def test_a_revoked_token_is_a_bad_token(forge: Sandbox, check: Preflight) -> None:
    token = forge.token("olivia")
    forge.revoke(token)
    assert [line.rpartition("[")[2] for line in check(token=token)] == ["bad-token]"]


def test_an_owner_that_does_not_exist_is_reported_alone(check: Preflight) -> None:
    assert check(owner="nobody") == [
        (
            "error: owner nobody: the forge has no such organisation or user. Correct `owner`, or the base URL if the "
            "owner lives on another server. [owner-absent]"
        )
    ]


def test_an_organisation_that_is_declared_a_user_is_reported(check: Preflight) -> None:
    """A user has no Enterprise plan; on `pro`, nobody can be asked to review a private repository's deployments."""
    degraded = {"reviewers": None, "allow_degraded": True}
    assert check(owner_kind="user", github_plan="pro", production=degraded) == [
        (
            "error: owner acme: the topology says `user`, the forge says `organization`. "
            "Set `owner_kind: organization`. [owner-kind]"
        )
    ]


def test_a_personal_token_draws_a_warning(forge: Sandbox, check: Preflight) -> None:
    assert check(token=forge.token("olivia")) == [PERSONAL]


def test_who_is_no_administrator_of_the_application_cannot_provision(forge: Sandbox, check: Preflight) -> None:
    lines = check(token=forge.token("dana"))
    assert lines[0] == (
        "error: repository acme/shop: the token lacks the permission administration: dana is not an administrator. "
        "Use a token of an administrator, or an App with the permission administration (write). [missing-permission]"
    )


def test_each_permission_that_an_app_lacks_is_named(forge: Sandbox, check: Preflight) -> None:
    forge.app("acme", "weak", {"metadata": "read", "contents": "write"})
    lines = check(token=forge.app_token("weak"))
    missing = [line.split("permission ")[1].split(".")[0] for line in lines if "[missing-permission]" in line]
    assert missing == ["administration (write)", "actions (read)", "environments (write)", "members (read)"]


def test_a_token_that_cannot_see_the_application_reads_as_absent(check: Preflight) -> None:
    assert check(application={"name": "shoq"}) == [
        (
            "error: repository acme/shoq: it does not exist, or the token cannot see it. Correct the name, give the "
            "App or token access to it, or leave out `existing` to make it. [repository-absent]"
        )
    ]


def test_a_new_application_that_is_there_already_is_reported(check: Preflight) -> None:
    granted = [{"team": "platform", "role": "maintain"}]
    assert check(application={"existing": False, "grants": granted}) == [
        (
            "error: repository acme/shop: it is there already, and the topology makes it. Set `existing: true` to "
            "protect it as it is, or choose another name. [repository-exists]"
        )
    ]


def test_a_state_repository_that_is_there_already_is_reported(forge: Sandbox, check: Preflight) -> None:
    forge.add_repository("acme/shop-env-staging")
    assert check() == [
        (
            "error: repository acme/shop-env-staging: it is there already, and the topology makes it. Choose another "
            "`state_repository` for staging, or remove the old one if nothing uses it. [repository-exists]"
        )
    ]


def test_what_the_stack_made_is_no_surprise(forge: Sandbox, check: Preflight) -> None:
    forge.add_repository("acme/shop-env-staging")
    assert check(known=Known(repositories={"shop-env-staging"})) == []


def test_default_branch_and_visibility_must_be_as_declared(check: Preflight) -> None:
    assert check(application={"default_branch": "trunk", "visibility": "internal"}) == [
        (
            "error: repository acme/shop: its default branch is `main`, the topology says `trunk`. "
            "Set `default_branch: main`. [default-branch]"
        ),
        (
            "error: repository acme/shop: it is private, the topology says internal. Set `visibility: private`. "
            "[visibility]"
        ),
    ]


def test_a_codeowners_file_that_is_declared_must_be_there(check: Preflight) -> None:
    assert check(application={"code_owners": True}) == [
        (
            "error: repository acme/shop: the topology says that it has a CODEOWNERS file, and there is none on "
            "`main`. Add `.github/CODEOWNERS` (`gitops-infra render` prints one), or set `code_owners: false`. "
            "[no-code-owners]"
        )
    ]


def test_an_environment_of_the_same_name_is_not_overwritten_silently(
    check: Preflight, environment: Callable[..., None]
) -> None:
    environment("Production")
    line = (
        "error: environment production of acme/shop: it is there already, and its reviewers and branch policy would be "
        "overwritten. Set `adopt: true` of production to take it over, or choose another name. [environment-exists]"
    )
    assert check() == [line]
    assert check(production={"adopt": True}) == []
    assert check(known=Known(environments={("shop", "production")})) == []


def test_a_secret_of_the_same_name_is_named_too(check: Preflight, environment: Callable[..., None]) -> None:
    environment("production", "GITOPS_DEPLOY_KEY")
    assert [line.rpartition("[")[2] for line in check()] == ["environment-exists]", "secret-exists]"]


def test_what_an_adopted_environment_would_keep_open_or_refuse_is_reported(
    forge: Sandbox, check: Preflight, environment: Callable[..., None]
) -> None:
    """A foreign branch policy lets other jobs read the secrets; a variable of the same name ends `up` with 409."""
    environment("production")
    record = forge.store.environment(forge.repository("acme/shop"), "production")
    assert record is not None
    record.branch_policy = {"protected_branches": False, "custom_branch_policies": True}
    record.policies = [{"id": 1, "name": "feature/*", "type": "branch"}, {"id": 2, "name": "main", "type": "branch"}]
    record.variables["GITOPS_BRANCH"] = {"value": "x", "created_at": 0.0, "updated_at": 0.0}
    forge.store.save(record)
    assert check(production={"adopt": True}) == [
        (
            "error: environment production of acme/shop: a variable `GITOPS_BRANCH` is there already, and GitHub "
            "refuses to make it again. Delete it: `pulumi up` writes it anew. [variable-exists]"
        ),
        (
            "error: environment production of acme/shop: it admits jobs of `feature/*` already, who could read its "
            "secrets. Delete that deployment branch policy. [policy-exists]"
        ),
    ]


def test_a_ruleset_of_the_same_name_is_reported(check: Preflight, ruleset: Callable[[str], None]) -> None:
    ruleset("gitops: default branch")
    assert [line.rpartition("[")[2] for line in check()] == ["ruleset-exists]"]


def test_deploy_keys_that_the_organisation_forbids_name_the_owner_step(forge: Sandbox, check: Preflight) -> None:
    organization = forge.organization("acme")
    organization.deploy_keys_enabled = False
    forge.store.save(organization)
    assert check() == [
        (
            "error: organisation acme: it does not allow deploy keys (new organisations do not). An organisation owner "
            "opens Settings, Deploy keys, and chooses Enabled; once is enough. [deploy-keys-disallowed]"
        )
    ]


def test_a_price_plan_that_the_owner_does_not_have_is_reported(forge: Sandbox, check: Preflight) -> None:
    organization = forge.organization("acme")
    organization.price_plan = "team"
    forge.store.save(organization)
    assert check(token=forge.token("olivia")) == [
        (
            "error: owner acme: the topology declares the price plan `enterprise`, the owner has `team`. Set "
            "`github_plan: team`, or upgrade; protections that are not paid for are dropped without a word. "
            "[price-plan]"
        ),
        (
            "error: environment production of acme/shop: GitHub would leave out required_reviewers, "
            "prevent_self_review, no_admin_bypass: the owner has the price plan `team` and the repository is private. "
            "Declare `github_plan` and `visibility` as they are: what cannot be held is then refused, or accepted by "
            "name. [protection-dropped]"
        ),
        PERSONAL,
    ]


def test_reviewers_and_grants_that_do_not_exist_are_named_with_their_place(check: Preflight) -> None:
    lines = check(
        production={"reviewers": [{"team": "plattform"}, {"user": "dama"}]},
        application={"grants": [{"user": "olivia", "role": "admin"}, {"team": "ghosts", "role": "read"}]},
    )
    assert lines == [
        "error: reviewers of environment production: the forge has no user `dama`. Correct the login. [user-absent]",
        (
            "error: reviewers of environment production: acme has no team `plattform` that the token can see. Correct "
            "the slug (the last part of the team's address), or let the token read members. [team-absent]"
        ),
        (
            "error: grants of the application: acme has no team `ghosts` that the token can see. Correct the slug (the "
            "last part of the team's address), or let the token read members. [team-absent]"
        ),
    ]


def test_all_problems_come_at_once(forge: Sandbox, check: Preflight) -> None:
    forge.add_repository("acme/shop-env-production")
    codes = {
        line.rpartition("[")[2].rstrip("]")
        for line in check(
            token=forge.token("olivia"),
            application={"default_branch": "trunk", "visibility": "internal", "code_owners": True},
            production={"reviewers": [{"user": "dama"}]},
        )
    }
    assert codes == {
        "repository-exists",
        "default-branch",
        "visibility",
        "no-code-owners",
        "user-absent",
        "personal-token",
    }


def test_names_that_a_stack_made_are_read_from_its_export() -> None:
    resources = [
        {"type": "github:index/repository:Repository", "inputs": {"name": "Shop-env-staging"}},
        {
            "type": "github:index/repositoryEnvironment:RepositoryEnvironment",
            "inputs": {"repository": "shop", "environment": "staging"},
        },
        {
            "type": "github:index/repositoryRuleset:RepositoryRuleset",
            "inputs": {"repository": "shop", "name": "gitops: Main"},
        },
        {
            "type": "github:index/repositoryDeployKey:RepositoryDeployKey",
            "inputs": {"repository": "shop-env-staging", "title": "Writer"},
        },
        {
            "type": "github:index/repository:Repository",
            "inputs": {"name": "replaced"},
            "delete": True,
        },
        {
            "urn": URN,
            "type": "pulumi:pulumi:Stack",
            "outputs": {"environments": {"staging": {"branch": "env/staging"}}},
        },
    ]
    assert read_known({"deployment": {"resources": resources}}) == Known(
        repositories={"shop-env-staging"},
        environments={("shop", "staging")},
        rulesets={("shop", "gitops: main")},
        deploy_keys={("shop-env-staging", "writer")},
        resources=dict.fromkeys(
            (ResourceKind.REPOSITORY, ResourceKind.ENVIRONMENT, ResourceKind.RULESET, ResourceKind.DEPLOY_KEY), 1
        ),
        outputs={"staging": STAGING},
        stack="shop/dev",
    )


@pytest.mark.parametrize("document", [{}, {"deployment": None}, {"deployment": {"resources": [None, {}]}}])
def test_an_empty_stack_has_made_nothing(document: dict[str, object]) -> None:
    assert read_known(document) == Known()
