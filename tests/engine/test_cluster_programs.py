"""Programs with clusters: made in the same program, shared by environments, changed; and single components."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_tls as tls
import pytest

from gitops_infra import (
    Cluster,
    ClusterArgs,
    GitOpsAgent,
    GitOpsAgentArgs,
    GitOpsTopology,
    GitOpsTopologyArgs,
    github_provider,
)
from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant
from tests.engine.cluster_api import Api, until

pytestmark = pytest.mark.engine


@pytest.fixture
def application(forge: Any, tmp_path: Any) -> str:
    """The name of an application, which no other test has, with manifests for two environments."""
    name = f"app-{secrets.token_hex(3)}"
    source = Clone.empty(tmp_path / "source")
    files = {".github/CODEOWNERS": "/.github/ @acme/platform\n"} | {
        f"deploy/{each}/app.yaml": json.dumps(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"VALUE": each}}
        )
        for each in ("staging", "qa")
    }
    source.git("update-ref", "refs/heads/main", source.commit(None, "The application", files))
    forge.add_repository(f"acme/{name}", source=source.directory)
    return name


def topology(forge: Any, application: str, **changes: Any) -> dict[str, Any]:
    return {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": application, "existing": True, "visibility": "private", "code_owners": True},
        "known_hosts": [forge.known_hosts],
        "clusters": [{"name": "shared"}],
        "environments": [
            {"name": "staging", "cluster": "shared"},
            {"name": "qa", "kind": "staging", "cluster": "shared"},
        ],
        **changes,
    }


def provision(application: str, wanted: dict[str, Any], kubeconfig: Any) -> Callable[[], None]:
    def program() -> None:
        provider = github_provider("acme", owner="acme")
        made = GitOpsTopology(
            application,
            GitOpsTopologyArgs(topology=wanted, kubeconfigs={"shared": kubeconfig()}),
            pulumi.ResourceOptions(providers=[provider]),
        )
        pulumi.export("environments", made.environments)

    return program


def promote(forge: Any, tmp_path: Any, application: str, environment: str) -> None:
    answer = forge.job(
        repository=f"acme/{application}", event="push", ref="refs/heads/main", environment=environment, actor="olivia"
    )
    assert isinstance(answer, JobGrant), answer
    clone = Clone.of(
        forge.http_url(f"acme/{application}"), tmp_path / environment, TokenCredential(forge.token("olivia"))
    )
    key = KeyCredential(answer.secrets["GITOPS_DEPLOY_KEY"], forge.known_hosts)
    pushed = clone.push(
        forge.ssh_url(f"acme/{application}-env-{environment}"),
        f"refs/remotes/origin/main:refs/heads/env/{environment}",
        key,
    )
    assert pushed.allowed, pushed.message


def test_a_cluster_that_the_same_program_makes_is_not_known_in_the_preview(
    forge: Any, stack: Any, clusters: Any, application: str, tmp_path: Any
) -> None:
    """Two environments share it, each in a namespace of its own."""

    def kubeconfig() -> pulumi.Output[str]:
        # Stands for a cluster of the program's: known only when something else has been made.
        made = tls.PrivateKey("stands-for-a-cluster", algorithm="ED25519")
        text: str = clusters["review"].kubeconfig
        return made.id.apply(lambda _: text)

    one = stack(provision(application, topology(forge, application), kubeconfig))
    announced = {change.type for change in one.preview().changes}
    assert "kubernetes:kustomize.toolkit.fluxcd.io/v1:Kustomization" in announced
    one.up()
    api = Api(clusters["review"].kubeconfig)
    try:
        for environment in ("staging", "qa"):
            promote(forge, tmp_path, application, environment)
            found = until(lambda space=f"{application}-{environment}": api.data(space))
            assert found == {"VALUE": environment}
        assert one.preview().changes == ()
        one.destroy()
        assert not api.has(f"{application}-staging")
        assert not api.has(f"{application}-qa")
    finally:
        api.close()


def test_an_environment_moves_to_another_cluster_with_another_key(
    forge: Any, stack: Any, clusters: Any, application: str, tmp_path: Any
) -> None:
    wanted = topology(
        forge, application, clusters=[{"name": "staging"}], environments=[{"name": "staging", "cluster": "staging"}]
    )

    def program() -> None:
        provider = github_provider("acme", owner="acme")
        GitOpsTopology(
            application,
            GitOpsTopologyArgs(
                topology=wanted,
                kubeconfigs={each["name"]: clusters[each["name"]].kubeconfig for each in wanted["clusters"]},
            ),
            pulumi.ResourceOptions(providers=[provider]),
        )

    one = stack(program)
    one.up()
    promote(forge, tmp_path, application, "staging")
    before, after = Api(clusters["staging"].kubeconfig), Api(clusters["review"].kubeconfig)
    try:
        until(lambda: before.data(f"{application}-staging"))
        old = before.secret(f"{application}-staging", f"{application}-git")["identity"]
        wanted |= {
            "clusters": [{"name": "review"}],
            "environments": [{"name": "staging", "cluster": "review"}],
        }
        one.up()
        until(lambda: after.data(f"{application}-staging"))
        assert not before.has(f"{application}-staging")
        assert after.secret(f"{application}-staging", f"{application}-git")["identity"] != old
        keys = forge.store.deploy_keys_of(forge.repository(f"acme/{application}-env-staging"))
        assert sorted(each.read_only for each in keys) == [False, True]
        one.destroy()
    finally:
        before.close()
        after.close()


def test_under_branch_isolation_the_agent_reads_the_applications_repository(
    forge: Any, stack: Any, clusters: Any, application: str, tmp_path: Any
) -> None:
    """The two single components, in a program of one's own."""
    app = forge.app(
        "acme", "mover", {"contents": "write", "workflows": "write", "metadata": "read"}, [f"acme/{application}"]
    )
    environment = {
        "name": "staging",
        "cluster": "review",
        "isolation": "branch",
        "writer": {"app": app.id, "key": "stagingKey"},
    }

    def program() -> None:
        provider = github_provider("acme", owner="acme")
        cluster = Cluster(
            "review",
            ClusterArgs(
                owner="acme",
                cluster={"name": "review"},
                tenants=[{"application": application, "environment": environment}],
                kubeconfig=clusters["review"].kubeconfig,
            ),
        )
        GitOpsAgent(
            "staging",
            GitOpsAgentArgs(
                owner="acme",
                github_plan="enterprise",
                application={"name": application, "existing": True, "visibility": "private"},
                environment=environment,
                cluster={"name": "review"},
                known_hosts=[forge.known_hosts],
            ),
            pulumi.ResourceOptions(
                providers=[provider, cluster.provider],
                depends_on=list(cluster.places[f"{application}/staging"].resources),
            ),
        )

    one = stack(program)
    one.up()
    clone = Clone.of(forge.http_url(f"acme/{application}"), tmp_path / "clone", TokenCredential(forge.token("olivia")))
    assert clone.push(
        forge.http_url(f"acme/{application}"),
        "refs/remotes/origin/main:refs/heads/env/staging",
        TokenCredential(forge.token("olivia")),
    ).allowed
    api = Api(clusters["review"].kubeconfig)
    try:
        assert until(lambda: api.data(f"{application}-staging")) == {"VALUE": "staging"}
        key = KeyCredential(api.secret(f"{application}-staging", f"{application}-git")["identity"], forge.known_hosts)
        url = forge.ssh_url(f"acme/{application}")
        for ref in ("refs/heads/main", "refs/heads/env/staging", "refs/heads/new", "refs/tags/v1"):
            refused = clone.push(url, f"{clone.commit(None, 'foreign')}:{ref}", key, force=True)
            assert not refused.allowed, ref
        one.destroy()
        assert not clone.read(url, key).allowed
    finally:
        api.close()
