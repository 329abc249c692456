"""Who can change an environment without being a mover of its branch: by settings, keys, reviews, or the cluster.

No setting takes all of this from everybody, so it is listed, with what stops it and what shows it. Each way is read off
the plan by one function.
"""

from collections.abc import Callable, Iterable, Iterator

from gitops_infra.plan.controls import Control, Indirect, approval, grouped, held, review, review_rule
from gitops_infra.plan.model import CredentialKind, Environment, Plan
from gitops_infra.topology.vocabulary import Isolation, OwnerKind, RepositoryRole, Trigger

MAKES_KEYS = {
    CredentialKind.APP: (
        "whoever manages the {}",
        "make it another private key",
        "Whoever manages the {} can make it another private key, and move the branch of {} with that.",
    ),
    CredentialKind.MACHINE_USER: (
        "whoever can sign in as the {}",
        "add an SSH key to the account",
        "Whoever can sign in as the {} can move the branch of {}.",
    ),
}
"""Who can make what a credential is made of, how, and the sentence for it."""

STARTS = {
    Trigger.ON_DEFAULT_BRANCH: ("whoever can merge into {branch}", "merge a pull request"),
    Trigger.ON_APPROVAL: ("whoever has the role write in {repository}", "start the promotion by hand"),
    Trigger.ON_RELEASE: ("whoever can make a tag {tags} in {repository}", "release a commit of {branch}"),
}
"""Who starts a promotion, and with what."""


def indirect(plan: Plan) -> tuple[Indirect, ...]:
    """Everybody who can change an environment of the plan indirectly, in a fixed order: the ordinary way first."""
    return grouped(_ways(plan))


def undoers(plan: Plan) -> tuple[str, ...]:
    """Who can undo the rules or reach round them, one sentence each. No setting takes this from them."""
    return tuple(sentence for way in _ways(plan) for sentence in way.sentences)


def _ways(plan: Plan) -> Iterator[Indirect]:
    """All of them, one environment at a time where they differ by environment."""
    for found in _WAYS:
        yield from found(plan)


def _promotions(plan: Plan) -> Iterator[Indirect]:
    """The ordinary way: the credential is used by the promotion job, and somebody starts that."""
    application, targets = plan.application, {each.name: each for each in plan.environments}
    for edge in plan.promotions:
        if edge.target not in targets:  # another stack's, where a stack makes a part of the topology
            continue
        who, step = STARTS[edge.trigger]
        source = application.default_branch if edge.source is None else f"the branch of {edge.source}"
        words = {"branch": application.default_branch, "repository": application.full_name, "tags": edge.tags}
        yield Indirect(
            who.format(**words),
            (step.format(**words), f"the promotion job then moves the branch to a commit of {source}"),
            (edge.target,),
            (
                *(review(plan) if edge.trigger is Trigger.ON_DEFAULT_BRANCH else ()),
                *approval(targets[edge.target]),
                Control.PROMOTION_JOB,
            ),
        )


def _approvers(plan: Plan) -> Iterator[Indirect]:
    for each in _movable(plan):
        policy = each.policy
        if policy.approvers:
            started = " that somebody else started" if policy.prevent_self_review else ""
            names = _listed(
                f"team {approver.team}" if approver.team else f"user {approver.user or approver.id}"
                for approver in policy.approvers
            )
            yield Indirect(
                f"the approvers: {names}",
                (f"let a promotion job start{started}",),
                (each.name,),
                (Control.PROMOTION_JOB,),
            )


def _application_admins(plan: Plan) -> Iterator[Indirect]:
    application, reached = plan.application, _names(_movable(plan))
    who = f"whoever has the role admin in {application.full_name}"
    named = [
        f"The {kind} {name} has that role by this topology."
        for grant in application.access
        if grant.role is RepositoryRole.ADMIN
        for kind, name in (("team", grant.team), ("user", grant.user))
        if name
    ]
    yield Indirect(
        who,
        ("admit jobs of other refs to the environment, or take its approvers away", "run a job with its credential"),
        reached,
        (Control.AUDIT,),
        (f"Whoever has the role admin in {application.full_name} can change its rulesets and environments.", *named),
    )
    branch = application.default_branch
    yield Indirect(
        who,
        (f"change the ruleset of {branch}", "merge a workflow that uses the environment's credential"),
        reached,
        (Control.AUDIT,),
    )
    inside = [each for each in plan.environments if each.branch and each.repository == application.full_name]
    if inside:
        how = ("change a ruleset of the branch, or who bypasses it", "push")
        yield Indirect(who, how, _names(inside), (Control.AUDIT,))


def _state_admins(plan: Plan) -> Iterator[Indirect]:
    states = [each.full_name for each in plan.repositories[1:]]
    if states:
        reached = _names(each for each in plan.environments if each.state is not None)
        # Of many, each reaches the environment of its own only, so none is named for all of them.
        one = states[0] if len(states) == 1 else "a state repository, for its environment"
        yield Indirect(
            f"whoever has the role admin in {one}",
            ("change a ruleset of the branch, or add a write deploy key", "push"),
            reached,
            (Control.AUDIT,),
            (f"Whoever has the role admin in {_listed(states)} can change the rulesets there.",),
        )


def _owners(plan: Plan) -> Iterator[Indirect]:
    who, sentence = {
        OwnerKind.ORGANIZATION: (
            f"owners of the organisation {plan.owner}",
            f"Owners of the organisation {plan.owner} have the role admin everywhere.",
        ),
        OwnerKind.USER: (f"the user {plan.owner}", f"The user {plan.owner} has the role admin everywhere."),
    }[plan.owner_kind]
    yield Indirect(who, ("do what an admin can, in every repository",), _branches(plan), (Control.AUDIT,), (sentence,))


