"""Shared settings in one file: what a topology extends, from where, and the words of every refusal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_infra.topology import TopologyError, load, validate
from gitops_infra.topology.extends import MAX_BASES, project_folder
from gitops_infra.topology.load import load_value

BASE = """\
owner: acme
github_plan: team
application: {visibility: public, existing: true, grants: [{team: developers, role: write}]}
environments:
  - name: staging
    variables: {LOG_LEVEL: debug, REGION: eu}
  - name: production
    reviewers: [{team: platform}]
"""

STACK = """\
config:
  gitops-infra:topology:
    extends: stacks/base.yaml
    application: {name: shop}
    environments:
      - name: staging
        variables: {LOG_LEVEL: info, REGION: null}
      - name: review
"""

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project's folder with files in it; gives the stack file."""

    def make(stack: str = STACK, **files: str) -> Path:
        folder = tmp_path / "project"
        (folder / "stacks" / "config").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text("name: gitops-infra\nruntime: python\nstackConfigDir: stacks/config\n")
        for name, text in ({"base": BASE} | files).items():
            (folder / "stacks" / f"{name}.yaml").write_text(text)
        file = folder / "stacks" / "config" / "Pulumi.shop.yaml"
        file.write_text(stack)
        return file

    return make


def refused(file: Path) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        load(file)
    return [str(problem).replace(f"{file.parent}/", "") for problem in caught.value.problems]


COMPLETE: dict[str, Any] = {
    "owner": "acme",
    "github_plan": "team",
    "application": {
        "name": "shop",
        "visibility": "public",
        "existing": True,
        "grants": [{"team": "developers", "role": "write"}],
    },
    "environments": [
        {"name": "staging", "variables": {"LOG_LEVEL": "info"}},
        {"name": "production", "reviewers": [{"team": "platform"}]},
        {"name": "review"},
    ],
}


def test_a_stack_file_is_laid_over_its_base(project: Project) -> None:
    assert load(project()) == validate(COMPLETE)


def test_what_pulumi_has_read_of_the_stack_file_means_the_same(project: Project) -> None:
    """In the configuration of a running program there is no file, only the folder of the project."""
    folder = project().parents[2]
    value = {
        "extends": "stacks/base.yaml",
        "application": {"name": "shop"},
        "environments": [
            {"name": "staging", "variables": {"LOG_LEVEL": "info", "REGION": None}},
            {"name": "review"},
        ],
    }
    assert load_value(value, folder) == validate(COMPLETE)
    assert load_value(COMPLETE, folder) == validate(COMPLETE)


def test_clusters_merge_by_name_and_environments_choose_among_them(project: Project) -> None:
    """One base knows the clusters; a stack says where its environments are, and what is different there."""
    base = BASE + "clusters:\n  - {name: eu, kubeconfig: euKubeconfig, context: admin}\n  - {name: us}\n"
    stack = STACK.replace("staging\n", "staging\n        cluster: eu\n        sync: {prune: false}\n", 1)
    stack += (
        "    clusters:\n      - {name: eu, context: null, receiver_url: https://flux.example}\n      - {name: asia}\n"
    )
    made = load(project(stack, base=base))
    assert [each.model_dump(exclude_unset=True) for each in made.clusters or ()] == [
        {"name": "eu", "kubeconfig": "euKubeconfig", "receiver_url": "https://flux.example"},
        {"name": "us"},
        {"name": "asia"},
    ]
    assert [each.cluster for each in made.environments] == ["eu", None, None]


def test_a_problem_of_a_cluster_names_the_file_that_said_it(project: Project) -> None:
    base = BASE + "clusters:\n  - {name: eu, context: ''}\n"
    assert refused(project(STACK, base=base)) == [
        "stacks/base.yaml:10 clusters[0].context: context '' is empty. Give it a name. [bad-context]"
    ]


def test_bases_may_extend_bases_and_may_be_stack_files(project: Project) -> None:
    file = project(
        STACK.replace("base.yaml", "team.yaml"),
        team="config:\n  other:topology:\n    extends: stacks/base.yaml\n    github_plan: enterprise\n",
    )
    assert load(file) == validate(COMPLETE | {"github_plan": "enterprise"})


def test_a_topology_without_a_project_extends_files_of_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    file = tmp_path / "shop.yaml"
    file.write_text("extends: base.yaml\napplication: {name: shop}\n")
    assert [environment.name for environment in load(file).environments] == ["staging", "production"]


