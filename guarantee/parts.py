"""The measurements, each by its name: what is run, and what of the outcome is a failure."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from guarantee.canaries import leaks, runs
from guarantee.drift import changes
from guarantee.matrix import table
from guarantee.matrix.measure import measure
from guarantee.matrix.modes import Mode
from guarantee.matrix.world import World, world
from guarantee.mutation import mutants
from guarantee.oracle import sequences, weaker
from guarantee.oracle.pushed import run_pushed
from guarantee.report import Part

Say = Callable[[str], None]


def of_mode(mode: Mode, out: Path, say: Say) -> Iterator[Part]:
    """The matrix of one isolation mode, and of the default mode the weakenings, which need the same world."""
    say(f"{mode}: forge, cluster, two `pulumi up`")
    with world(mode) as made:
        say(f"{mode}: every actor, every ref, every operation")
        yield _matrix(made, out)
        if mode is Mode.REPOSITORY:
            yield _weakenings(made, say)


def _matrix(made: World, out: Path) -> Part:
    measured = measure(made)
    table.write(measured, out)
    wrong = measured.mismatches
    allows, denies = (sum(cell.observed is seen for cell in wrong) for seen in (True, False))
    figures = f"{len(measured.cells)} cells of {made.mode}, false allows {allows}, false denies {denies}"
    data = {
        "mode": made.mode.value,
        "cells": len(measured.cells),
        "allowed": sum(cell.observed for cell in measured.cells),
        "false_allows": allows,
        "false_denies": denies,
        "left_out": dict(measured.left_out),
    }
    return Part("matrix", figures, measured.seconds, tuple(map(str, wrong)), data)


def _weakenings(made: World, say: Say) -> Part:
    begin = time.monotonic()
    run = mutants.run(made, say)
    by = Counter(who for each in run.mutants for who in each.caught_by)
    caught = len(run.mutants) - len(run.survivors)
    failures = [f"not caught: {each.name}" for each in run.survivors]
    failures += [f"nothing was changed, and it is reported: {told}" for told in run.unchanged.told]
    told = ", ".join(f"{count} by the {who}" for who, count in sorted(by.items()))
    figures = f"{len(run.mutants)} mutants, caught {caught} ({told})"
    data = {
        "mutants": [{"name": each.name, "of": each.protection, "by": list(each.caught_by)} for each in run.mutants],
        "caught": caught,
    }
    return Part("weakenings", figures, time.monotonic() - begin, tuple(failures), data)


def oracle(examples: int, start: int, say: Say) -> Iterator[Part]:
    """Random topologies and attempts against the oracle, a sample as real pushes, and weakened plans to notice."""
    say(f"oracle: {examples} random topologies")
    for name, result in (
        ("oracle", sequences.run(examples, start=start)),
        ("pushed", run_pushed(max(20, examples // 25), start=start)),
    ):
        kind = "attempts" if name == "oracle" else "attempts by git"
        figures = f"{result.topologies} topologies, {result.operations} {kind}, violations {len(result.violations)}"
        data = {"topologies": result.topologies, "attempts": result.operations, "start": start}
        yield Part(name, figures, result.seconds, result.violations, data)
    say("oracle: plans that are weaker by one change")
    begin = time.monotonic()
    judged = weaker.plan_mutants()
    equivalent = {each.name: each.why for each in judged if each.equivalent}
    caught = sum(each.caught for each in judged)
    figures = f"{len(judged)} weakened, caught {caught}, of {len(equivalent)} something else holds"
    data = {"weakened": len(judged), "caught": caught, "equivalent": equivalent}
    failures = tuple(f"not caught: {each.name}" for each in judged if each.missed)
    yield Part("plans", figures, time.monotonic() - begin, failures, data)


def audit(say: Say) -> Iterator[Part]:
    """Every managed setting, changed behind Pulumi's back."""
    begin = time.monotonic()
    results = changes.run(say)
    made = [each for each in results if each.expected]
    found = sum(each.found for each in made)
    figures = f"{len(made)} settings changed, found {found}"
    failures = tuple(str(each) for each in results if not each.found)
    data = {"changed": len(made), "found": found}
    yield Part("audit", figures, time.monotonic() - begin, failures, data)


def secrets(say: Say) -> Iterator[Part]:
    """A whole life with a canary in every secret, and a leaky program, which must be caught on every surface."""
    with tempfile.TemporaryDirectory(prefix="gitops-infra-canaries-") as folder:
        report = runs.run(Path(folder), say=say)
    figures = (
        f"{report.secrets} canaries of {report.classes} classes on {report.surfaces} surfaces, "
        f"{report.bytes / 1e6:.0f} MB looked through, hits {len(report.hits)}"
    )
    data = {"classes": report.classes, "canaries": report.secrets, "surfaces": report.surfaces, "bytes": report.bytes}
    yield Part("secrets", figures, report.seconds, tuple(map(str, report.hits)), data)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gitops-infra-leaks-") as folder:
        seen = leaks.run(Path(folder))
    missed = tuple(f"a leak was not seen: {surface.value}" for surface, hits in seen.items() if not hits)
    figures = f"{len(seen)} deliberate leaks, caught {len(seen) - len(missed)}"
    yield Part("leaks", figures, time.monotonic() - begin, missed, {"leaks": len(seen)})


def failed(parts: Iterable[Part]) -> bool:
    """Whether anything is not as promised."""
    return any(part.failures for part in parts)
