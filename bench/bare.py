"""The same resources by hand: Pulumi and its providers' SDKs, and small component classes for the same tree."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_github as github
import pulumi_tls as tls

from bench.subject import APPLICATION, OWNER, Subject

DEFAULT_REF = "refs/heads/main"
IGNORED = [
    "hasDownloads",
    "allowAutoMerge",
    "allowMergeCommit",
    "allowRebaseMerge",
    "allowSquashMerge",
    "allowUpdateBranch",
    "deleteBranchOnMerge",
    "mergeCommitMessage",
    "mergeCommitTitle",
    "squashMergeCommitMessage",
    "squashMergeCommitTitle",
]
"""Settings without effect in a repository whose every branch is locked."""


class Application(pulumi.ComponentResource):
    """The ruleset of the default branch of a repository that exists."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("gitops-infra:index:ApplicationRepository", name, None, opts)
        self.ruleset = github.RepositoryRuleset(
            f"{name}-default-branch",
            name="gitops: default branch",
            repository=APPLICATION,
            target="branch",
            enforcement="active",
            conditions={"ref_name": {"includes": [DEFAULT_REF], "excludes": []}},
            bypass_actors=[],
            rules={
                "creation": True,
                "deletion": True,
                "non_fast_forward": True,
                "pull_request": {
                    "required_approving_review_count": 1,
                    "require_code_owner_review": True,
                    "dismiss_stale_reviews_on_push": True,
                    "require_last_push_approval": True,
                    "allowed_merge_methods": ["merge", "squash", "rebase"],
                },
            },
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.register_outputs({"name": APPLICATION, "ruleset": self.ruleset.ruleset_id})


class Branch(pulumi.ComponentResource):
    """A state repository whose one branch only a deploy key may move."""

    def __init__(
        self, name: str, environment: str, *, keep: bool, after: pulumi.Resource, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("gitops-infra:index:EnvironmentBranch", name, None, opts)
        ref = f"refs/heads/env/{environment}"
        repository = f"{APPLICATION}-env-{environment}"
        retain = True if keep else None
        self.repository = github.Repository(
            f"{name}-repository",
            name=repository,
            description=f"State of {APPLICATION} in {environment}: env/{environment}, moved by promotions only "
            f"[stack {pulumi.get_project()}/{pulumi.get_stack()}]",
            visibility="private",
            auto_init=False,
            has_discussions=False,
            has_issues=False,
            has_projects=False,
            has_wiki=False,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[after], retain_on_delete=retain, ignore_changes=IGNORED
            ),
        )
        with_repository = None if keep else self.repository
        actions = github.ActionsRepositoryPermissions(
            f"{name}-actions",
            repository=repository,
            enabled=False,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.repository], retain_on_delete=retain, deleted_with=with_repository
            ),
        )
        options = pulumi.ResourceOptions(
            parent=self, depends_on=[self.repository, actions], retain_on_delete=retain, deleted_with=with_repository
        )
        locked = {"creation": True, "update": True, "deletion": True}
        wanted: Sequence[tuple[str, str, list[str], list[str], Any, Any]] = [
            (
                "writers",
                "branch",
                [ref],
                [],
                {"creation": True, "update": True},
                [{"actor_type": "DeployKey", "bypass_mode": "always"}],
            ),
            ("integrity", "branch", [ref], [], {"deletion": True, "non_fast_forward": True}, []),
            ("locked branches", "branch", ["~ALL"], [ref], locked, []),
            ("locked tags", "tag", ["~ALL"], [], locked, []),
        ]
        self.rules = [
            github.RepositoryRuleset(
                f"{name}-{title.replace(' ', '-')}",
                name=f"gitops: {environment} {title}",
                repository=repository,
                target=target,
                enforcement="active",
                conditions={"ref_name": {"includes": includes, "excludes": excludes}},
                bypass_actors=bypass,
                rules=rules,
                opts=options,
            )
            for title, target, includes, excludes, rules, bypass in wanted
        ]
        self.register_outputs({"repository": repository, "ref": ref, "ssh_url": self.repository.ssh_clone_url})


