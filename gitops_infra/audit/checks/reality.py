"""What the live owner and repository cannot hold of what the plan counts on."""

from collections.abc import Iterator

from gitops_infra.audit.checks.owner import live_price_plan
from gitops_infra.audit.checks.repositories import visibility_of
from gitops_infra.audit.findings import Finding, error
from gitops_infra.audit.scene import Scene, of_environment
from gitops_infra.plan.enforcement import enforcement
from gitops_infra.plan.model import Environment
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.vocabulary import Visibility


def check(scene: Scene, wanted: WantedEnvironment, planned: Environment) -> Iterator[Finding]:
    """The finding that GitHub would drop protections of the environment, which it does without a word."""
    application, price_plan, live = scene.topology.application, live_price_plan(scene), scene.live()
    if live is not None and visibility_of(live) in tuple(Visibility):
        application = application.model_copy(update={"visibility": Visibility(visibility_of(live))})
    held = enforcement(
        wanted, application, owner_kind=scene.plan.owner_kind, price_plan=price_plan or scene.plan.price_plan
    )
    lost = [each for each in scene.plan.enforcement[planned.name].achieved if each not in held.achieved]
    if lost:
        owner = f"the owner has the price plan `{price_plan}` and " if price_plan else ""
        yield error(
            of_environment(scene, planned),
            "protection-dropped",
            f"GitHub would leave out {', '.join(lost)}: {owner}the repository is {application.visibility}",
            "Declare `github_plan` and `visibility` as they are: what cannot be held is then refused, or accepted by "
            "name",
        )
