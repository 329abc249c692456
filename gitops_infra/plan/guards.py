"""Who holds the line where the forge allows what the guarantee does not want."""

from gitops_infra.plan.actors import SETTINGS_OPERATIONS, Actor, ActorKind, Guard, Operation
from gitops_infra.plan.model import Environment

FOREIGN = frozenset(
    {Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW, Operation.MERGE_REVIEWED, Operation.MERGE_UNREVIEWED}
)
"""What brings a commit to a branch that is not on the default branch."""

FORWARD = frozenset({Operation.PUSH, Operation.REST_UPDATE, Operation.CREATE})
"""What brings a commit of the default branch."""


def guards(actor: Actor, operation: Operation, environment: Environment | None) -> tuple[Guard, ...]:
    """Who holds the line when the forge allows that operation; `environment` is the one whose branch it is tried on.

    Empty where nobody does, and where the operation is wanted.
    """
    if operation in SETTINGS_OPERATIONS:
        return (Guard.AUDIT,)
    if environment is None:
        return ()
    # Only a job that gets it from the environment's secret has a credential.
    job = (Guard.PROMOTION_JOB,) if actor.kind is ActorKind.CREDENTIAL else ()
    if operation in FOREIGN:
        signed = environment.delivery is not None and bool(environment.delivery.signed_by)
        return (*job, *((Guard.AGENT,) if signed else ()), Guard.AUDIT)
    return job if operation in FORWARD and actor.environment != environment.name else ()