class Credential(pulumi.ComponentResource):
    """A key pair: public half on the state repository, private half in the environment."""

    def __init__(
        self,
        name: str,
        environment: str,
        generation: int,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("gitops-infra:index:BranchCredential", name, None, opts)
        key_pair = tls.PrivateKey(
            f"{name}-key-g{generation}",
            algorithm="ED25519",
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=False),
        )
        deploy_key = github.RepositoryDeployKey(
            f"{name}-deploy-key-g{generation}",
            repository=f"{APPLICATION}-env-{environment}",
            title=f"gitops-infra {APPLICATION} {environment} g{generation}",
            key=key_pair.public_key_openssh.apply(str.strip),
            read_only=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, retain_on_delete=False),
        )
        private_key: pulumi.Output[str] = pulumi.Output.secret(key_pair.private_key_openssh)
        github.ActionsEnvironmentSecret(
            f"{name}-secret",
            repository=APPLICATION,
            environment=environment,
            secret_name="GITOPS_DEPLOY_KEY",  # noqa: S106 - a name
            value=private_key,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deploy_key], retain_on_delete=False),
        )
        self.fingerprint = key_pair.public_key_fingerprint_sha256
        self.register_outputs({"fingerprint": self.fingerprint})


class Variables(pulumi.ComponentResource):
    """Variables that tell an environment's jobs where the branch is."""

    def __init__(
        self, name: str, environment: str, *, keep: bool, after: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("gitops-infra:index:CiVariables", name, None, opts)
        values = {
            "GITOPS_BRANCH": f"env/{environment}",
            "GITOPS_STATE_REPOSITORY": f"{OWNER}/{APPLICATION}-env-{environment}",
        }
        for variable, value in values.items():
            github.ActionsEnvironmentVariable(
                f"{name}-variable-{variable}",
                repository=APPLICATION,
                environment=environment,
                variable_name=variable,
                value=value,
                opts=pulumi.ResourceOptions(parent=self, depends_on=after, retain_on_delete=True if keep else None),
            )
        self.register_outputs({"names": list(values)})


class Environment(pulumi.ComponentResource):
    """One environment, end to end."""

    def __init__(  # noqa: PLR0913 - by keyword; each is one setting
        self,
        name: str,
        environment: str,
        *,
        approver_id: int | None,
        generation: int,
        after: pulumi.Resource,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("gitops-infra:index:DeploymentEnvironment", name, None, opts)
        keep = approver_id is not None
        retain = True if keep else None
        ci = github.RepositoryEnvironment(
            f"{name}-environment",
            repository=APPLICATION,
            environment=environment,
            reviewers=[{"users": [approver_id], "teams": []}] if approver_id is not None else None,
            prevent_self_review=keep,
            can_admins_bypass=False,
            wait_timer=0,
            deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after], retain_on_delete=retain),
        )
        policy = github.RepositoryEnvironmentDeploymentPolicy(
            f"{name}-policy-main",
            repository=APPLICATION,
            environment=environment,
            branch_pattern="main",
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[ci], retain_on_delete=retain, deleted_with=None if keep else ci
            ),
        )
        inside = pulumi.ResourceOptions(parent=self, retain_on_delete=retain)
        self.branch = Branch(f"{name}-branch", environment, keep=keep, after=after, opts=inside)
        before_secrets = [policy, *self.branch.rules]
        self.credential = Credential(f"{name}-credential", environment, generation, before_secrets, inside)
        Variables(f"{name}-ci", environment, keep=keep, after=before_secrets, opts=inside)
        self.register_outputs({"environment": environment, "fingerprint": self.credential.fingerprint})


class Topology(pulumi.ComponentResource):
    """The application and all of its environments."""

    def __init__(self, name: str, subject: Subject, opts: pulumi.ResourceOptions) -> None:
        super().__init__("gitops-infra:index:GitOpsTopology", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        application = Application(f"{name}-application", inside)
        made = {
            environment: Environment(
                f"{name}-{environment}",
                environment,
                approver_id=subject.approver(environment),
                generation=subject.generation(environment),
                after=application.ruleset,
                opts=inside,
            )
            for environment in subject.names
        }
        self.environments = {
            environment: {
                "branch": f"env/{environment}",
                "ssh_url": one.branch.repository.ssh_clone_url,
                "fingerprint": one.credential.fingerprint,
            }
            for environment, one in made.items()
        }
        self.register_outputs({"environments": self.environments})


def program(subject: Subject, settings: Mapping[str, Any] | None = None) -> None:
    """Registers the topology, with a provider of these settings."""
    provider = github.Provider("github", owner=OWNER, **(settings or {}))
    made = Topology(APPLICATION, subject, pulumi.ResourceOptions(providers=[provider]))
    pulumi.export("environments", made.environments)
