"""Every managed setting, changed past `pulumi up`: the audit finds exactly that, and nothing where nothing was changed.

One estate for all tests of a process: it is made in half a minute by the real engine, on a real cluster.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.verification.exposure import Exposure, Repair
from gitops_infra.audit.verify import CODES, verify
from gitops_infra.cli.app import app
from guarantee.admin import Admin, ClusterAdmin
from guarantee.drift.change import Change
from guarantee.drift.changes import codes_of, forge_changes, in_the_cluster, on_the_forge, together
from guarantee.drift.cluster_changes import cluster_changes
from guarantee.drift.estate import SHOP, STATE, Estate, estate
from guarantee.drift.setting_changes import WRITE_KEY, setting_changes

pytestmark = pytest.mark.engine

ELSEWHERE = {
    "rulesets-unpaid": "the sandbox drops rulesets as it should, and so has none to spoil",
    "ruleset-twice": "the sandbox refuses two of one name",
    "ruleset-in-the-way": "a ruleset of the organisation, which the sandbox has not",
    "repository-less-visible": "every repository of the estate is private",
    "default-branch-moved": "it takes a second branch in the application",
    "key-replaced": "it is found with the stack's state: see below",
    "secret-replaced": "it is found with the stack's state: see below",
    "key-unverified": "the sandbox verifies every key",
    "protection-in-the-way": "the sandbox has no classic protections",
    "token-expires": "it is no setting",
    "flux-absent": "no other test could use the cluster",
    "flux-lockdown": "Flux of the sandbox is no Deployment",
}
"""Codes that no change here brings about -> why; each has a test in tests/audit/verification."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with estate(tmp_path_factory.mktemp("estate")) as found:
        yield found


def test_an_estate_that_nobody_changed_has_no_finding(made: Estate) -> None:
    """What stays unseen is said: Flux of the sandbox is no Deployment."""
    found = made.verified(cluster=True)
    assert [str(each) for each in found.findings] == []
    assert [each.what for each in found.unverifiable] == ["whether Flux is locked down for several tenants"]
    assert found.looked_at == {"repositories": 6, "environments": 8, "clusters": 1}


@pytest.mark.parametrize("quarter", range(4))
def test_every_change_of_a_ruleset_is_found(made: Estate, quarter: int) -> None:
    """One change of each ruleset at a time."""
    groups = [group for group in together(forge_changes(made)) if group[0].place][quarter::4]
    results = [result for group in groups for result in on_the_forge(made, group)]
    assert len(results) > 20
    assert [str(each) for each in results if not each.found] == []


@pytest.mark.parametrize("change", list(setting_changes()), ids=lambda change: change.name)
def test_every_change_of_a_setting_is_found(made: Estate, change: Change) -> None:
    (result,) = on_the_forge(made, (change,))
    assert result.found, str(result)


def test_every_change_in_the_cluster_is_found(made: Estate) -> None:
    admin = ClusterAdmin(made.cluster.kubeconfig)
    results = [in_the_cluster(made, change, admin) for change in cluster_changes()]
    admin.close()
    assert [str(each) for each in results if not each.found] == []
    assert codes_of(made.verified(cluster=True).findings) == set()


def test_every_code_is_brought_about_by_a_change_or_said_to_be_tested_elsewhere(made: Estate) -> None:
    changes = [*forge_changes(made), *cluster_changes()]
    covered = {code for change in changes for code in (change.code, *change.also)}
    codes = [code.name for code in CODES]
    assert len(codes) == len(set(codes))
    assert covered | ELSEWHERE.keys() == set(codes)
    assert not covered & ELSEWHERE.keys()


def test_a_second_run_costs_at_most_eight_counted_calls_for_each_environment(made: Estate, tmp_path: Path) -> None:
    token = made.forge.token("olivia")
    counted = []
    for _ in range(2):
        asked = len(made.forge.requests)
        with GitHubReader(token, made.forge.url, remember=True, etags=tmp_path) as reader:
            found = verify(made.topology, reader, kubeconfigs=Kubeconfigs(environment={}))
        counted.append(sum(each.counted for each in made.forge.requests[asked:]))
        assert found.findings == ()
    environments = found.looked_at["environments"]
    assert counted[1] <= 8 * environments, counted
    assert counted[1] < counted[0] / 2, counted


