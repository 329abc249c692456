"""The access report as text for a terminal: who changes an environment, what stops the others, who else reaches it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gitops_infra.cli.access_words import counted, what, who, why, without_names
from gitops_infra.cli.text_table import Page
from gitops_infra.plan.actors import Operation

Data = Mapping[str, Any]
Line = tuple[str, ...]
Block = list[Line]


def tables(report: Data, *, everything: bool = False) -> str:
    """The report (`plan.access_report.access_report`) as text, with a line feed at its end.

    `everything` shows each place and each verdict on its own; else environments for which the same holds are told
    together, and what stops the others is told of the branch only.
    """
    page = Page()
    owner = report["owner"]
    page.line(f"{owner['name']}: {owner['kind']}, price plan {owner['price_plan']}")
    environments = report["environments"]
    several = len({each["application"] for each in environments}) > 1
    _movers(page, environments, several=several)
    if everything:
        _each_place(page, report)
    else:
        for title, head, lines in (
            ("WHO MAY DO WHAT", ("who", "may", "where", "else held by"), _allowed),
            ("WHAT STOPS THE OTHERS", ("who", "cannot", "for"), _denied),
        ):
            for names, block in _alike(report, lines, several=several):
                page.line(f"\n{title}: {names}")
                page.table(head, _once(block))
    _indirect(page, report, several=several)
    _degraded(page, environments, several=several)
    return str(page)


def _movers(page: Page, environments: Sequence[Data], *, several: bool) -> None:
    page.line("\nWHO MOVES IT")
    page.table(
        ("environment", "branch", "moves it", "breaks it", "reads the secrets"),
        [
            (
                _named(each, several=several) + (" (retired)" if each["retired"] else ""),
                "-" if each["branch"] is None else f"{each['branch']}\nin {_short(each['repository'])}",
                *(counted(each[key]) if each[key] else "nobody" for key in ("movers", "breakers", "secret_readers")),
            )
            for each in environments
        ],
    )


def _alike(report: Data, lines: Callable[..., Iterator[Line]], *, several: bool) -> Iterator[tuple[str, Block]]:
    """Names of the environments for which the same holds but for their own names, and what holds for them."""
    groups: dict[tuple[Line, ...], list[Data]] = {}
    places = {
        (each["application"], each["environment"]): [place for place in report["places"] if _belongs(place, each)]
        for each in report["environments"]
    }
    for each in report["environments"]:
        own = places[each["application"], each["environment"]]
        # Sorted, for the order of the lines follows the order of the environments.
        groups.setdefault(tuple(sorted(lines(own, each, general=True))), []).append(each)
    for members in groups.values():
        own = places[members[0]["application"], members[0]["environment"]]
        block = list(lines(own, members[0], general=len(members) > 1))
        if block:
            yield counted([_named(each, several=several) for each in members]), block


def _once(block: Block) -> Iterator[Line]:
    """The lines, with the name of whoever several are about in the first of them only."""
    before = None
    for name, *rest in block:
        yield ("" if name == before else name, *rest)
        before = name


def _belongs(place: Data, environment: Data) -> bool:
    return (place["application"], place["environment"]) == (environment["application"], environment["environment"])


def _allowed(places: Sequence[Data], environment: Data, *, general: bool = False) -> Iterator[Line]:
    """Who may do what, but for reading. The verdicts of one place that differ by their words only are one line."""
    for place in places:
        asked = _operations(place["verdicts"])
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for verdict in place["verdicts"]:
            tried = tuple(each for each in verdict["operations"] if each != Operation.READ.value)
            if verdict["allowed"] and tried:
                found.setdefault((tuple(verdict["actors"]), tuple(verdict["guards"])), []).extend(tried)
        merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (actors, guards), tried_by_them in found.items():
            merged.setdefault((what(tried_by_them, asked), guards), []).extend(actors)
        where = _where(place)
        for (words, guards), actors_of_all in merged.items():
            yield (
                who(actors_of_all, _actors(place["verdicts"]), environment["environment"], general=general),
                words,
                without_names(where, environment) if general else where,
                ", ".join(guards) or "-",
            )


def _where(place: Data) -> str:
    """The place, seen from the environment."""
    kinds = {"refs/": "its branch", "environment/": "its environment"}
    settings = f"settings of\n{_short(place['repository'])}"
    return next((words for start, words in kinds.items() if place["ref"].startswith(start)), settings)


def _denied(places: Sequence[Data], environment: Data, *, general: bool = False) -> Iterator[Line]:
    """What stops whom at the branch: a line for each thing that stops the same actors."""
    for place in places:
        if not place["ref"].startswith("refs/"):
            continue
        asked, everybody = _operations(place["verdicts"]), _actors(place["verdicts"])
        profiles: dict[str, dict[str, list[str]]] = {actor: {} for actor in everybody}
        for verdict in place["verdicts"]:
            if not verdict["allowed"]:
                for actor in verdict["actors"]:
                    profiles[actor].setdefault(why(verdict), []).extend(verdict["operations"])
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for actor, stopped in profiles.items():
            key = tuple((what(operations, asked), reason) for reason, operations in stopped.items())
            groups.setdefault(key, []).append(actor)
        for entries, actors in groups.items():
            names = who(actors, everybody, environment["environment"], general=general)
            for words, reason in entries:
                yield names, words, without_names(reason, environment) if general else reason


def _each_place(page: Page, report: Data) -> None:
    for place in report["places"]:
        asked, everybody = _operations(place["verdicts"]), _actors(place["verdicts"])
        page.line(f"\n{place['ref']} of {place['repository']}")
        page.table(
            ("who", "what", "may", "why", "held by"),
            [
                (
                    who(verdict["actors"], everybody, place["environment"]),
                    what(verdict["operations"], asked),
                    "yes" if verdict["allowed"] else "no",
                    f"{verdict['mechanism']}: {verdict['rule']}",
                    ", ".join(verdict["guards"]) or "-",
                )
                for verdict in place["verdicts"]
            ],
        )


def _operations(verdicts: Iterable[Data]) -> set[str]:
    return {operation for verdict in verdicts for operation in verdict["operations"]}


def _actors(verdicts: Iterable[Data]) -> list[str]:
    """In the order of the plan's actors, as far as the verdicts have it."""
    return list(dict.fromkeys(name for verdict in verdicts for name in verdict["actors"]))


