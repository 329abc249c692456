"""Changes of everything on the forge beside rulesets: a table, one row for each managed setting."""

from collections.abc import Iterator
from typing import Any

from gitops_infra.sandbox.forge.git.bare import ABSENT, FORGE, BareRepository
from guarantee.admin import Admin
from guarantee.drift.change import Change
from guarantee.drift.estate import API, MOVER, OWNER, SHOP, STATE

PRODUCTION = "acme/shop-env-production"
WRITE_KEY, READ_KEY = "gitops-infra shop staging g1", "gitops-infra shop staging read by cluster site g1"
ACTIONS = f"/repos/{STATE}/actions/permissions"
SHOP_ACTIONS = f"/repos/{SHOP}/actions/permissions"
SECRETS, ENVIRONMENT = f"repos/{SHOP}/actions/secrets", f"repos/{SHOP}/environments/staging"
WORKFLOW = ".github/workflows/promote-staging.yml"
SELECTED: dict[str, Any] = {"github_owned_allowed": True, "verified_allowed": False}
OPEN = {"protected_branches": True, "custom_branch_policies": False}


def _team(admin: Admin, slug: str) -> int:
    return next(team.id for team in admin.forge.store.teams.values() if team.slug == slug)


def _reviewers(admin: Admin, *logins: str, team: bool = True) -> list[dict[str, Any]]:
    teams = [{"type": "Team", "id": _team(admin, "platform")}] if team else []
    return [*teams, *({"type": "User", "id": admin.forge.user(login).id} for login in logins)]


def _replaced(title: str, *, read_only: bool) -> Any:
    """Another key under the title."""

    def apply(admin: Admin) -> None:
        admin.without_key(STATE, title)
        admin.key(STATE, title, read_only=read_only)

    return apply


def _bypassing(admin: Admin) -> None:
    """A developer moves staging's branch while a bypass is there, which is then taken back."""
    admin.send("PUT", f"/repos/{STATE}/collaborators/otto", {"permission": "push"})
    everybody = {"actor_type": "RepositoryRole", "actor_id": 4, "bypass_mode": "always"}
    admin.ruleset(STATE, "gitops: staging writers", lambda body: body["bypass_actors"].append(everybody))
    with Admin(admin.forge, "otto") as otto:
        head = otto.send("GET", f"/repos/{STATE}/git/ref/heads/env/staging")["object"]["sha"]
        tree = otto.send("GET", f"/repos/{STATE}/git/commits/{head}")["tree"]["sha"]
        moved = _commit(admin, head, tree)
        otto.send("PATCH", f"/repos/{STATE}/git/refs/heads/env/staging", {"sha": moved})
    admin.ruleset(STATE, "gitops: staging writers", lambda body: body["bypass_actors"].remove(_role(body)))
    admin.send("DELETE", f"/repos/{STATE}/collaborators/otto")


def _role(body: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in body["bypass_actors"] if each["actor_type"] == "RepositoryRole")


def _commit(admin: Admin, parent: str, tree: str) -> str:
    """A commit that is on no branch yet."""
    git = BareRepository(admin.forge.store.git_dir(admin.forge.repository(STATE)))
    return str(git.commit_tree(tree, [parent], "Not reviewed", FORGE))


def _stray(admin: Admin) -> None:
    """A second branch in a state repository, made while the rule that locks it was off."""
    name = "gitops: staging locked branches"
    admin.ruleset(STATE, name, lambda body: body.update(enforcement="disabled"))
    head = admin.send("GET", f"/repos/{STATE}/git/ref/heads/env/staging")["object"]["sha"]
    admin.send("POST", f"/repos/{STATE}/git/refs", {"ref": "refs/heads/other", "sha": head})
    admin.ruleset(STATE, name, lambda body: body.update(enforcement="active"))


def _ahead(admin: Admin) -> None:
    """The branch of qa has a commit that the default branch has not; pushed while it was open."""
    git = BareRepository(admin.forge.store.git_dir(admin.forge.repository(SHOP)))
    main = str(git.resolve("refs/heads/main"))
    git.update_ref("refs/heads/env/qa", git.commit_tree(f"{main}^{{tree}}", [main], "Not reviewed", FORGE), ABSENT)


