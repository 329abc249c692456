"""A whole life of a stack, with everything scanned after each moment of it."""

import json
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.client import Clone, KeyCredential
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from guarantee.canaries.classes import CLASSES, Place
from guarantee.canaries.record import Recorder
from guarantee.canaries.scene import STACK, STACK_FILE, Scene
from guarantee.canaries.setting import scene, topology
from guarantee.canaries.surfaces import Hit, Surface, files

UP = ("up", "--yes", "--skip-preview")


@dataclass(frozen=True)
class Report:
    """What a life came to."""

    hits: tuple[Hit, ...]
    """Secrets where they must not be."""
    classes: int
    """Classes of secret that were looked for."""
    secrets: int
    """How many of them there were."""
    scanned: dict[Surface, int]
    """Bytes by surface."""
    moments: tuple[str, ...]
    seen: frozenset[tuple[str, Place]]
    """Class and place where one of it was found, and may be."""
    seconds: float

    @property
    def surfaces(self) -> int:
        """How many kinds of places were scanned."""
        return len(self.scanned)

    @property
    def bytes(self) -> int:
        """All that was scanned."""
        return sum(self.scanned.values())


def run(
    folder: Path,
    engine: Engine | None = None,
    clusters: Clusters | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Lives one life in `folder`, which is empty, and reports. Raises RuntimeError when the life itself goes wrong."""
    begin = time.monotonic()
    with scene(folder, engine, clusters) as made:
        recorder = Recorder(made)
        for name, moment in MOMENTS.items():
            started = time.monotonic()
            moment(recorder)
            recorder.look(name)
            say(f"{name}: {time.monotonic() - started:.0f} s, {len(recorder.findings.hits)} hits")
        return Report(
            hits=tuple(recorder.findings.hits),
            classes=len({each.kind for each in recorder.canaries}),
            secrets=len(recorder.canaries),
            scanned=dict(recorder.findings.scanned),
            moments=tuple(MOMENTS),
            seen=frozenset(recorder.findings.seen),
            seconds=time.monotonic() - begin,
        )


def preview(recorder: Recorder) -> None:
    """What `up` would do, shown in full."""
    recorder.pulumi("preview", "--diff")


def create(recorder: Recorder) -> None:
    """The first `up`, and promotions that the agents hear of, or find."""
    recorder.pulumi(*UP, "--diff")
    clone = recorder.scene.clone("clone")
    for environment in ("staging", "preprod"):
        promote(recorder.scene, clone, environment)


def update(recorder: Recorder) -> None:
    """Another value of a secret, and an App in place of the token that provisions."""
    made = recorder.scene
    made.secrets["laterPassword"] = secrets.token_urlsafe(32)
    made.secret("databasePassword", made.secrets["laterPassword"])
    app = made.forge.find_app(PROVISIONER)
    made.secrets["provisionerAppKey"] = made.forge.app_key(app)
    parts = {
        "id": str(app.id),
        "installationId": str(made.forge.installation(app).id),
        "pemFile": made.secrets["provisionerAppKey"],
    }
    for name, value in parts.items():
        made.secret(f"github:appAuth.{name}", value, "--path")
    recorder.pulumi(*UP, "--diff")


def rotation(recorder: Recorder) -> None:
    """New write and read keys; the write key is tried before it is given away."""
    recorder.scene.configure(topology(recorder.scene, generation=2, sync={"generation": 2}))
    recorder.pulumi(*UP, "--diff")


def failure(recorder: Recorder) -> None:
    """A forge that breaks down in the middle; then values that are no key and no kubeconfig."""
    made = recorder.scene
    made.configure(topology(made, generation=3, sync={"generation": 2}))

    def break_down(request: Request) -> Response | None:
        broken = request.method == "PUT" and "/secrets/" in request.path
        return Response(500, {"message": "Server Error"}) if broken else None

    remove = made.forge.before(break_down)
    try:
        recorder.pulumi(*UP, code=None)
    finally:
        remove()
    made.secrets["brokenKey"] = f"-----BEGIN PRIVATE KEY----- {secrets.token_urlsafe(48)}"
    token = secrets.token_urlsafe(48)
    made.secrets["brokenKubeconfig"] = f"users: [{{name: one, user: {{token: a.b.{token}}}}}]"
    right = {"qaUserKey": made.secrets["qaUserKey"], "givenKubeconfig": made.secrets["givenKubeconfig"]}
    made.secret("qaUserKey", made.secrets["brokenKey"])
    made.secret("givenKubeconfig", made.secrets["brokenKubeconfig"])
    refused = recorder.pulumi(*UP, code=None)
    if "no-private-key" not in refused.output or "bad-kubeconfig" not in refused.output:
        raise RuntimeError(f"broken values were not refused\n{refused.output[-2000:]}")
    for key, value in right.items():
        made.secret(key, value)


def kill(recorder: Recorder) -> None:
    """SIGKILL for everything in the middle; then what takes the stack up again."""
    made = recorder.scene
    made.configure(topology(made, generation=4, sync={"generation": 3}))
    recorder.pulumi(*UP, kill="/keys")
    recorder.look("killed")
    recorder.ours("resume", "--stack", STACK)
    recorder.pulumi(*UP)


def refresh(recorder: Recorder) -> None:
    """Everything is read back."""
    recorder.pulumi("refresh", "--yes", "--skip-preview", "--diff")


def commands(recorder: Recorder) -> None:
    """Everything that our own command says, and the files that it writes."""
    made = recorder.scene
    given = made.folder / "given.kubeconfig"
    given.touch(mode=0o600)
    given.write_text(made.kubeconfigs["given"], encoding="utf-8")
    kubeconfigs = [
        part
        for name, file in (("given", given), ("made", made.folder / "made.kubeconfig"))
        for part in ("--kubeconfig", f"{name}={file}")
    ]
    rendered = made.folder / "rendered"
    recorder.ours("plan", STACK_FILE)
    recorder.ours("plan", STACK_FILE, "--format", "json")
    recorder.ours("render", STACK_FILE, "--output", str(rendered), "--code-owner", "@acme/platform")
    recorder.ours("preflight", STACK_FILE, "--stack", STACK, *kubeconfigs, codes=(0, 1))
    recorder.ours("preflight", STACK_FILE, "--stack", STACK, "--json", codes=(0, 1))
    recorder.ours("status", STACK_FILE, "--stack", STACK, *kubeconfigs, codes=(0, 1))
    recorder.ours("adopt", "--stack", STACK)
    recorder.ours("adopt", "--repository", "acme/shop")
    recorder.ours("resume", "--stack", STACK)
    recorder.ours("access", STACK_FILE)
    recorder.ours("verify", STACK_FILE, "--stack", STACK, *kubeconfigs, codes=(0, 1, 3))
    recorder.add(*files(Surface.GENERATED, rendered), *files(Surface.COMMANDS, made.folder / "cache"))


def destroy(recorder: Recorder) -> None:
    """The end."""
    recorder.pulumi("destroy", "--yes", "--skip-preview")


MOMENTS: dict[str, Callable[[Recorder], None]] = {
    each.__name__: each for each in (preview, create, update, rotation, failure, kill, refresh, commands, destroy)
}


def promote(made: Scene, clone: Clone, environment: str) -> None:
    """Moves the environment's branch as its promotion job does. Raises RuntimeError if that is refused."""
    forge = made.forge
    answer = forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", environment=environment, actor="mara"
    )
    if not isinstance(answer, JobGrant):
        raise RuntimeError(f"no job of {environment}: {answer}")  # noqa: TRY004 - not the caller's mistake
    key = KeyCredential(answer.secrets["GITOPS_DEPLOY_KEY"], forge.known_hosts)
    url = forge.ssh_url(f"acme/shop-env-{environment}")
    pushed = clone.push(url, f"refs/remotes/origin/main:refs/heads/env/{environment}", key)
    if not pushed.allowed:
        raise RuntimeError(pushed.message)


def main() -> None:
    """One life in the folder that is named, its report on standard output."""
    report = run(Path(sys.argv[1]), say=lambda text: print(text, file=sys.stderr, flush=True))
    shown = {"hits": list(map(str, report.hits)), "scanned": report.scanned, "seconds": report.seconds}
    missing = [(each.name, place) for each in CLASSES for place in each.places if (each.name, place) not in report.seen]
    print(json.dumps(shown | {"secrets": report.secrets, "not seen": missing}, indent=1))


if __name__ == "__main__":
    main()
