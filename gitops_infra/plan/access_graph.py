"""Who can change an environment, as a Mermaid flowchart: movers, everybody who gets there indirectly, and the others.

Written as `plan.graph` is, and with its ids, so that no name of a user's can be read as syntax.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitops_infra.plan.access_report import access_report
from gitops_infra.plan.graph import Drawing, text
from gitops_infra.plan.model import Plan

_CLASSES = (
    "classDef branch fill:#eef6ff,stroke:#1f6feb,color:#0b1f33",
    "classDef mover fill:#eefbf0,stroke:#1a7f37,color:#0a2912",
    "classDef indirect fill:#fff8e6,stroke:#9a6700,color:#332200",
    "classDef stopped fill:#ffebe9,stroke:#cf222e,color:#3d0307",
)

Data = Mapping[str, Any]


def access_graph(plans: Sequence[Plan], only: str | None = None) -> str:
    """A flowchart of the access to the plans of one topology, with a line feed at its end.

    `only` limits it to the environment of that name. Raises KeyError when there is none.
    """
    report, drawing = access_report(plans, only, everywhere=False), Drawing()
    lines = ["flowchart LR"]
    for plan in plans:
        lines += [f"  {line}" for line in _of_plan(report, plan.application.full_name, drawing)]
    lines += [f"  {line}" for line in _CLASSES]
    return "".join(f"{line}\n" for line in lines)


def _of_plan(report: Data, application: str, drawing: Drawing) -> Iterator[str]:
    environments = [each for each in report["environments"] if each["application"] == application and each["branch"]]
    names = [each["environment"] for each in environments]
    # One frame round all branches: who reaches every one of them needs one arrow.
    frame = drawing.id(application, "environments")
    yield f"subgraph {frame}[{text(f'environments of {application}')}]"
    for each in environments:
        shown = text(each["environment"], f"{each['branch']} in {each['repository']}")
        yield f"  {drawing.id(application, 'environment', each['environment'])}[{shown}]:::branch"
    yield "end"
    for each in environments:
        target = drawing.id(application, "environment", each["environment"])
        for mover in each["movers"]:
            who = drawing.id(application, "mover", mover)
            yield f"{who}([{text(mover)}]):::mover == moves ==> {target}"
        stopped = drawing.id(application, "stopped", each["environment"])
        yield f"{stopped}[{text('everybody else')}]:::stopped --x|{text(*_stops(report, each))}| {target}"
    for number, way in enumerate(way for way in report["indirect"] if way["application"] == application):
        who = drawing.id(application, "indirect", str(number))
        held = text(f"held or shown by: {', '.join(way['controls']) or 'nothing'}")
        targets = (
            [frame]
            if len(way["reaches"]) == len(names) > 1
            else [drawing.id(application, "environment", name) for name in way["reaches"]]
        )
        for position, target in enumerate(targets):
            shown = "" if position else f"[{text(way['who'], *way['how'])}]:::indirect"
            yield f"{who}{shown} -. {held} .-> {target}"


def _stops(report: Data, environment: Data) -> list[str]:
    """By what kinds of mechanism the others are stopped at the branch."""
    stops = (
        verdict["mechanism"]
        for place in report["places"]
        if (place["application"], place["environment"]) == (environment["application"], environment["environment"])
        and place["ref"] == f"refs/heads/{environment['branch']}"
        for verdict in place["verdicts"]
        if not verdict["allowed"]
    )
    return list(dict.fromkeys(stops))