def setting_changes() -> Iterator[Change]:
    """Every row."""
    yield from _REPOSITORIES
    yield from _KEYS
    yield from _ENVIRONMENTS
    yield from _SECRETS
    yield from _ACTIONS
    yield from _PEOPLE
    yield from _REST


_REPOSITORIES = (
    Change("a state repository is deleted", "repository-missing", lambda a: a.send("DELETE", f"/repos/{PRODUCTION}")),
    Change("an existing repository is deleted", "application-missing", lambda a: a.send("DELETE", f"/repos/{API}"),
           ("writer-app",)),
    Change("a state repository is renamed", "repository-renamed", lambda a: a.repository(PRODUCTION, name="other")),
    Change("a state repository is archived", "repository-archived", lambda a: a.repository(PRODUCTION, archived=True)),
    Change("an existing repository is archived", "application-archived", lambda a: a.repository(API, archived=True)),
    Change("a state repository is made public", "repository-more-visible",
           lambda a: a.repository(STATE, visibility="public")),
    Change("an existing repository is made public", "application-visibility",
           lambda a: a.repository(API, visibility="public")),
    Change("a setting of the application's repository", "repository-setting",
           lambda a: a.repository(SHOP, delete_branch_on_merge=False)),
    Change("its description", "repository-setting", lambda a: a.repository(SHOP, description="Another shop")),
    Change("a setting of a state repository", "repository-setting", lambda a: a.repository(STATE, has_wiki=True)),
    Change("vulnerability alerts are switched off", "alerts-off",
           lambda a: a.send("DELETE", f"/repos/{SHOP}/vulnerability-alerts")),
    Change("a label is deleted", "label-missing", lambda a: a.send("DELETE", f"/repos/{SHOP}/labels/bug")),
    Change("a label has another colour", "label-differs",
           lambda a: a.send("PATCH", f"/repos/{SHOP}/labels/bug", {"color": "000000"})),
)  # fmt: skip

_KEYS = (
    Change("a write key is added to a state repository", "write-key-extra",
           lambda a: a.key(STATE, "spare", read_only=False)),
    Change("a write key is added to the application's repository", "write-key-foreign",
           lambda a: a.key(SHOP, "spare", read_only=False)),
    Change("a read key is added to a state repository", "read-key-extra",
           lambda a: a.key(STATE, "spare", read_only=True)),
    Change("the write key is deleted", "key-missing", lambda a: a.without_key(STATE, WRITE_KEY)),
    Change("the cluster's key is deleted", "key-missing", lambda a: a.without_key(STATE, READ_KEY)),
    Change("the cluster's key can write", "read-key-writes", _replaced(READ_KEY, read_only=False), ("key-of-person",)),
    Change("the write key can only read", "write-key-reads", _replaced(WRITE_KEY, read_only=True), ("key-of-person",)),
    Change("the write key was made by a person", "key-of-person", _replaced(WRITE_KEY, read_only=False)),
    Change("a second key of the same title", "key-twice", lambda a: a.key(STATE, WRITE_KEY, read_only=False),
           ("key-of-person",)),
)  # fmt: skip


def _no_policy(admin: Admin) -> None:
    path = admin.policies(SHOP, "production")
    for each in admin.send("GET", path)["branch_policies"]:
        if each["name"] == "main":
            admin.send("DELETE", f"{path}/{each['id']}")


_ENVIRONMENTS = (
    Change("an environment is deleted", "environment-missing",
           lambda a: a.send("DELETE", f"/repos/{SHOP}/environments/production")),
    Change("an environment is added", "environment-unknown", lambda a: a.environment(SHOP, "other")),
    Change("an environment admits every ref", "policy-off",
           lambda a: a.environment(SHOP, "production", deployment_branch_policy=None)),
    Change("an environment admits protected branches", "policy-off",
           lambda a: a.environment(SHOP, "production", deployment_branch_policy=OPEN)),
    Change("an environment admits one more branch", "policy-extra",
           lambda a: a.send("POST", a.policies(SHOP, "production"), {"name": "feature/*"})),
    Change("an environment admits a tag", "policy-extra",
           lambda a: a.send("POST", a.policies(SHOP, "production"), {"name": "v*", "type": "tag"})),
    Change("an environment admits the default branch no longer", "policy-missing", _no_policy),
    Change("no reviewers are left", "reviewer-missing",
           lambda a: a.environment(SHOP, "production", reviewers=[], prevent_self_review=False)),
    Change("a reviewer is exchanged", "reviewer-missing",
           lambda a: a.environment(SHOP, "production", reviewers=_reviewers(a, "dana", team=False)),
           ("reviewer-extra",)),
    Change("a reviewer is added", "reviewer-extra",
           lambda a: a.environment(SHOP, "production", reviewers=_reviewers(a, "dana"))),
    Change("people may approve their own jobs", "self-review",
           lambda a: a.environment(SHOP, "production", prevent_self_review=False)),
    Change("administrators may pass by", "admins-bypass",
           lambda a: a.environment(SHOP, "production", can_admins_bypass=True)),
    Change("jobs wait for a shorter time", "wait-differs", lambda a: a.environment(SHOP, "production", wait_timer=0)),
)  # fmt: skip


