"""Environment branches and real clusters: what a push changes there, and what nobody can do from there.

Clusters are shared by the tests of a run, so each test has an application of its own, and with that its namespaces.
"""

import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gitops_infra.cli.app import app
from gitops_infra.sandbox.client import IDENTITY, Clone, KeyCredential
from tests.engine.cluster_api import Api, until

pytestmark = [pytest.mark.engine]


class Delivered:
    """An application of its own in `world`, and clusters that it is delivered to."""

    def __init__(self, world: Any, clusters: Any, apis: Mapping[str, Api]) -> None:
        self.world, self.clusters, self.apis = world, clusters, apis
        self.name = f"app-{secrets.token_hex(3)}"
        source = Clone.empty(world.folder / "application")
        files = {".github/CODEOWNERS": "/.github/ @acme/platform\n"}
        for each in ("staging", "production"):
            files |= manifest(each, "first")
        source.git("update-ref", "refs/heads/main", source.commit(None, "The application", files))
        world.forge.add_repository(f"acme/{self.name}", source=source.directory)
        world.forge.grant(f"acme/{self.name}", "acme/developers", "write")
        world.forge.grant(f"acme/{self.name}", "acme/platform", "maintain")
        self.clone = world.clone(f"acme/{self.name}", "olivia", "clone")
        self.head = self.clone.git("rev-parse", "refs/remotes/origin/main")
        for each in ("staging", "production"):
            world.secret(f"{each}Kubeconfig", clusters[each].kubeconfig)
        self.configure()

    def configure(self, staging: Mapping[str, Any] | None = None, *, webhooks: bool = True, **changes: Any) -> None:
        """Writes the topology: staging and production, each in the cluster of its name."""
        clusters = [
            {"name": each, "kubeconfig": f"{each}Kubeconfig"}
            | ({"receiver_url": self.clusters[each].receiver_url} if webhooks else {})
            for each in ("staging", "production")
        ]
        self.world.change(
            application={"name": self.name, "existing": True, "visibility": "private", "code_owners": True},
            known_hosts=[self.world.forge.known_hosts],
            clusters=clusters,
            environments=[
                {"name": "staging", "cluster": "staging", **(staging or {})},
                {"name": "production", "cluster": "production", "reviewers": [{"team": "platform"}]},
            ],
            **changes,
        )

    def namespace(self, environment: str) -> str:
        return f"{self.name}-{environment}"

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        """A commit on the one before; the default branch is not moved, which no cluster looks at."""
        self.head = self.clone.commit(self.head, message, files)
        return self.head

    def promote(self, environment: str, sha: str) -> None:
        """Moves the environment's branch with its credential, as its promotion job does."""
        url = self.world.forge.ssh_url(f"acme/{self.name}-env-{environment}")
        key = self.world.key(environment, f"acme/{self.name}")
        pushed = self.clone.push(url, f"{sha}:refs/heads/env/{environment}", key)
        assert pushed.allowed, pushed.message

    def live(self, environment: str, value: str) -> None:
        """Returns when the value is in the environment's cluster."""
        api, space = self.apis[environment], self.namespace(environment)
        until(
            lambda: (api.data(space) or {}).get("VALUE") == value,
            lambda: api.objects.list_cluster_custom_object("kustomize.toolkit.fluxcd.io", "v1", "kustomizations"),
        )


def manifest(environment: str, value: str, **more: Any) -> dict[str, str]:
    found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app", **more}, "data": {"VALUE": value}}
    return {f"deploy/{environment}/app.yaml": json.dumps(found)}


@pytest.fixture(scope="module")
def apis(clusters: Any) -> Iterator[dict[str, Api]]:
    found = {name: Api(clusters[name].kubeconfig) for name in ("staging", "production", "review")}
    yield found
    for each in found.values():
        each.close()


@pytest.fixture
def delivered(world: Any, clusters: Any, apis: dict[str, Api]) -> Delivered:
    return Delivered(world, clusters, apis)


