"""The plan as a Mermaid flowchart: repositories, branches, environments, credentials, and how a change moves.

Source of the syntax: Mermaid's documentation, "Flowcharts". Everything that is drawn has a number for its id, so that
no name of a user's can be read as syntax; in texts, `"` and `#` are written as entities for the same reason.
"""

from collections.abc import Iterator, Sequence

from gitops_infra.plan.model import Environment, Plan, Promotion
from gitops_infra.topology.vocabulary import Trigger

WORDS = {
    Trigger.ON_DEFAULT_BRANCH: "every change",
    Trigger.ON_APPROVAL: "started by hand",
    Trigger.ON_RELEASE: "release {}",
    Trigger.ON_ITEM_PULL_REQUEST: "pull request",
}
"""What stands at the edge of a promotion."""

_CLASSES = (
    "classDef branch fill:#eef6ff,stroke:#1f6feb,color:#0b1f33",
    "classDef environment fill:#fff8e6,stroke:#9a6700,color:#332200",
    "classDef credential fill:#eefbf0,stroke:#1a7f37,color:#0a2912",
)


def mermaid(plans: Sequence[Plan], only: str | None = None) -> str:
    """A flowchart of the plans of one topology, with a line feed at its end.

    `only` limits it to the environment of that name and the promotions to it. Raises KeyError when there is none.
    """
    if only is not None:
        plans[0].environment(only)
    drawing = Drawing()
    lines = ["flowchart LR"]
    for plan in plans:
        lines += [f"  {line}" for line in _of_plan(plan, only, drawing)]
    lines += [f"  {line}" for line in _CLASSES]
    return "".join(f"{line}\n" for line in lines)


class Drawing:
    """Ids of what is drawn, in the order of its first mention."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, ...], str] = {}

    def id(self, *thing: str) -> str:
        """The id of that thing, a new one for a new thing."""
        return self._ids.setdefault(thing, f"n{len(self._ids)}")


def _of_plan(plan: Plan, only: str | None, drawing: Drawing) -> Iterator[str]:
    application = plan.application.full_name
    chosen = [each for each in plan.environments if only in (None, each.name)]
    main = drawing.id(application, plan.application.default_branch)
    yield f"subgraph {drawing.id(application)}[{text(application)}]"
    yield f"  {main}[{text(plan.application.default_branch)}]:::branch"
    for each in chosen:
        yield f"  {_environment(each, application, drawing)}"
        if each.branch is not None and each.repository == application:
            yield f"  {_branch(each, drawing)}"
    yield "end"
    for each in chosen:
        if each.branch is not None and each.repository != application:
            repository = each.repository or ""
            yield f"subgraph {drawing.id(repository)}[{text(repository)}]"
            yield f"  {_branch(each, drawing)}"
            yield "end"
    for each in chosen:
        yield from _credential(each, application, drawing)
    for edge in plan.promotions:
        if only in (None, edge.target):
            yield from _promotion(plan, edge, chosen, drawing)


def _environment(environment: Environment, application: str, drawing: Drawing) -> str:
    approvers = [each.team or each.user or "" for each in environment.policy.approvers]
    words = [f"environment {environment.name}"]
    if approvers:
        words.append(f"approved by {', '.join(approvers)}")
    if environment.retired:
        words.append("retired")
    return f"{drawing.id(application, 'environment', environment.name)}{{{{{text(*words)}}}}}:::environment"


def _branch(environment: Environment, drawing: Drawing) -> str:
    return f"{_id_of_branch(environment, drawing)}[{text(environment.branch or '')}]:::branch"


def _id_of_branch(environment: Environment, drawing: Drawing) -> str:
    return drawing.id(environment.repository or "", environment.branch or "")


def _credential(environment: Environment, application: str, drawing: Drawing) -> Iterator[str]:
    credential = environment.credential
    if credential is None:
        return
    key = drawing.id(application, "credential", environment.name)
    yield f"{key}([{text(credential.holder, credential.secret_name)}]):::credential"
    yield f"{drawing.id(application, 'environment', environment.name)} -. secret .-> {key}"
    yield f"{key} == moves ==> {_id_of_branch(environment, drawing)}"


def _promotion(plan: Plan, edge: Promotion, drawn: Sequence[Environment], drawing: Drawing) -> Iterator[str]:
    target, source = plan.environment(edge.target), None if edge.source is None else plan.environment(edge.source)
    start = drawing.id(plan.application.full_name, plan.application.default_branch)
    if source is not None:
        start = _id_of_branch(source, drawing)
        if source not in drawn:
            yield _branch(source, drawing)
    yield f"{start} -->|{text(WORDS[edge.trigger].format(edge.tags))}| {_id_of_branch(target, drawing)}"


def text(*lines: str) -> str:
    """The lines as one quoted text."""
    escaped = (line.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;") for line in lines)
    return '"' + "<br/>".join(escaped) + '"'
