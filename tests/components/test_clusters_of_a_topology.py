"""Environments and clusters together: one Cluster for each that is used, and nothing of them where none is."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from gitops_infra import ConfigurationError, DeploymentEnvironment, GitOpsTopology, topology_from_config

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

FOUNDATION = "organization/gitops-infra/foundation"
PROTECTED = {FOUNDATION: {"foundation": {"acme/shop": "refs/heads/main"}}}
EU = {"name": "eu", "kubeconfig": "euKubeconfig", "receiver_url": "https://flux.example"}
US = {"name": "us", "kubeconfig": "usKubeconfig"}


@pytest.fixture
def delivered(topology: Build, kubeconfig: str) -> Build:
    """Staging in `eu`, production in `us`; keywords replace keys of the topology."""

    def build(staging: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        environments = [
            {"name": "staging", "cluster": "eu", **(staging or {})},
            {"name": "production", "cluster": "us", "reviewers": [{"team": "platform", "id": 7}]},
            {"name": "review"},
        ]
        args = topology(**({"clusters": [EU, US, {"name": "unused"}], "environments": environments} | changes))
        return args | {"secrets": {"euKubeconfig": kubeconfig, "usKubeconfig": kubeconfig}}

    return build


def make(args: dict[str, Any], *outputs: str) -> Callable[[], None]:
    def program() -> None:
        made = GitOpsTopology("shop", args)
        for output in outputs:
            pulumi.export(output, getattr(made, output))

    return program


def refused(record: Record, args: dict[str, Any]) -> list[str]:
    """The messages that end the program before anything is registered."""
    told: list[str] = []

    def program() -> None:
        with pytest.raises(ConfigurationError) as error:
            GitOpsTopology("shop", args)
        told.extend(str(error.value).splitlines()[1:])

    assert record(program).resources == []
    return told


def test_one_cluster_is_made_for_each_that_is_used(record: Record, delivered: Build) -> None:
    recorded = record(make(delivered()))
    assert [one.name for one in recorded.every("Cluster")] == ["shop-cluster-eu", "shop-cluster-us"]
    assert [one.name for one in recorded.every("GitOpsAgent")] == ["shop-production-agent", "shop-staging-agent"]
    assert [one.name for one in recorded.every("kubernetes")] == [
        "shop-cluster-eu-provider",
        "shop-cluster-us-provider",
    ]


def test_every_object_of_an_environment_is_in_its_cluster(record: Record, delivered: Build) -> None:
    recorded = record(make(delivered()))
    seen = {
        (one.inputs["metadata"].get("namespace") or one.inputs["metadata"]["name"], one.provider.rpartition("::")[2])
        for one in recorded.resources
        if one.type.startswith("kubernetes:")
    }
    assert seen == {
        ("shop-staging", "id-of-shop-cluster-eu-provider"),
        ("shop-production", "id-of-shop-cluster-us-provider"),
    }
    assert {one.provider for one in recorded.resources if one.type.startswith(("github:", "tls:"))} == {""}


def test_environments_that_share_a_cluster_share_its_component_and_nothing_in_it(
    record: Record, delivered: Build
) -> None:
    environments = [{"name": name, "kind": "staging", "cluster": "eu"} for name in ("staging", "demo")]
    recorded = record(make(delivered(environments=environments)))
    assert [one.name for one in recorded.every("Cluster")] == ["shop-cluster-eu"]
    demo = {one.name for one in recorded.resources if one.name.startswith(("shop-demo", "shop-cluster-eu-shop-demo"))}
    agent = recorded.one("Kustomization", "shop-staging-agent-kustomization")
    assert not recorded.before(agent) & demo


def test_every_repository_has_its_own_place(record: Record, delivered: Build) -> None:
    web = {"name": "web", "existing": True, "visibility": "public"}
    recorded = record(make(delivered(repositories=[web])))
    assert [one.inputs["metadata"]["name"] for one in recorded.every("Namespace")] == [
        "shop-staging",
        "web-staging",
        "shop-production",
        "web-production",
    ]
    keys = [one.inputs["repository"] for one in recorded.every("RepositoryDeployKey") if one.inputs["readOnly"]]
    assert sorted(keys) == ["shop-env-production", "shop-env-staging", "web-env-production", "web-env-staging"]


def test_the_agent_needs_the_branch_and_its_own_tenant_only(record: Record, delivered: Build) -> None:
    """So a cluster that is down costs its own environment, and of that only what is in it."""
    recorded = record(make(delivered()))
    needed = recorded.before(recorded.one("Kustomization", "shop-staging-agent-kustomization"))
    assert "shop-staging-branch-integrity" in needed
    assert {name for name in needed if "cluster" in name} == {
        f"shop-cluster-eu-shop-staging-{part}" for part in ("namespace", "service-account", "role", "role-binding")
    }
    assert not [name for name in needed if "production" in name]
    forge = [one for one in recorded.resources if one.type.startswith("github:") and "agent" not in one.name]
    assert not [one.name for one in forge if any("cluster" in name for name in recorded.before(one))]


def test_the_outputs_say_where_each_environment_is(record: Record, delivered: Build) -> None:
    environments = record(make(delivered(), "environments")).exports["environments"]
    assert {name: (each["cluster"], each["namespace"]) for name, each in environments.items()} == {
        "staging": ("eu", "shop-staging"),
        "production": ("us", "shop-production"),
        "review": (None, None),
    }


def test_production_is_kept_but_its_read_key_and_what_holds_it(record: Record, delivered: Build) -> None:
    clusters = [EU, US | {"receiver_url": "https://flux.us.example"}]
    recorded = record(make(delivered(clusters=clusters), "retained"))
    there = [
        one for one in recorded.resources if one.name.startswith(("shop-production-agent-", "shop-cluster-us-shop"))
    ]
    assert {one.name for one in there if one.retain is False} == {
        "shop-production-agent-read-us-key-g1",
        "shop-production-agent-read-us-deploy-key-g1",
        "shop-production-agent-git-secret",
        "shop-production-agent-webhook-us-key-g1",
    }
    assert {one.deleted_with for one in there} == {""}
    told = {each["name"]: each["id"] for each in recorded.exports["retained"]}
    assert {one.name for one in there if one.retain} == {name for name in told if "agent" in name or "cluster" in name}
    assert told["shop-production-agent-webhook"] == "shop-env-production/id-of-shop-production-agent-webhook"
    assert not [name for name in told if "staging" in name]


def test_staging_goes_with_its_namespace_and_its_agent_before_that(record: Record, delivered: Build) -> None:
    recorded = record(make(delivered()))
    namespace = recorded.one("Namespace", "shop-cluster-eu-shop-staging-namespace")
    inside = [one for one in recorded.resources if one.deleted_with == namespace.urn]
    assert {one.name.removeprefix("shop-cluster-eu-shop-staging-") for one in inside} == {
        "service-account",
        "role",
        "role-binding",
    }
    assert namespace.retain is None


@pytest.mark.parametrize(
    ("part", "cluster"), [("staging", ["shop-cluster-eu"]), ("production", ["shop-cluster-us"]), ("review", [])]
)
def test_a_part_registers_its_own_cluster_and_needs_its_own_kubeconfig(
    record: Record, delivered: Build, kubeconfig: str, part: str, cluster: list[str]
) -> None:
    key = {"staging": "euKubeconfig", "production": "usKubeconfig"}.get(part, "other")
    args = delivered() | {"part": part, "foundation": FOUNDATION, "secrets": {key: kubeconfig}}
    recorded = record(make(args), outputs=PROTECTED)
    assert [one.name for one in recorded.every("Cluster")] == cluster
    whole = {one.urn for one in record(make(delivered())).resources}
    assert {one.urn for one in recorded.resources} <= whole


def test_a_cluster_that_state_move_brought_without_its_parent_is_found(record: Record, delivered: Build) -> None:
    """As the environment that is in it. See docs/clusters.md."""

    def aliases(part: dict[str, str]) -> tuple[str, ...]:
        found: tuple[str, ...] = (
            record(make(delivered() | part), outputs=PROTECTED).one("Cluster", "shop-cluster-eu").aliases
        )
        return found

    assert aliases({"part": "staging", "foundation": FOUNDATION}) == ("",)
    assert aliases({}) == ()


def test_the_foundation_has_no_cluster(record: Record, delivered: Build) -> None:
    recorded = record(make(delivered() | {"part": "foundation", "secrets": {}}))
    assert recorded.every("Cluster") == []


def test_a_renamed_environment_keeps_its_place_in_the_cluster(record: Record, delivered: Build) -> None:
    """Namespaces cannot be renamed: another one would be an empty one."""

    def there(args: dict[str, Any]) -> dict[str, Any]:
        recorded = record(make(args))
        return {one.urn: one.inputs for one in recorded.resources if "shop-cluster-" in one.name}

    def agent(args: dict[str, Any]) -> dict[str, Any]:
        recorded = record(make(args))
        of = [one for one in recorded.resources if "-agent-" in one.name and "production" not in one.name]
        return {one.name.partition("-agent-")[2]: one.inputs for one in of}

    renamed = {"name": "stage", "kind": "staging", "formerly": "staging"}
    assert there(delivered()) == there(delivered(staging=renamed))
    assert agent(delivered()) == agent(delivered(staging=renamed))


def test_an_environment_that_moves_to_another_cluster_gets_another_place_and_key(
    record: Record, delivered: Build
) -> None:
    def names(args: dict[str, Any]) -> set[str]:
        return {one.name for one in record(make(args)).resources}

    before, after = names(delivered()), names(delivered(staging={"cluster": "us"}))
    agent = {name for name in before - after if "agent" in name}
    assert agent == {
        "shop-staging-agent-read-eu-key-g1",
        "shop-staging-agent-read-eu-deploy-key-g1",
        "shop-staging-agent-webhook-eu-key-g1",
        "shop-staging-agent-receiver",
        "shop-staging-agent-webhook",
        "shop-staging-agent-webhook-secret",
    }
    assert {name for name in after - before if "namespace" in name} == {"shop-cluster-us-shop-staging-namespace"}


def test_every_bad_kubeconfig_is_told_at_once_with_everything_else(record: Record, delivered: Build) -> None:
    args = delivered(staging={"secrets": {"PAGER_TOKEN": "pager"}})
    args["secrets"] = {"euKubeconfig": "CANARY"}
    args["kubeconfigs"] = {"moon": "CANARY", "us": ""}
    told = refused(record, args)
    assert [line.partition(": ")[0] + " " + line.rpartition(" ")[2] for line in told] == [
        "  - clusters[0].kubeconfig [bad-kubeconfig]",
        "  - clusters[1].kubeconfig [bad-kubeconfig]",
        "  - environments[0].secrets.PAGER_TOKEN [secret-not-given]",
        "  - kubeconfigs.moon [unknown-cluster]",
    ]
    assert "CANARY" not in "".join(told)


def test_a_kubeconfig_without_a_value_is_refused_by_name(record: Record, delivered: Build, kubeconfig: str) -> None:
    assert refused(record, delivered() | {"secrets": {"euKubeconfig": kubeconfig}}) == [
        (
            "  - clusters[1].kubeconfig: there is no value for the configuration key 'usKubeconfig'. Run `pulumi "
            "config set --secret usKubeconfig`, or pass the value in `secrets`. [secret-not-given]"
        )
    ]


@pytest.mark.parametrize("preview", [True, False])
def test_a_cluster_of_the_same_program_is_given_as_an_output(
    record: Record, delivered: Build, kubeconfig: str, *, preview: bool
) -> None:
    def program() -> None:
        made = kubernetes.core.v1.ConfigMap("made", data={"kubeconfig": kubeconfig})
        later = made.data.apply(lambda data: data["kubeconfig"])
        GitOpsTopology("shop", delivered() | {"kubeconfigs": {"eu": later}})

    recorded = record(program, preview=preview)
    provider = recorded.one("kubernetes", "shop-cluster-eu-provider")
    assert provider.inputs["kubeconfig"] == kubeconfig
    assert "kubeconfig" in provider.secrets
    assert recorded.before(provider) == {"made"}


def test_a_stack_keeps_the_kubeconfig_as_a_secret_of_its_configuration(
    record: Record, delivered: Build, kubeconfig: str
) -> None:
    config = {
        "gitops-infra:topology": json.dumps(delivered()["topology"]),
        "gitops-infra:euKubeconfig": kubeconfig,
        "gitops-infra:usKubeconfig": kubeconfig,
    }

    def program() -> None:
        GitOpsTopology("shop", topology_from_config(pulumi.Config()))

    def run(changes: dict[str, str], *secret_keys: str) -> Any:
        return record(program, config=config | changes, secret_keys=secret_keys)

    both = ("gitops-infra:euKubeconfig", "gitops-infra:usKubeconfig")
    assert len(run({}, *both).every("Cluster")) == 2
    with pytest.raises(ConfigurationError) as refusal:
        run({"gitops-infra:euKubeconfig": "KUBECONFIG-CANARY"}, both[0])
    assert [(problem.where, problem.code) for problem in refusal.value.problems] == [
        ("clusters[0].kubeconfig", "bad-kubeconfig"),
        ("clusters[1].kubeconfig", "secret-in-plain-text"),
    ]
    assert "CANARY" not in str(refusal.value)


def test_an_environment_alone_has_its_cluster_in_it(record: Record, environment: Build, kubeconfig: str) -> None:
    args = environment(cluster="eu") | {
        "cluster": EU,
        "secrets": {"euKubeconfig": kubeconfig},
        "known_hosts": ["git.acme.example ssh-ed25519 AAAA"],
    }

    def program() -> None:
        pulumi.export("source", DeploymentEnvironment("s", args).source)

    recorded = record(program)
    assert [one.name for one in recorded.every("Cluster")] == ["s-cluster"]
    assert recorded.one("kubernetes").inputs["kubeconfig"] == kubeconfig
    assert recorded.exports == {"source": "shop-staging/shop"}
    url = recorded.one("GitRepository").inputs["spec"]["url"]
    assert url == "ssh://git@git.acme.example/acme/shop-env-staging.git"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"secrets": {}}, [("cluster.kubeconfig", "secret-not-given")]),
        ({"secrets": {"euKubeconfig": "CANARY"}}, [("cluster.kubeconfig", "bad-kubeconfig")]),
        ({"kubeconfig": "CANARY"}, [("kubeconfig", "bad-kubeconfig")]),
        ({"kubeconfig": ""}, [("kubeconfig", "bad-kubeconfig")]),
        ({"cluster": US}, [("environment.cluster", "unknown-cluster"), ("cluster.kubeconfig", "secret-not-given")]),
        ({"cluster": None}, [("environment.cluster", "unknown-cluster")]),
    ],
)
def test_an_environment_alone_refuses_a_kubeconfig_before_anything_is_registered(
    record: Record, environment: Build, kubeconfig: str, changes: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    def program() -> None:
        args = environment(cluster="eu") | {"cluster": EU, "secrets": {"euKubeconfig": kubeconfig}} | changes
        with pytest.raises(ConfigurationError) as refusal:
            DeploymentEnvironment("s", args)
        assert sorted((problem.where, problem.code) for problem in refusal.value.problems) == sorted(told)
        assert "CANARY" not in str(refusal.value)

    assert record(program).resources == []


WITHOUT = """
import sys
import pulumi
from pulumi.runtime import mocks
from gitops_infra import DeploymentEnvironment, GitOpsTopology, topology_from_config


