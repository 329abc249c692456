"""Rulesets of a repository on GitHub: who may move a branch or tag, and how."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_github as github

from gitops_infra.forges.github.placement import Placement
from gitops_infra.plan.model import BypassActor, PullRequestRule, Rules, Ruleset


def rulesets(
    place: Placement,
    repository: str,
    plan: Sequence[Ruleset],
    *after: pulumi.Resource,
    deleted_with: pulumi.Resource | None = None,
    users: Mapping[str, pulumi.Input[int]] | None = None,
) -> tuple[github.RepositoryRuleset, ...]:
    """The rulesets of one repository, side by side. `users` has the ids of bypass actors that are named by login."""
    return tuple(
        github.RepositoryRuleset(
            place.child(ruleset.key),
            name=ruleset.name,
            repository=repository,
            target=ruleset.target.value,
            enforcement="active",
            conditions=github.RepositoryRulesetConditionsArgs(
                ref_name=github.RepositoryRulesetConditionsRefNameArgs(
                    includes=list(ruleset.include), excludes=list(ruleset.exclude)
                )
            ),
            bypass_actors=[_bypass(actor, users or {}) for actor in ruleset.bypass],
            rules=_rules(ruleset.rules),
            opts=place.options(*after, deleted_with=deleted_with),
        )
        for ruleset in plan
    )


def _bypass(actor: BypassActor, users: Mapping[str, pulumi.Input[int]]) -> github.RepositoryRulesetBypassActorArgs:
    number = users[actor.login] if actor.id is None and actor.login else actor.id
    # "always": the push then shows in the rule suites as a bypass; "exempt" would leave no trace.
    return github.RepositoryRulesetBypassActorArgs(actor_type=actor.kind.value, actor_id=number, bypass_mode="always")


def _rules(rules: Rules) -> github.RepositoryRulesetRulesArgs:
    # None, not False: only rules that are asked for are written down.
    return github.RepositoryRulesetRulesArgs(
        pull_request=None if rules.pull_request is None else _pull_request(rules.pull_request),
        required_status_checks=_checks(rules.required_checks) if rules.required_checks else None,
        required_deployments=(
            github.RepositoryRulesetRulesRequiredDeploymentsArgs(
                required_deployment_environments=list(rules.required_deployments)
            )
            if rules.required_deployments
            else None
        ),
        creation=rules.creation or None,
        update=rules.update or None,
        deletion=rules.deletion or None,
        non_fast_forward=rules.non_fast_forward or None,
        required_linear_history=rules.required_linear_history or None,
    )


def _pull_request(rule: PullRequestRule) -> github.RepositoryRulesetRulesPullRequestArgs:
    return github.RepositoryRulesetRulesPullRequestArgs(
        required_approving_review_count=rule.approvals,
        require_code_owner_review=rule.code_owner_review,
        dismiss_stale_reviews_on_push=rule.dismiss_stale_reviews,
        require_last_push_approval=rule.last_push_approval,
        allowed_merge_methods=list(rule.merge_methods),
    )


def _checks(contexts: Sequence[str]) -> github.RepositoryRulesetRulesRequiredStatusChecksArgs:
    return github.RepositoryRulesetRulesRequiredStatusChecksArgs(
        strict_required_status_checks_policy=False,
        required_checks=[
            github.RepositoryRulesetRulesRequiredStatusChecksRequiredCheckArgs(context=context) for context in contexts
        ],
    )
