"""A forge, a cluster and a stack in which every secret is a canary."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.plugins import private_keys
from guarantee.canaries.scene import PROJECT, Scene

PROGRAM = Path(__file__).parent / "program"
CLUSTER = "target"

WRITER, MOVER = "writer", "mover"
"""The App that moves production's branch, and the machine user that moves qa's."""
OF_WRITERS = {"contents": "write", "workflows": "write", "metadata": "read"}
MANIFEST = "{apiVersion: v1, kind: ConfigMap, metadata: {name: app}, data: {VALUE: first}}\n"


@contextmanager
def scene(
    folder: Path, engine: Engine | None = None, clusters: Clusters | None = None, program: Path = PROGRAM
) -> Iterator[Scene]:
    """A scene in `folder`, before the first `up`. Without `clusters`, one is started, and ended with it."""
    if clusters is None:
        with Clusters([CLUSTER]) as own, scene(folder, engine, own, program) as made:
            yield made
        return
    cluster = next(iter(clusters))
    with Sandbox(folder / "forge") as forge:
        kubeconfigs = {
            "given": _by_token(cluster),
            "made": cluster.user(f"canary-{secrets.token_hex(4)}", ["system:masters"]),
        }
        made = Scene(folder, forge, engine or Engine.prepare(), cluster, kubeconfigs)
        _people(made)
        _project(made, program)
        _secrets(made)
        made.configure(topology(made))
        yield made


def topology(scene: Scene, **staging: Any) -> dict[str, Any]:
    """A topology with every kind of credential; `staging` are further settings of that environment."""
    return {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
        "known_hosts": [scene.forge.known_hosts],
        "clusters": [
            {"name": "given", "kubeconfig": "givenKubeconfig", "receiver_url": scene.cluster.receiver_url},
            {"name": "made"},
        ],
        "environments": [
            {"name": "staging", "cluster": "given", "secrets": {"DATABASE_PASSWORD": "databasePassword"}, **staging},
            {"name": "preprod", "kind": "staging", "cluster": "made"},
            {
                "name": "qa",
                "kind": "staging",
                "isolation": "branch",
                "writer": {"user": MOVER, "key": "qaUserKey"},
            },
            {
                "name": "production",
                "isolation": "branch",
                "reviewers": [{"team": "platform"}],
                "writer": {"app": scene.forge.find_app(WRITER).id, "key": "productionAppKey"},
            },
        ],
    }


def _people(scene: Scene) -> None:
    forge = scene.forge
    for login in ("olivia", "dana", "mara", "rita", MOVER):
        forge.add_user(login)
    forge.add_organization("acme", owners=["olivia"], price_plan="enterprise")
    forge.add_team("acme", "developers", ["dana"])
    forge.add_team("acme", "platform", ["mara", "rita"])
    source = Clone.empty(scene.folder / "source")
    files = {".github/CODEOWNERS": "/.github/ @acme/platform\n"}
    files |= {f"deploy/{each}/app.yaml": MANIFEST for each in ("staging", "preprod")}
    source.git("update-ref", "refs/heads/main", source.commit(None, "The application", files))
    forge.add_repository("acme/shop", source=source.directory)
    forge.grant("acme/shop", "acme/developers", "write")
    forge.grant("acme/shop", "acme/platform", "maintain")
    forge.grant("acme/shop", MOVER, "write")
    forge.app("acme", PROVISIONER, PROVISIONER_PERMISSIONS)
    forge.app("acme", WRITER, OF_WRITERS, ["acme/shop"])
    scene.admin = forge.token("olivia")
    scene.person = TokenCredential(scene.admin)


def _project(scene: Scene, program: Path) -> None:
    for each in (scene.project, scene.temporary):
        each.mkdir()
    settings = f"name: {PROJECT}\nruntime: python\nmain: {program}\n"
    (scene.project / "Pulumi.yaml").write_text(settings, encoding="utf-8")
    made = scene.folder / "made.kubeconfig"
    made.touch(mode=0o600)
    made.write_text(scene.kubeconfigs["made"], encoding="utf-8")
    scene.secrets["provisioner token"] = scene.forge.app_token(PROVISIONER)
    scene.secrets["passphrase"] = secrets.token_urlsafe(32)
    scene.environment = scene.engine.environment(
        scene.state,
        scene.secrets["passphrase"],
        GITHUB_TOKEN=scene.secrets["provisioner token"],
        GITHUB_BASE_URL=f"{scene.forge.url}/",
        MADE_KUBECONFIG=str(made),
        TMPDIR=str(scene.temporary),
        XDG_CACHE_HOME=str(scene.folder / "cache"),
        PYTHONPATH=os.pathsep.join(sys.path),
    )
    initialised = scene.pulumi("stack", "init")
    if initialised.code != 0:
        raise RuntimeError(initialised.output)


def _secrets(scene: Scene) -> None:
    """Every secret that comes from outside, each with a value that is nowhere else."""
    mover = private_keys.make({"algorithm": "ED25519"})[1]
    scene.forge.add_ssh_key(MOVER, mover["publicKeyOpenssh"])
    given = {
        "databasePassword": secrets.token_urlsafe(32),
        "qaUserKey": mover["privateKeyOpenssh"],
        "productionAppKey": scene.forge.app_key(WRITER),
        "givenKubeconfig": scene.kubeconfigs["given"],
    }
    for key, value in given.items():
        scene.secret(key, value)
    scene.secrets |= given | {"madeKubeconfig": scene.kubeconfigs["made"]}


def _by_token(cluster: Cluster) -> str:
    """A kubeconfig that holds a token, of an administrator."""
    name = f"canary-{secrets.token_hex(4)}"
    cluster.api.apply(
        f"/api/v1/namespaces/default/serviceaccounts/{name}",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}},
    )
    group = "rbac.authorization.k8s.io"
    cluster.api.apply(
        f"/apis/{group}/v1/clusterrolebindings/{name}",
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        },
    )
    return cluster.service_account_kubeconfig("default", name)