READ_ONLY = {
    "actions": "read",
    "administration": "read",
    "contents": "read",
    "environments": "read",
    "members": "read",
    "metadata": "read",
    "organization_administration": "read",
    "repository_hooks": "read",
    "secrets": "read",
}
"""Permissions of the App in docs/verify.md."""


def test_an_app_that_may_only_read_takes_nothing_for_wrong_and_says_what_it_does_not_see(made: Estate) -> None:
    made.forge.app("acme", "verifier", READ_ONLY)
    with GitHubReader(made.forge.app_token("verifier"), made.forge.url, remember=True) as reader:
        given, read_key = Kubeconfigs(environment={}), {"qaKey": made.app_key}.get
        found = verify(made.topology, reader, kubeconfigs=given, read_key=read_key)
    assert [str(each) for each in found.findings] == []
    assert {each.what for each in found.unverifiable} == {
        "its bypass list",
        "its collaborators",
        "its labels",
        "its merge settings",
        "everything in it",
    }


@pytest.mark.parametrize("part", ["foundation", "staging", "qa", "review"])
def test_a_stack_that_makes_a_part_finds_nothing_of_the_others_strange(made: Estate, part: str) -> None:
    with GitHubReader(made.forge.token("olivia"), made.forge.url, remember=True) as reader:
        given, read_key = Kubeconfigs(environment={}), {"qaKey": made.app_key}.get
        found = verify(made.topology, reader, part=part, kubeconfigs=given, read_key=read_key)
    assert [str(each) for each in found.findings] == []
    assert found.looked_at["environments"] == (0 if part == "foundation" else 2)