def _provisioner(plan: Plan) -> Iterator[Indirect]:
    yield Indirect(
        "the token or App that runs `pulumi up`",
        ("do what an admin can, in every repository of the plan",),
        _branches(plan),
        (Control.AUDIT,),
        ("The token or App that runs `pulumi up` makes the rules and can remove them.",),
    )


def _state_readers(plan: Plan) -> Iterator[Indirect]:
    movable = _movable(plan)
    who, how = "whoever can read the stack's state and decrypt its secrets", ("take the private key", "push forward")
    for each in movable:
        keys = f"the private key{'' if len(movable) == 1 else 's'} of {_listed(_names(movable))}"
        sentence = f"Whoever can read the stack's state and decrypt its secrets holds {keys}."
        yield Indirect(who, how, (each.name,), held(each), (sentence,) if each is movable[0] else ())


def _key_makers(plan: Plan) -> Iterator[Indirect]:
    for each in _movable(plan):
        if each.credential is not None and each.credential.kind in MAKES_KEYS:
            who, step, sentence = MAKES_KEYS[each.credential.kind]
            holder = each.credential.holder
            yield Indirect(
                who.format(holder),
                (step, "push forward with that"),
                (each.name,),
                held(each),
                (sentence.format(holder, each.name),),
            )


def _inside(plan: Plan) -> Iterator[Indirect]:
    """What credentials may write beside the branches of environments."""
    application = plan.application.full_name
    inside = [each.name for each in _movable(plan) if each.repository == application]
    if inside:
        whose = f"credential of {inside[0]}" if len(inside) == 1 else f"credentials of {_listed(inside)}"
        words = f"write every branch and tag of {application} that no rule protects"
        yield Indirect(f"the {whose}", (words,), (), (), (f"The {whose} can {words}.",))


def _shared(plan: Plan) -> Iterator[Indirect]:
    application = plan.application.full_name
    shared = [each for each in _movable(plan) if each.isolation is Isolation.SHARED]
    for each in shared:
        names = _names(shared)
        moved = f"branch of {names[0]}" if len(names) == 1 else f"branches of {_listed(names)}"
        sentence = f"Every write deploy key of {application}, whoever made it, moves the {moved}."
        yield Indirect(
            f"whoever has any write deploy key of {application}",
            ("push forward: the bypass means every write key of the repository",),
            (each.name,),
            held(each),
            (sentence,) if each is shared[0] else (),
        )


def _workflows(plan: Plan) -> Iterator[Indirect]:
    """Whoever changes what runs as the promotion job, and admins who let it start."""
    application = plan.application
    branch = application.default_branch
    sentence = f"Whoever can merge a workflow into {branch} can have it use the key of"
    for each in _movable(plan):
        waits = bool(each.policy.approvers)
        yield Indirect(
            f"whoever can merge a workflow into {branch}",
            (
                "merge a workflow that uses the environment's credential",
                "have its job approved" if waits else "let it run: no approval is required",
                "push forward",
            ),
            (each.name,),
            (*review(plan), *approval(each), *held(each)),
            () if waits else (f"{sentence} {each.name}: no approval is required.",),
        )
        if each.policy.admins_bypass:
            yield Indirect(
                f"whoever has the role admin in {application.full_name}",
                ("start a promotion job past the protection rules of its environment",),
                (each.name,),
                (Control.PROMOTION_JOB,),
                (f"An admin can start a job of {each.name} past its protection rules.",),
            )


def _reviewers(plan: Plan) -> Iterator[Indirect]:
    """Whose approval lets a workflow into the default branch."""
    application, rule = plan.application, review_rule(plan)
    if rule is None or not rule.approvals:
        return
    who = (
        f"the code owners of the workflows in {application.full_name}"
        if rule.code_owner_review
        else f"whoever has the role write in {application.full_name}, for it has no code owners"
    )
    for each in _movable(plan):
        how = (f"approve somebody's pull request that changes a workflow of {application.default_branch}",)
        yield Indirect(who, how, (each.name,), (*approval(each), *held(each)))


def _clusters(plan: Plan) -> Iterator[Indirect]:
    followed: dict[str, list[Environment]] = {}
    for each in plan.environments:
        if each.delivery is not None:
            followed.setdefault(each.delivery.tenant.cluster, []).append(each)
    for cluster, environments in followed.items():
        names = _names(environments)
        moving = f"without moving {'its branch' if len(names) == 1 else 'their branches'}"
        yield Indirect(
            f"administrators of the cluster {cluster}",
            ("change what runs there, without the branch: the key that the cluster holds only reads",),
            names,
            (Control.AUDIT,),
            (f"Administrators of the cluster {cluster} can change what runs in {_listed(names)} {moving}.",),
        )


_WAYS: tuple[Callable[[Plan], Iterator[Indirect]], ...] = (
    _promotions,
    _approvers,
    _application_admins,
    _state_admins,
    _owners,
    _provisioner,
    _state_readers,
    _key_makers,
    _inside,
    _shared,
    _workflows,
    _reviewers,
    _clusters,
)
"""In the order in which they are listed."""


def _movable(plan: Plan) -> list[Environment]:
    return [each for each in plan.environments if each.credential is not None]


def _branches(plan: Plan) -> tuple[str, ...]:
    """Environments that have a branch, moved by a credential or by nobody."""
    return _names(each for each in plan.environments if each.branch is not None)


def _names(environments: Iterable[Environment]) -> tuple[str, ...]:
    return tuple(each.name for each in environments)


def _listed(words: Iterable[str]) -> str:
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last