def test_a_promotion_is_live_in_the_cluster_of_its_environment_and_in_no_other(delivered: Delivered) -> None:
    """B07 B11 B33 B43 B46: each cluster follows the branch of its environment, and nothing else."""
    world, apis = delivered.world, delivered.apis
    world.up()
    assert delivered.apis["staging"].has(delivered.namespace("staging"))
    sha = delivered.commit("second", manifest("staging", "second") | manifest("production", "second"))
    delivered.promote("staging", sha)
    delivered.live("staging", "second")
    assert not any(apis[other].has(delivered.namespace("staging")) for other in ("production", "review"))
    assert apis["production"].data(delivered.namespace("production")) is None
    delivered.promote("production", sha)
    delivered.live("production", "second")
    ready = until(lambda: apis["staging"].kustomization(delivered.namespace("staging"), delivered.name).get("status"))
    assert until(lambda: ready["lastAppliedRevision"]) == f"env/staging@sha1:{sha}"
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    assert "PRIVATE KEY" not in world.state_text()


def test_up_does_not_wait_for_the_first_promotion(delivered: Delivered) -> None:
    """The branch comes with the first push; until then the agent says that there is none."""
    delivered.world.up()
    assert delivered.apis["staging"].data(delivered.namespace("staging")) is None
    delivered.promote("staging", delivered.head)
    delivered.live("staging", "first")


def test_what_a_cluster_holds_can_write_nowhere(delivered: Delivered) -> None:
    """C15: its key reads one repository, and pushes to none; revoking it leaves all others alone."""
    world = delivered.world
    world.up()
    delivered.promote("staging", delivered.head)
    delivered.live("staging", "first")
    taken = delivered.apis["staging"].secret(delivered.namespace("staging"), f"{delivered.name}-git")
    key = KeyCredential(taken["identity"], world.forge.known_hosts)
    own = world.forge.ssh_url(f"acme/{delivered.name}-env-staging")
    assert delivered.clone.read(own, key).allowed
    foreign = delivered.clone.commit(delivered.head, "From the cluster", {"stolen.txt": "x"})
    for target in (f"{delivered.name}-env-staging", f"{delivered.name}-env-production", delivered.name):
        url = world.forge.ssh_url(f"acme/{target}")
        for ref in ("refs/heads/env/staging", "refs/heads/env/production", "refs/heads/main", "refs/heads/new"):
            for refspec in (f"{foreign}:{ref}", f":{ref}"):
                assert not delivered.clone.push(url, refspec, key, force=True).allowed, (target, refspec)
        if not target.endswith("-staging"):
            assert not delivered.clone.read(url, key).allowed

    delivered.configure({"sync": {"generation": 2}})
    world.up()
    assert not delivered.clone.read(own, key).allowed
    delivered.promote("staging", delivered.commit("after the rotation", manifest("staging", "rotated")))
    delivered.live("staging", "rotated")


def test_what_a_branch_holds_stays_within_its_namespace_and_its_rights(delivered: Delivered) -> None:
    """C17: objects go to the tenant's namespace whatever they say, and rights are not for the taking."""
    world, api = delivered.world, delivered.apis["staging"]
    world.up()
    space = delivered.namespace("staging")
    delivered.promote("staging", delivered.commit("elsewhere", manifest("staging", "moved", namespace="kube-public")))
    delivered.live("staging", "moved")
    assert api.data("kube-public") is None
    grab = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "gitops", "namespace": space}],
    }
    delivered.promote("staging", delivered.commit("grab", {"deploy/staging/grab.yaml": json.dumps(grab)}))
    said = until(lambda: "forbidden" in api.said(space, delivered.name) and api.said(space, delivered.name))
    assert f"system:serviceaccount:{space}:gitops" in said


def test_a_lost_webhook_costs_one_poll(delivered: Delivered) -> None:
    delivered.configure({"sync": {"poll_seconds": 10}})
    delivered.world.up()
    delivered.promote("staging", delivered.head)
    delivered.live("staging", "first")
    delivered.world.forge.drop_deliveries()
    delivered.promote("staging", delivered.commit("unheard", manifest("staging", "unheard")))
    delivered.live("staging", "unheard")