def verified(made: Estate, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    """`gitops-infra verify` as its user types it, with the stack's configuration and state."""
    for name, value in made.project.environment.items():
        monkeypatch.setenv(name, value)
    token = made.project.folder / "token"
    token.write_text(made.forge.token("olivia"))
    stack = ("--stack", "shop", "--cwd", str(made.project.folder))
    file = str(made.project.folder / "Pulumi.shop.yaml")
    arguments = ["verify", file, *stack, "--token-file", str(token), "--no-cache", *options]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_command_looks_into_the_stack_for_keys_apps_and_clusters(
    made: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = verified(made, monkeypatch, "--json")
    told = json.loads(result.stdout)
    assert told["findings"] == []
    assert [each["what"] for each in told["unverifiable"]] == ["whether Flux is locked down for several tenants"]
    assert result.exit_code == 3
    assert "PRIVATE KEY" not in result.output


def test_another_key_under_the_same_title_is_found_with_the_state(
    made: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made by an App, so that nothing but the key itself gives it away."""
    (before,) = [each for each in made.forge.store.deploy_keys.values() if each.title == WRITE_KEY]
    ours = before.key
    before.key = ours[:-4] + ("AAAA" if not ours.endswith("AAAA") else "BBBB")
    try:
        told = json.loads(verified(made, monkeypatch, "--json").stdout)
    finally:
        before.key = ours
    assert [(each["code"], each["severity"]) for each in told["findings"]] == [("key-replaced", "critical")]


def test_a_secret_that_somebody_else_wrote_is_found_with_the_state(
    made: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is the planned one, and its value is seen by nobody."""
    record = next(each for each in made.forge.store.environments.values() if "SHOP_TOKEN" in each.secrets)
    ours = record.secrets["SHOP_TOKEN"]
    record.secrets["SHOP_TOKEN"] = {**ours, "updated_at": ours["updated_at"] + 60}
    try:
        told = json.loads(verified(made, monkeypatch, "--json").stdout)
    finally:
        record.secrets["SHOP_TOKEN"] = ours
    assert [(each["code"], each["severity"]) for each in told["findings"]] == [("secret-replaced", "high")]


def introduced(made: Estate, names: tuple[str, ...]) -> dict[tuple[str, str], Exposure]:
    """Makes the changes on the forge and in the cluster of the estate itself; the findings that come of it."""
    before = {(each.code, each.where) for each in made.verified(cluster=True).findings}
    changes = {change.name: change for change in (*forge_changes(made), *cluster_changes())}
    in_cluster = ClusterAdmin(made.cluster.kubeconfig)
    with Admin(made.forge) as on_forge:
        for name in names:
            change = changes[name]
            change.apply(on_forge) if isinstance(change, Change) else change.apply(in_cluster)
    in_cluster.close()
    after = {(each.code, each.where): each for each in made.verified(cluster=True).findings}
    return {key: each for key, each in after.items() if key not in before}


def ruleset(change: str, name: str, full_name: str = STATE) -> str:
    return f"ruleset gitops: {name} of {full_name}: {change}"


REPAIRS: tuple[tuple[Repair, tuple[str, ...]], ...] = (
    (
        Repair.UP,
        (
            ruleset("disabled", "release tags", SHOP),
            ruleset("over another ref", "qa integrity", SHOP),
            ruleset("required_status_checks.required_status_checks weaker", "qa gates", SHOP),
            ruleset("bypassed by pull requests only", "qa writers", SHOP),
            ruleset("over another branch too", "default branch", SHOP),
            ruleset("without its bypass", "staging writers"),
            ruleset("without the rule deletion", "staging integrity"),
            ruleset("bypassed by RepositoryRole 4", "staging locked branches"),
            ruleset("deleted", "staging locked tags"),
            "a ruleset is added to acme/shop",
            "a write key is added to a state repository",
            "a read key is added to a state repository",
            "the write key is deleted",
            "the cluster's key is deleted",
            "an environment is added",
            "an environment admits one more branch",
            "an environment admits the default branch no longer",
            "a reviewer is exchanged",
            "people may approve their own jobs",
            "administrators may pass by",
            "jobs wait for a shorter time",
            "the credential is deleted",
            "a secret is deleted",
            "a secret is added",
            "the credential is a secret of the repository too",
            "an environment's secret is one of the repository too",
            "the credential is in another environment",
            "an environment's secret is in another one too",
            "a variable of the user's has another value",
            "promotions are led to another repository",
            "a variable is deleted",
            "a variable is added",
            "Actions are on in a state repository",
            "actions need no pin",
            "the workflow token can write",
            "jobs may approve",
            "jobs may approve in an existing repository",
            "a collaborator administers a state repository",
            "a team may do more than planned",
            "a state repository is archived",
            "a setting of a state repository",
            "vulnerability alerts are switched off",
            "a label has another colour",
            "a webhook is switched off",
            "a webhook is told of other events",
            "a webhook's certificate is not checked",
            "a webhook sends forms",
            "a branch is added to a state repository",
            "the App may administer",
            "the receiver is gone",
            "the agent's key is gone",
            "the role is gone",
            "the source is gone",
        ),
    ),
    (
        Repair.UP,
        (
            ruleset("pull_request.required_approving_review_count weaker", "default branch", SHOP),
            ruleset("with one more rule", "default branch", SHOP),
            "an environment is deleted",
            "a state repository is made public",
            "Actions are off in the application's repository",
            "a label is deleted",
            "a planned team is taken away",
            "a webhook is deleted",
            "a second Kustomization",
            "a binding in the whole cluster",
        ),
    ),
    (
        Repair.FORCE,
        (
            "an environment admits every ref",
            "every action is allowed",
            "a label of the namespace",
            "what pods may ask for",
            "the account's token is mounted",
            "the role is wider",
            "somebody else has the rights",
            "the source reads another repository",
            "signatures are not looked at",
            "another account is named",
            "another folder is applied",
            "what was removed stays",
            "the receiver listens to other events",
            "other people may sign",
            "it is suspended",
            "what is applied is patched",
        ),
    ),
    (Repair.FORCE, ("the role is narrower", "the account has no rights")),
)
"""Rounds: a command, and changes that can be there at the same time before it."""
REPAIRED = {Repair.UP: {Repair.UP}, Repair.FORCE: {Repair.UP, Repair.FORCE}}
"""Command -> repairs that it is."""
NOT_TRIED = {"repository-less-visible"}
"""Every repository of the estate is private; what makes one public is tried."""


@pytest.mark.timeout(900)
def test_what_is_said_to_repair_a_finding_does_and_nothing_else_is_repaired() -> None:
    """On an estate of its own: what `pulumi up` passes by stays in it."""
    tried = set()
    with estate() as made:
        for how, names in REPAIRS:
            new = introduced(made, names)
            made.repair(how)
            left = {(each.code, each.where) for each in made.verified(cluster=True).findings}
            wrong = [str(each) for key, each in new.items() if (each.repair in REPAIRED[how]) == (key in left)]
            assert wrong == []
            tried |= {code for code, _ in new}
    by_command = {code.name for code in CODES if code.repair is not Repair.HAND}
    assert by_command - tried <= NOT_TRIED