def _indirect(page: Page, report: Data, *, several: bool) -> None:
    reachable: dict[str, list[str]] = {}
    for each in report["environments"]:
        if each["branch"] is not None:
            reachable.setdefault(each["application"], []).append(each["environment"])
    ways = [way for way in report["indirect"] if way["reaches"]]
    if not ways:
        return
    page.line("\nWHO CHANGES IT INDIRECTLY")
    page.table(
        ("who", "how", "reaches", "stopped or shown by"),
        [
            (
                way["who"],
                _steps(way["how"]),
                _reached(way["reaches"], reachable[way["application"]], way["application"], several=several),
                ", ".join(way["controls"]) or "nothing",
            )
            for way in ways
        ],
    )


def _steps(how: Sequence[str]) -> str:
    return how[0] if len(how) == 1 else "\n".join(f"{number}. {step}" for number, step in enumerate(how, 1))


def _reached(reaches: Sequence[str], all_of_it: Sequence[str], application: str, *, several: bool) -> str:
    names = "all" if len(reaches) == len(all_of_it) > 1 else counted(reaches)
    return f"{names} of {_short(application)}" if several else names


def _degraded(page: Page, environments: Sequence[Data], *, several: bool) -> None:
    lost = [
        (each, [name for name in each["enforcement"]["requested"] if name not in each["enforcement"]["achieved"]])
        for each in environments
    ]
    if any(names for _, names in lost):
        page.line("\nASKED FOR, AND NOT HELD")
        page.table(
            ("environment", "protection", "why not"),
            [
                (_named(each, several=several), name, reason.removeprefix(f"{name}: "))
                for each, names in lost
                for name, reason in zip(names, each["enforcement"]["why"], strict=False)
            ],
        )
    limits: dict[str, list[tuple[Data, str]]] = {}
    for each, names in lost:
        for reason in each["enforcement"]["why"][len(names) :]:
            limits.setdefault(without_names(reason, each), []).append((each, reason))
    if limits:
        page.line("\nWHERE THE RULES END")
    for general, members in limits.items():
        about = counted([_named(each, several=several) for each, _ in members])
        exact = {reason for _, reason in members}
        page.entry(exact.pop() if len(exact) == 1 else f"{about}: {general}")


def _named(environment: Data, *, several: bool) -> str:
    """The environment, with its repository where there are several of that name."""
    name = environment["environment"]
    return f"{name} of {_short(environment['application'])}" if several else str(name)


def _short(full_name: str | None) -> str:
    return (full_name or "").rpartition("/")[2]