_SECRETS = (
    Change("the credential is deleted", "credential-missing",
           lambda a: a.send("DELETE", f"/{ENVIRONMENT}/secrets/GITOPS_DEPLOY_KEY")),
    Change("a secret is deleted", "secret-missing", lambda a: a.send("DELETE", f"/{ENVIRONMENT}/secrets/SHOP_TOKEN")),
    Change("a secret is added", "secret-unknown", lambda a: a.secret(f"{ENVIRONMENT}/secrets", "OTHER")),
    Change("the credential is a secret of the repository too", "credential-wider",
           lambda a: a.secret(SECRETS, "GITOPS_DEPLOY_KEY")),
    Change("the credential is a secret of the organisation too", "credential-wider",
           lambda a: a.secret(f"orgs/{OWNER}/actions/secrets", "GITOPS_APP_KEY", visibility="all")),
    Change("an environment's secret is one of the repository too", "secret-wider",
           lambda a: a.secret(SECRETS, "SHOP_TOKEN")),
    Change("an environment's secret is in another one too", "secret-elsewhere",
           lambda a: a.secret(f"repos/{SHOP}/environments/production/secrets", "SHOP_TOKEN")),
    Change("the credential is in another environment", "credential-elsewhere",
           lambda a: a.secret(f"repos/{SHOP}/environments/review/secrets", "GITOPS_DEPLOY_KEY")),
    Change("a variable of the user's has another value", "variable-differs",
           lambda a: a.send("PATCH", f"/{ENVIRONMENT}/variables/LOG_LEVEL", {"value": "trace"})),
    Change("promotions are led to another repository", "promotion-redirected",
           lambda a: a.send("PATCH", f"/{ENVIRONMENT}/variables/GITOPS_STATE_REPOSITORY", {"value": "otto/trap"})),
    Change("a variable is deleted", "variable-missing",
           lambda a: a.send("DELETE", f"/{ENVIRONMENT}/variables/GITOPS_BRANCH")),
    Change("a variable is added", "variable-unknown",
           lambda a: a.send("POST", f"/{ENVIRONMENT}/variables", {"name": "OTHER", "value": "1"})),
)  # fmt: skip

_ACTIONS = (
    Change("Actions are on in a state repository", "actions-enabled",
           lambda a: a.send("PUT", ACTIONS, {"enabled": True})),
    Change("Actions are off in the application's repository", "actions-disabled",
           lambda a: a.send("PUT", SHOP_ACTIONS, {"enabled": False})),
    Change("every action is allowed", "actions-selection",
           lambda a: a.send("PUT", SHOP_ACTIONS, {"enabled": True, "allowed_actions": "all"})),
    Change("one more action is allowed", "actions-selection",
           lambda a: a.send("PUT", f"{SHOP_ACTIONS}/selected-actions",
                            {**SELECTED, "patterns_allowed": ["acme/*", "otto/*"]})),
    Change("actions of verified creators are allowed", "actions-selection",
           lambda a: a.send("PUT", f"{SHOP_ACTIONS}/selected-actions",
                            {**SELECTED, "verified_allowed": True, "patterns_allowed": ["acme/*"]})),
    Change("actions need no pin", "actions-pinning",
           lambda a: a.send("PUT", SHOP_ACTIONS, {"enabled": True, "sha_pinning_required": False})),
    Change("the workflow token can write", "workflow-token",
           lambda a: a.send("PUT", f"{SHOP_ACTIONS}/workflow", {"default_workflow_permissions": "write"})),
    Change("jobs may approve", "workflow-approves",
           lambda a: a.send("PUT", f"{SHOP_ACTIONS}/workflow", {"can_approve_pull_request_reviews": True})),
    Change("jobs may approve in an existing repository", "workflow-approves-here",
           lambda a: a.send("PUT", f"/repos/{API}/actions/permissions/workflow",
                            {"can_approve_pull_request_reviews": True})),
)  # fmt: skip


