"""An estate with every setting that a topology manages, provisioned by the real engine: what `changes` spoils."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.verification.exposure import Repair
from gitops_infra.audit.verify import Verification, verify
from gitops_infra.pipelines.installation_token import PERMISSIONS
from gitops_infra.plan.build import plans
from gitops_infra.plan.model import Plan
from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.jobs import JobGrant, JobWaiting
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from guarantee.project import Project

OWNER, SITE, MOVER = "acme", "site", "moves-qa"
SHOP, API, STATE = "acme/shop", "acme/api", "acme/shop-env-staging"
"""The application's repository, which `up` makes, one that is there already, and the first one's state of staging."""
TOKEN = "shopToken"  # noqa: S105 - a key of the stack's configuration
SIGNER = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0AAAA==\n-----END PGP PUBLIC KEY BLOCK-----\n"


@dataclass(eq=False)
class Estate:
    """What `up` has made."""

    topology: Topology
    plans: tuple[Plan, ...]
    forge: Sandbox
    cluster: Cluster
    project: Project = field(repr=False)
    app_key: str = field(repr=False)
    """Private key of the App that moves qa's branch, as the stack's configuration has it."""

    def verified(self, forge: Sandbox | None = None, *, cluster: bool = False) -> Verification:
        """What the audit says, with the token of an owner; of a copy of the forge where one is given."""
        looked = self.forge if forge is None else forge
        files = {SITE: self.cluster.kubeconfig_file} if cluster else {}
        with GitHubReader(looked.token("olivia"), looked.url, remember=True) as reader:
            given = Kubeconfigs(files, environment={})
            return verify(self.topology, reader, kubeconfigs=given, read_key={"qaKey": self.app_key}.get)

    def repair(self, how: Repair = Repair.UP) -> str:
        """Runs the command of the repair."""
        *settings, _, _, _ = how.value.split()
        variables = dict(setting.split("=") for setting in settings)
        return self.project.up("--refresh", **variables)


@contextmanager
def estate(folder: Path | None = None) -> Iterator[Estate]:
    """An estate, ready and promoted to once; gone afterwards.

    Raises RuntimeError with Pulumi's words when `up` fails, ToolError or ClusterError when a tool does.
    """
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(TemporaryDirectory(prefix="gitops-infra-estate-")))
        engine = Engine.prepare()
        forge = stack.enter_context(Sandbox(place / "forge"))
        cluster = stack.enter_context(Clusters((SITE,)))[SITE]
        yield made(place, engine, forge, cluster)


def made(place: Path, engine: Engine, forge: Sandbox, cluster: Cluster) -> Estate:
    """Fills the forge, runs `up` and promotes once to staging and qa."""
    source = _fill(forge, place)
    token = forge.app_token(forge.app(OWNER, PROVISIONER, PROVISIONER_PERMISSIONS))
    project = Project(engine, place, "a passphrase of the estate", token, forge.url)
    # In the repository that `up` makes, too: an App reaches all repositories of its owner here.
    app = forge.app(OWNER, MOVER, {**PERMISSIONS, "metadata": "read"})
    app_key = forge.app_key(app)
    for key, value in (("siteKubeconfig", cluster.kubeconfig), ("qaKey", app_key), (TOKEN, "a token")):
        project.secret(key, value)
    topology = project.configure(_topology(forge, cluster, app.id))
    found = Estate(topology, plans(topology), forge, cluster, project, app_key)
    project.up()
    _promote(found, source)
    return found


def _fill(forge: Sandbox, place: Path) -> Clone:
    """People, teams, and the repository that is there already."""
    for login in ("olivia", "dana", "mara", "rita", "otto", "uma"):
        forge.add_user(login)
    forge.add_organization(OWNER, owners=["olivia"], price_plan="enterprise")
    forge.add_team(OWNER, "developers", ["dana"])
    forge.add_team(OWNER, "platform", ["mara", "rita"])
    source = Clone.empty(place / "source")
    files = {".github/CODEOWNERS": "/.github/ @acme/platform\n"}
    source.git("update-ref", "refs/heads/main", source.commit(None, "The API", files))
    forge.add_repository(API, source=source.directory)
    forge.grant(API, "acme/developers", "write")
    forge.grant(API, "acme/platform", "maintain")
    return source


def _topology(forge: Sandbox, cluster: Cluster, app: int) -> dict[str, Any]:
    return {
        "owner": OWNER,
        "github_plan": "enterprise",
        "known_hosts": [forge.known_hosts],
        "application": {
            "name": "shop",
            "visibility": "private",
            "description": "A shop",
            "owners": ["@acme/platform"],
            "grants": [
                {"team": "platform", "role": "maintain"},
                {"team": "developers", "role": "write"},
                {"user": "uma", "role": "triage"},
            ],
            "labels": [{"name": "bug", "color": "d73a4a", "description": "Does not work"}],
            "allowed_actions": ["acme/*"],
            "required_checks": ["test"],
        },
        "repositories": [{"name": "api", "existing": True, "visibility": "private", "code_owners": True}],
        "clusters": [{"name": SITE, "kubeconfig": "siteKubeconfig", "receiver_url": cluster.receiver_url}],
        "environments": [
            {
                "name": "staging",
                "cluster": SITE,
                "variables": {"LOG_LEVEL": "debug"},
                "secrets": {"SHOP_TOKEN": TOKEN},
                "sync": {"signed_by": [SIGNER]},
            },
            {
                "name": "qa",
                "kind": "staging",
                "isolation": "branch",
                "writer": {"app": app, "key": "qaKey"},
                "required_checks": ["test"],
                "required_deployments": ["staging"],
            },
            {
                "name": "production",
                "reviewers": [{"team": "platform"}],
                "wait_minutes": 5,
            },
            {"name": "review"},
        ],
        "promotions": [
            {"target": "staging"},
            {"target": "qa", "source": "staging"},
            {"target": "production", "source": "qa", "trigger": "on_release", "tags": "v*.*.*"},
        ],
    }


def _promote(found: Estate, source: Clone) -> None:
    """The first promotion of the shop to staging, by its credential as a job gets it."""
    answer = found.forge.job(repository=SHOP, event="push", ref="refs/heads/main", environment="staging", actor="mara")
    if isinstance(answer, JobWaiting):
        answer = found.forge.approve(answer.deployment_id, "rita")
    if not isinstance(answer, JobGrant):
        raise RuntimeError(f"no job gets the credential of staging: {answer}")  # noqa: TRY004 - the forge's answer
    key = KeyCredential(answer.secrets["GITOPS_DEPLOY_KEY"], found.forge.known_hosts)
    url, reader = found.forge.http_url(SHOP), TokenCredential(found.forge.token("olivia"))
    head = source.head(url, "refs/heads/main", reader)
    source.fetch(url, "refs/heads/main", reader)
    pushed = source.push(found.forge.ssh_url(STATE), f"{head}:refs/heads/env/staging", key)
    if not pushed.allowed:
        raise RuntimeError(f"the credential of staging cannot make its branch: {pushed.message}")