def test_the_project_is_the_nearest_folder_with_its_file(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert project_folder(inner) == inner.resolve()
    (tmp_path / "Pulumi.yml").write_text("name: outer")
    assert project_folder(inner) == tmp_path.resolve()
    (inner / "Pulumi.yaml").write_text("name: inner")
    assert project_folder(inner / "Pulumi.shop.yaml") == inner.resolve()


def test_a_problem_names_the_file_and_the_line_that_said_it(project: Project) -> None:
    file = project(
        STACK.replace("LOG_LEVEL: info", "GITHUB_X: info"),
        base=BASE.replace("github_plan: team", "github_plan: gold").replace("REGION: eu", "9LIVES: eu"),
    )
    assert refused(file) == [
        (
            "Pulumi.shop.yaml:7 environments[0].variables.GITHUB_X: variable name 'GITHUB_X' begins with `GITHUB_`. "
            "Choose another prefix: GitHub keeps this one for itself. [bad-variable-name]"
        ),
        (
            "stacks/base.yaml:2 github_plan: expected `free`, `pro`, `team` or `enterprise`, found another word. "
            "Write one of these. [unknown-word]"
        ),
        (
            "stacks/base.yaml:6 environments[0].variables['9LIVES']: variable name '9LIVES' begins with a digit. "
            "Begin it with a letter or `_`. [bad-variable-name]"
        ),
    ]


def test_in_a_running_program_only_what_a_base_says_has_a_file(project: Project) -> None:
    folder = project(base=BASE.replace("owner: acme", "owner: '@acme'")).parents[2]
    with pytest.raises(TopologyError) as caught:
        load_value({"extends": "stacks/base.yaml", "application": {"name": "a/b"}}, folder)
    assert [problem.where for problem in caught.value.problems] == ["application.name", "stacks/base.yaml:1 owner"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (
            "stacks/absent.yaml",
            (
                "'stacks/absent.yaml' does not exist in the project. Give its path from the folder of `Pulumi.yaml`, "
                "such as `stacks/base.yaml`. [base-missing]"
            ),
        ),
        (
            "base.yaml",
            (
                "'base.yaml' does not exist in the project. Give its path from the folder of `Pulumi.yaml`, such as "
                "`stacks/base.yaml`. [base-missing]"
            ),
        ),
        (
            "stacks",
            (
                "'stacks' is a folder or no plain file. Give its path from the folder of `Pulumi.yaml`, such as "
                "`stacks/base.yaml`. [base-missing]"
            ),
        ),
        (
            "../outside.yaml",
            (
                "'../outside.yaml' is outside of the project, and its settings would change without a review of this "
                "one. Copy the file into the project, and give its path from the folder of `Pulumi.yaml`. "
                "[base-outside-of-project]"
            ),
        ),
        (
            "/etc/hostname",
            (
                "'/etc/hostname' is outside of the project, and its settings would change without a review of this "
                "one. Copy the file into the project, and give its path from the folder of `Pulumi.yaml`. "
                "[base-outside-of-project]"
            ),
        ),
        (
            "[stacks/base.yaml]",
            "expected text, found a list. Give the path of one file, such as `stacks/base.yaml`. [wrong-type]",
        ),
        (
            "{file: stacks/base.yaml}",
            "expected text, found a mapping. Give the path of one file, such as `stacks/base.yaml`. [wrong-type]",
        ),
        ('"a\\0b"', "'a\\x00b' is no path. Give a path such as `stacks/base.yaml`. [base-missing]"),
        (
            "stacks/config/Pulumi.shop.yaml",
            (
                "files extend each other in a circle: 'stacks/config/Pulumi.shop.yaml' -> "
                "'stacks/config/Pulumi.shop.yaml'. Remove `extends` from one of them. [cyclic-extends]"
            ),
        ),
    ],
)
def test_a_base_that_cannot_be_extended_is_refused_in_these_words(project: Project, wanted: str, says: str) -> None:
    file = project(STACK.replace("stacks/base.yaml", wanted))
    (file.parents[3] / "outside.yaml").write_text(BASE)
    assert refused(file) == [f"Pulumi.shop.yaml:3 extends: {says}"]