def _collaborator(full_name: str, login: str, permission: str) -> Any:
    path = f"/repos/{full_name}/collaborators/{login}"
    return lambda admin: admin.send("PUT", path, {"permission": permission})


def _in_team(full_name: str, team: str, permission: str | None) -> Any:
    path = f"/orgs/{OWNER}/teams/{team}/repos/{full_name}"

    def apply(admin: Admin) -> None:
        if permission is None:
            admin.send("DELETE", path)
        else:
            admin.send("PUT", path, {"permission": permission})

    return apply


_PEOPLE = (
    Change("a collaborator may write a state repository", "state-writer", _collaborator(STATE, "otto", "push")),
    Change("a team may write a state repository", "state-writer", _in_team(STATE, "developers", "push")),
    Change("a collaborator administers a state repository", "state-admin", _collaborator(STATE, "otto", "admin")),
    Change("a team may do more than planned", "grant-higher", _in_team(SHOP, "developers", "maintain")),
    Change("a planned team is taken away", "grant-missing", _in_team(SHOP, "developers", None)),
    Change("somebody administers the application's repository", "admins", _collaborator(SHOP, "otto", "admin")),
    Change("members may write everything", "base-role-writes",
           lambda a: a.send("PATCH", f"/orgs/{OWNER}", {"default_repository_permission": "write"})),
    Change("members administer everything", "base-role-admin",
           lambda a: a.send("PATCH", f"/orgs/{OWNER}", {"default_repository_permission": "admin"})),
    Change("deploy keys are disallowed", "deploy-keys-disallowed",
           lambda a: a.send("PATCH", f"/orgs/{OWNER}", {"deploy_keys_enabled_for_repositories": False}),
           ("key-disabled",)),
    Change("the price plan is lower", "price-plan", lambda a: _price_plan(a, "team")),
)  # fmt: skip


def _price_plan(admin: Admin, name: str) -> None:
    """No REST call does this: it is paid for on a web page."""
    account = admin.forge.account(OWNER)
    account.price_plan = name
    admin.forge.store.save(account)


def _app_may(admin: Admin, **more: str) -> None:
    """The App that moves qa's branch is given more, and its owner agrees."""
    app = admin.forge.find_app(MOVER)
    app.permissions = {**app.permissions, **more}
    admin.forge.store.save(app)
    admin.forge.install(app, OWNER)


_REST = (
    Change("a webhook is deleted", "webhook-missing", lambda a: a.hook(STATE)),
    Change("a webhook is switched off", "webhook-inactive", lambda a: a.hook(STATE, active=False)),
    Change("a webhook is told of other events", "webhook-events", lambda a: a.hook(STATE, events=["issues"])),
    Change("a webhook's certificate is not checked", "webhook-insecure",
           lambda a: a.hook_config(STATE, insecure_ssl="1")),
    Change("a webhook sends forms", "webhook-content", lambda a: a.hook_config(STATE, content_type="form")),
    Change("a webhook goes elsewhere", "webhook-missing",
           lambda a: a.hook_config(STATE, url="https://otto.example/hook"), ("webhook-extra",)),
    Change("a webhook is added", "webhook-extra",
           lambda a: a.send("POST", f"/repos/{STATE}/hooks", {"config": {"url": "https://otto.example/"}})),
    Change("somebody passed the rules", "bypass-used", _bypassing, ("head-foreign",)),
    Change("a branch is added to a state repository", "branch-extra", _stray),
    Change("a branch has commits that nobody reviewed", "head-not-on-default", _ahead),
    Change("a workflow is changed", "workflow-differs", lambda a: a.file(SHOP, WORKFLOW, "name: other\n")),
    Change("a workflow is deleted", "workflow-missing", lambda a: a.file(SHOP, WORKFLOW, None)),
    Change("the App may administer", "writer-app", lambda a: _app_may(a, administration="write")),
)  # fmt: skip
