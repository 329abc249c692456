"""How long it takes to import the package, in fresh interpreters."""

import statistics
import subprocess
import sys
import time

from bench.cells.programs import ROOT, interpreter
from bench.rounds import Goal, difference, interleaved, tell

STATEMENTS = {
    "pulumi": "import pulumi",
    "root": "import pulumi, gitops_infra",
    "topology": "import pulumi; from gitops_infra import GitOpsTopology",
    "by hand": "import pulumi, pulumi_github, pulumi_tls",
}
MOST_MILLISECONDS = 40.0


def imports(*, quick: bool) -> list[Goal]:
    """`import gitops_infra` over `import pulumi`; what one component costs is reported beside what its SDKs cost."""
    with interpreter() as environment:

        def once(statement: str) -> float:
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], cwd=ROOT, env=environment, check=True)
            return 1000 * (time.perf_counter() - begin)

        tell("imports: warm-up")
        for statement in STATEMENTS.values():
            once(statement)
        contestants = {name: (lambda text=text: once(text)) for name, text in STATEMENTS.items()}
        found = interleaved(contestants, 9 if quick else 15, cell="imports")
    base = found["pulumi"]
    note = f"import pulumi {statistics.median(base):.0f} ms"
    return [
        Goal(
            "import gitops_infra, over import pulumi",
            difference(found["root"], base),
            MOST_MILLISECONDS,
            "ms",
            note,
            found,
        ),
        Goal(
            "from gitops_infra import GitOpsTopology, over import pulumi",
            difference(found["topology"], base),
            None,
            "ms",
        ),
        Goal("pulumi_github and pulumi_tls, over import pulumi", difference(found["by hand"], base), None, "ms"),
    ]
