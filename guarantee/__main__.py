"""`python -m guarantee [--only PART] [--mode MODE] [--examples N] [--start N] [--out FOLDER]`.

Measures the guarantee and prints what came out. The exit code is 1 if anything is not as promised, 2 if something could
not be measured.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# `python guarantee` puts this folder first on the path instead of the one that holds the package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from gitops_infra.sandbox.cluster.failure import ClusterError
from gitops_infra.sandbox.toolchain.failure import ToolError
from guarantee import parts
from guarantee.matrix.attempts import NotAskedError
from guarantee.matrix.modes import Mode
from guarantee.matrix.table import folder
from guarantee.report import Part, summary

PARTS = ("matrix", "oracle", "audit", "secrets")
"""What there is to measure, in this order; `matrix` brings the weakenings along."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what the options ask for; the exit code."""
    options = _options(arguments)
    out = folder(options.out)
    done: list[Part] = []
    try:
        for part in _measured(options, out):
            done.append(part)
            _say(str(part))
    except (ClusterError, NotAskedError, RuntimeError, ToolError) as error:
        print(f"guarantee: not measured: {error}", file=sys.stderr)
        return 2
    (out / "guarantee.json").write_text(
        json.dumps([each.as_dict() for each in done], indent=1) + "\n", encoding="utf-8"
    )
    print(f"\n{summary(done)}\ntables and names: {out}")
    return int(parts.failed(done))


def _measured(options: argparse.Namespace, out: Path) -> Iterator[Part]:
    if "matrix" in options.only:
        for mode in options.mode:
            yield from parts.of_mode(mode, out, _say)
    if "oracle" in options.only:
        yield from parts.oracle(options.examples, options.start, _say)
    if "audit" in options.only:
        yield from parts.audit(_say)
    if "secrets" in options.only:
        yield from parts.secrets(_say)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="guarantee", description="who can change what, measured")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="default: everything")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), nargs="+", default=list(Mode), help="of the matrix")
    parser.add_argument("--examples", type=_positive, default=500, help="random topologies for the oracle")
    parser.add_argument("--start", type=int, default=1, help="of the random numbers")
    parser.add_argument("--out", type=Path, default=Path("build/guarantee"), help="folder for the tables")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


BEGIN = time.monotonic()


def _say(line: str) -> None:
    """One line of progress, with the time since the start."""
    print(f"[{time.monotonic() - BEGIN:4.0f} s] {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