def test_a_link_that_leads_out_of_the_project_is_refused(project: Project) -> None:
    file = project(STACK.replace("base.yaml", "link.yaml"))
    (file.parents[3] / "outside.yaml").write_text(BASE)
    (file.parents[1] / "link.yaml").symlink_to(file.parents[3] / "outside.yaml")
    assert refused(file)[0].endswith("[base-outside-of-project]")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300) | st.integers() | st.lists(st.text(max_size=3)) | st.just("\ud800") | st.just("a" * 5000))
def test_whatever_is_extended_is_one_clear_error(tmp_path: Path, wanted: Any) -> None:
    with pytest.raises(TopologyError) as caught:
        load_value({**COMPLETE, "extends": wanted}, tmp_path)
    (problem,) = caught.value.problems
    assert problem.code in {"wrong-type", "base-missing", "base-outside-of-project"}
    assert str(problem).isascii()


def test_links_in_a_circle_are_no_path(project: Project) -> None:
    file = project(STACK.replace("base.yaml", "link.yaml"))
    (file.parents[1] / "link.yaml").symlink_to("other.yaml")
    (file.parents[1] / "other.yaml").symlink_to("link.yaml")
    assert refused(file) == [
        (
            "Pulumi.shop.yaml:3 extends: 'stacks/link.yaml' is no path. Give a path such as `stacks/base.yaml`. "
            "[base-missing]"
        )
    ]


def test_a_circle_of_bases_names_all_of_them_and_the_line_that_closes_it(project: Project) -> None:
    file = project(
        STACK.replace("base.yaml", "one.yaml"), one="\nextends: stacks/two.yaml\n", two="extends: stacks/one.yaml\n"
    )
    assert refused(file) == [
        (
            "stacks/two.yaml:1 extends: files extend each other in a circle: 'stacks/one.yaml' -> 'stacks/two.yaml' -> "
            "'stacks/one.yaml'. Remove `extends` from one of them. [cyclic-extends]"
        )
    ]


@pytest.mark.parametrize(("bases", "accepted"), [(MAX_BASES, True), (MAX_BASES + 1, False)])
def test_five_files_may_lie_below_a_topology(project: Project, *, bases: int, accepted: bool) -> None:
    layers = {f"b{n}": f"extends: stacks/b{n + 1}.yaml\n" for n in range(1, bases)} | {f"b{bases}": BASE}
    file = project(STACK.replace("base.yaml", "b1.yaml"), **layers)
    if accepted:
        assert load(file) == validate(COMPLETE)
    else:
        assert refused(file) == [
            (
                "stacks/b5.yaml:1 extends: this is base 6 of one topology, and 5 are the limit. "
                "Merge some of the base files. [too-many-bases]"
            )
        ]


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("", "stacks/base.yaml:1: the file says nothing. Write a topology. [empty-file]"),
        ("a: 1\na: 2\n", "stacks/base.yaml:2 a: key 'a' is given twice, first on line 1. Keep one of the two. [dup"),
        ("a: [1\n", "stacks/base.yaml:2: not valid YAML: expected ',' or ']', but got"),
        ("config: {}\n", "stacks/base.yaml:1 config: a stack file has one configuration value"),
        (
            "config:\n  a:topology:\n    secure: v1:xyz\n",
            "stacks/base.yaml:2 config['a:topology']: the topology is encrypted",
        ),
    ],
)
def test_what_is_wrong_with_the_file_of_a_base_is_told_with_its_name(project: Project, base: str, says: str) -> None:
    (problem,) = refused(project(base=base))
    assert problem.startswith(says)


def test_a_base_that_is_no_mapping_is_refused(project: Project) -> None:
    assert refused(project(base="- a list\n")) == [
        "stacks/base.yaml:1: expected a mapping, found a list. Write `key: value` lines. [wrong-type]"
    ]


def test_a_base_with_a_secret_in_plain_text_is_refused_without_showing_it(project: Project) -> None:
    token = "ghp_0123456789abcdefghij"
    (problem,) = refused(project(base=BASE.replace("REGION: eu", f"TOKEN: {token}")))
    assert problem.startswith("stacks/base.yaml:6 environments[0].variables.TOKEN: this reads like a GitHub token")
    assert token not in problem


def test_endless_nesting_in_a_configuration_is_one_clear_error(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TopologyError, match="it is nested too deeply"):
        load_value({"extends": "base.yaml", "environments": deep}, tmp_path)
