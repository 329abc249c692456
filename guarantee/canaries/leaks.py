"""The positive control: a build that leaks on every surface is caught on each of them."""

import json
import secrets
from pathlib import Path

from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from guarantee.canaries.record import Recorder
from guarantee.canaries.runs import UP
from guarantee.canaries.scan import Canary
from guarantee.canaries.scene import STACK_FILE, Scene
from guarantee.canaries.setting import scene
from guarantee.canaries.surfaces import Hit, Surface, files

PROGRAM = Path(__file__).parent / "leaky"
PLANTED = "planted"
_READ = "import json, os; leaks = json.load(open(os.environ['LEAKS']))"
_RENDERS = f"""\
{_READ}
from gitops_infra.pipelines import render
plain = render.to_yaml
render.to_yaml = lambda *given: plain(*given) + "# " + "\\n# ".join(leaks["GENERATED"][at:at + 30] for at in (0, 30))
"""
_TELLS = f"""\
{_READ}
print(json.dumps(json.dumps({{"note": leaks["COMMANDS"]}})))
"""


def run(folder: Path, engine: Engine | None = None, clusters: Clusters | None = None) -> dict[Surface, tuple[Hit, ...]]:
    """What was found on each surface of the value that was planted there; nothing found is an empty tuple."""
    values = {surface: secrets.token_urlsafe(45) for surface in Surface}
    with scene(folder, engine, clusters, program=PROGRAM) as made:
        file = folder / "leaks.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({surface.name: value for surface, value in values.items()}), encoding="utf-8")
        made.environment["LEAKS"] = str(file)
        planted = [Canary(PLANTED, surface.name, (value,)) for surface, value in values.items()]
        recorder = Recorder(made, extra=planted)
        recorder.pulumi(*UP)
        recorder.pulumi("preview", code=None, FAIL="1")
        _outside(recorder, values)
        recorder.look("leaky")
        hits = recorder.findings.hits
        return {
            surface: tuple(hit for hit in hits if hit.surface is surface and hit.secret == surface.name)
            for surface in Surface
        }


def _outside(recorder: Recorder, values: dict[Surface, str]) -> None:
    """Leaks that are none of the program's: by our own command, into git, into a cluster."""
    made = recorder.scene
    rendered = made.folder / "rendered"
    recorder.ours("render", STACK_FILE, "--output", str(rendered), "--code-owner", "@acme/platform", before=_RENDERS)
    recorder.add(*files(Surface.GENERATED, rendered))
    recorder.ours("plan", STACK_FILE, before=_TELLS)
    _commit(made, values[Surface.GIT])
    name = f"leak-{secrets.token_hex(4)}"
    note = {"name": name, "namespace": "default", "annotations": {"last-applied": values[Surface.CLUSTER]}}
    made.cluster.api.apply(
        f"/api/v1/namespaces/default/configmaps/{name}", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": note}
    )


def _commit(made: Scene, value: str) -> None:
    clone = made.clone("leaky")
    commit = clone.commit(clone.git("rev-parse", "refs/remotes/origin/main"), "a note", {"notes.txt": f"{value}\n"})
    pushed = clone.push(made.forge.http_url("acme/shop"), f"{commit}:refs/heads/notes", made.person)
    if not pushed.allowed:
        raise RuntimeError(pushed.message)