class Mocks(mocks.Mocks):
    def new_resource(self, args):
        return "id", args.inputs

    def call(self, args):
        return {}, []


mocks.set_mocks(Mocks())
shop = {"name": "shop", "existing": True, "visibility": "public"}
common = {"owner": "acme", "github_plan": "team", "application": shop}
GitOpsTopology("shop", {"topology": common | {"environments": [{"name": "staging"}], "clusters": [{"name": "eu"}]}})
DeploymentEnvironment("alone", common | {"environment": {"name": "demo", "kind": "staging"}})
print(*sorted({"pulumi_kubernetes", "ruamel.yaml", "kubernetes"} & set(sys.modules)))
"""


def test_whoever_has_no_cluster_loads_no_kubernetes_library() -> None:
    """It takes longer to load than all the rest."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_two_clusters_that_are_reached_the_same_way_are_refused(
    record: Record, topology: Build, kubeconfig: str
) -> None:
    """Else production would be where staging is, and nobody would notice."""
    environments = [
        {"name": "staging", "cluster": "eu"},
        {"name": "production", "cluster": "us", "reviewers": [{"team": "platform", "id": 7}]},
    ]
    args = topology(clusters=[{"name": "eu"}, {"name": "us"}], environments=environments)
    assert [line for line in refused(record, args) if "[same-cluster]" in line and "clusters[1]" in line]
    given = {"kubeconfigs": {"us": kubeconfig}}
    assert record(make({**args, **given})).every("Cluster")


def test_a_kubeconfig_that_turns_out_to_be_none_ends_the_program(record: Record, topology: Build) -> None:
    """With an empty one the provider would use whatever `kubectl` does."""
    environments = [{"name": "staging", "cluster": "eu"}]
    args = topology(clusters=[{"name": "eu"}], environments=environments)

    def program() -> None:
        GitOpsTopology("shop", {**args, "kubeconfigs": {"eu": pulumi.Output.from_input("")}})

    with pytest.raises(Exception, match="bad-kubeconfig"):
        record(program)