def test_a_health_check_that_hangs_does_not_block_the_next_revision(delivered: Delivered) -> None:
    delivered.world.up()
    hanging = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "never-bound"},
        "spec": {
            "storageClassName": "none-such",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    files = {"deploy/staging/claim.yaml": json.dumps(hanging)} | manifest("staging", "hangs")
    delivered.promote("staging", delivered.commit("hangs", files))
    delivered.live("staging", "hangs")
    delivered.promote("staging", delivered.commit("goes on", manifest("staging", "goes on")))
    started = time.monotonic()
    delivered.live("staging", "goes on")
    assert time.monotonic() - started < 30, "the health check has 300 seconds"


@pytest.fixture
def signer() -> Iterator["Signer"]:
    """An OpenPGP key of its own, and its agent, which ends with the test."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed; with GnuPG this test signs commits")
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:  # short: it is in the path of a socket
        yield Signer(Path(home))
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True, capture_output=True)


class Signer:
    def __init__(self, home: Path) -> None:
        self.home = home
        self._gpg("--passphrase", "", "--quick-gen-key", "Rita <rita@acme.example>", "ed25519", "sign", "0")
        self.public_key = self._gpg("--armor", "--export")

    def signed(self, delivered: Delivered, message: str, files: Mapping[str, str]) -> str:
        """A commit as `Delivered.commit` makes it, signed."""
        plain = delivered.commit(message, files)
        tree, parent = (delivered.clone.git("rev-parse", f"{plain}{part}") for part in ("^{tree}", "^"))
        arguments = ["-c", "user.signingkey=rita@acme.example", "commit-tree", "-S", tree, "-p", parent, "-m", message]
        delivered.head = delivered.clone.git(*arguments, extra={**IDENTITY, "GNUPGHOME": str(self.home)})
        return delivered.head

    def _gpg(self, *arguments: str) -> str:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_with_signers_only_what_they_signed_is_applied(delivered: Delivered, signer: Signer) -> None:
    """C25: a second lock, which holds against whoever can lift the forge's rules."""
    delivered.configure({"sync": {"signed_by": [signer.public_key]}})
    delivered.world.up()
    delivered.promote("staging", signer.signed(delivered, "signed", manifest("staging", "signed")))
    delivered.live("staging", "signed")
    delivered.promote("staging", delivered.commit("not signed", manifest("staging", "not signed")))
    api, space = delivered.apis["staging"], delivered.namespace("staging")

    def refused() -> bool:
        status = api.source(space, delivered.name).get("status", {})
        return any(
            each["type"] == "SourceVerified" and each["status"] == "False" for each in status.get("conditions", ())
        )

    until(refused)
    assert api.data(space) == {"VALUE": "signed"}
    delivered.promote("staging", signer.signed(delivered, "signed again", manifest("staging", "signed again")))
    delivered.live("staging", "signed again")


def test_a_cluster_that_is_down_costs_only_its_own_environment(delivered: Delivered) -> None:
    """F9: the rest is complete, and a rerun makes what is missing and nothing else."""
    world, staging = delivered.world, delivered.clusters["staging"]
    staging.stop_api()
    try:
        started = time.monotonic()
        said = world.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", code=None)
        took = time.monotonic() - started
        assert "unreachable" in said
        assert took < 60
        delivered.promote("production", delivered.head)
        delivered.live("production", "first")
        assert world.key("staging", f"acme/{delivered.name}")
    finally:
        staging.start_api()
    before = len(world.forge.requests)
    world.up()
    written = [
        (request.method, request.path.rpartition("/")[2])
        for request in world.forge.requests[before:]
        if request.method in {"POST", "PUT", "PATCH", "DELETE"}
    ]
    assert written == [("POST", "keys"), ("POST", "hooks")], "no key is given to a cluster that has no place for it"
    delivered.promote("staging", delivered.head)
    delivered.live("staging", "first")


def test_a_preview_needs_no_cluster_that_answers(delivered: Delivered) -> None:
    staging = delivered.clusters["staging"]
    staging.stop_api()
    try:
        announced = json.loads(delivered.world.pulumi("preview", "--json"))
    finally:
        staging.start_api()
    kinds = {step["urn"].split("::")[2].rpartition("$")[2] for step in announced["steps"] if step["op"] == "create"}
    assert "kubernetes:kustomize.toolkit.fluxcd.io/v1:Kustomization" in kinds


def test_a_namespace_of_somebody_else_is_not_taken_over(delivered: Delivered) -> None:
    api, space = delivered.apis["staging"], delivered.namespace("staging")
    api.core.create_namespace({"metadata": {"name": space, "labels": {"team": "payments"}}})
    said = delivered.world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert f'namespaces "{space}" already exists' in said
    assert api.core.read_namespace(space).metadata.labels["team"] == "payments"
    assert "gitops-infra/owner" not in api.core.read_namespace(space).metadata.labels
    delivered.configure({"sync": {"existing_namespace": True}})
    delivered.world.up()
    delivered.promote("staging", delivered.head)
    delivered.live("staging", "first")
    delivered.world.pulumi("destroy", "--yes")
    assert api.has(space)
    assert until(lambda: api.data(space) is None)


def test_destroy_empties_staging_and_lets_production_run_on(delivered: Delivered) -> None:
    world = delivered.world
    world.up()
    for each in ("staging", "production"):
        delivered.promote(each, delivered.head)
        delivered.live(each, "first")
    retained = {entry["type"] for entry in world.outputs()["retained"]}
    assert "kubernetes:kustomize.toolkit.fluxcd.io/v1:Kustomization" in retained
    world.pulumi("destroy", "--yes")
    assert not delivered.apis["staging"].has(delivered.namespace("staging"))
    production = delivered.namespace("production")
    assert delivered.apis["production"].data(production) == {"VALUE": "first"}
    assert f"{delivered.name}-git" not in delivered.apis["production"].secrets(production)
    state = world.forge.repository(f"acme/{delivered.name}-env-production")
    assert world.forge.store.deploy_keys_of(state) == []


def test_what_destroy_kept_in_a_cluster_is_taken_up_again(
    delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Production ran on meanwhile; now it follows its branch again, with a new key."""
    world = delivered.world
    world.up()
    delivered.promote("production", delivered.head)
    delivered.live("production", "first")
    saved = world.folder / "outputs.json"
    saved.write_text(world.pulumi("stack", "output", "--json", "--show-secrets"))
    world.pulumi("destroy", "--yes")
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    arguments = ["adopt", str(saved), "--stack", "shop", "--cwd", str(world.folder), "--run"]
    adopted = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert adopted.exit_code == 0, adopted.output
    assert "left out" not in adopted.stderr
    world.up()
    delivered.promote("production", delivered.commit("again", manifest("production", "again")))
    delivered.live("production", "again")
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


@pytest.mark.kill
@pytest.mark.parametrize("moment", ["namespace", "agent"])
def test_killed_while_it_writes_to_a_cluster_the_next_up_goes_on(delivered: Delivered, moment: str) -> None:
    """F4: `resume` takes over what is in the cluster and not in the state; nothing is made twice."""
    world, api, space = delivered.world, delivered.apis["staging"], delivered.namespace("staging")
    process = world.start("up", "--yes", "--skip-preview")
    until(lambda: api.has(space) if moment == "namespace" else f"{delivered.name}-git" in api.secrets(space))
    world.kill(process)
    process.communicate()
    world.resume()
    world.up()
    delivered.promote("staging", delivered.head)
    delivered.live("staging", "first")
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_destroy_works_when_the_namespace_is_gone_already(delivered: Delivered) -> None:
    delivered.world.up()
    delivered.apis["staging"].core.delete_namespace(delivered.namespace("staging"))
    until(lambda: not delivered.apis["staging"].has(delivered.namespace("staging")))
    delivered.world.pulumi("destroy", "--yes")


def test_destroy_works_when_the_cluster_is_gone_already(delivered: Delivered) -> None:
    delivered.world.up()
    staging = delivered.clusters["staging"]
    staging.stop_api()
    try:
        delivered.world.environment["PULUMI_K8S_DELETE_UNREACHABLE"] = "true"
        delivered.world.pulumi("destroy", "--yes")
    finally:
        staging.start_api()
    assert f"acme/{delivered.name}-env-staging" not in delivered.world.holdings()
    delivered.apis["staging"].core.delete_namespace(delivered.namespace("staging"))


def test_a_kubeconfig_that_cannot_be_one_is_refused_before_anything_is_registered(delivered: Delivered) -> None:
    delivered.world.secret("stagingKubeconfig", "clusters: []\n")
    before = len(delivered.world.forge.requests)
    said = delivered.world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "clusters[0].kubeconfig: the kubeconfig has no `current-context`" in said
    assert "[bad-kubeconfig]" in said
    assert not [each for each in delivered.world.forge.requests[before:] if each.method != "GET"]


def test_an_expired_client_certificate_is_told_in_the_servers_words(delivered: Delivered) -> None:
    delivered.world.secret(
        "stagingKubeconfig", delivered.clusters["staging"].user("late", ["system:masters"], expired=True)
    )
    said = delivered.world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "the server has asked for the client to provide credentials" in said
