"""`python -m conformance [--mode MODE] [--client CLIENT] [--only TYPE] [--parallel N] [--json FILE]`.

Builds what is missing, runs upstream's tests and prints what came out. The exit code is 1 if a test fails that is not
documented, or a documented failure passes.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

# `python conformance` puts this folder first on the path instead of the one that holds the package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance import documented, report
from conformance.documented import Run
from conformance.modes import REST, Client, Mode
from conformance.output import Outcome
from conformance.scope import TESTS
from conformance.suite import PARALLEL, NothingRanError, Programs, run
from conformance.world import world
from gitops_infra.sandbox.toolchain.build import ensure
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.progress import default_progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the options ask for; the exit code."""
    options = _options(arguments)
    try:
        paths = ensure("conformance", "opentofu", progress=default_progress())
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    programs = Programs(paths["conformance"], paths["opentofu"])
    failures, begin = documented.load(), time.monotonic()
    runs: list[Run] = []
    try:
        for mode in Mode:
            for client in Client:
                if mode in options.mode and client in options.client:
                    names = _names(mode, client, runs, options)
                    runs += _run(programs, mode, client, names, options.parallel)
    except NothingRanError as error:
        print(error, file=sys.stderr)
        return 1
    _print(runs, failures, time.monotonic() - begin)
    if options.json:
        rows = [{"mode": each.mode, "client": each.client, **asdict(each.result)} for each in runs]
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    surprises = documented.surprises(runs, failures)
    print("\n".join(map(report.shortened, surprises)) or "every failure is documented, and every documented one fails")
    return int(bool(surprises) or not runs)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description="upstream's acceptance tests on the sandbox forge")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), action="append", help="only this one; may be repeated")
    parser.add_argument("--client", type=Client, choices=list(Client), action="append", help="as --mode")
    parser.add_argument("--only", choices=list(TESTS), action="append", help="only this resource type; as --mode")
    parser.add_argument("--parallel", type=int, default=PARALLEL, metavar="N", help="tests at the same time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every result with its output to FILE")
    options = parser.parse_args(arguments)
    options.mode = options.mode or list(Mode)
    options.client = options.client or list(Client)
    options.only = options.only or list(TESTS)
    return options


def _names(mode: Mode, client: Client, runs: Sequence[Run], options: argparse.Namespace) -> list[str]:
    """What to run: every test of the types asked for, or what did not pass in the mode below if that was run."""
    below = REST.get(mode)
    if below not in options.mode:
        return [function for name in options.only for function in TESTS[name]]
    before = [each.result for each in runs if each.client is client and each.mode is below]
    return [result.test for result in before if result.outcome is not Outcome.PASSED]


def _run(programs: Programs, mode: Mode, client: Client, names: list[str], parallel: int) -> Iterator[Run]:
    print(f"\n{mode}, {client} client", flush=True)
    if names:
        with world(mode) as made:
            for number, result in enumerate(run(programs, made, client, names, parallel), start=1):
                found = Run(mode, client, result)
                print(report.line(number, found), flush=True)
                yield found


def _print(runs: Sequence[Run], failures: Sequence[documented.Failure], seconds: float) -> None:
    if failed := report.failed(runs, failures):
        print(f"\nFailed\n{failed}")
    if skipped := report.skipped(runs):
        print(f"\nSkipped by upstream\n{skipped}")
    print(f"\n{report.counts(runs)}\n\n{report.summary(runs)}\n{len(runs)} results in {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    sys.exit(main())
