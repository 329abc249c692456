"""A topology read from a file: the same refusals, each with file and line."""

import io
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gitops_infra.topology import Topology, TopologyError, load, validate

BARE = """\
owner: acme
github_plan: team
application:
  name: shop
  visibility: public
environments:
  - name: staging
  - name: production
    reviewers: [{team: platform}]
"""


def indented(text: str, by: int) -> str:
    return "".join(" " * by + line for line in text.splitlines(keepends=True))


def refused(folder: Path, text: str | bytes) -> list[str]:
    file = folder / "t.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(TopologyError) as caught:
        load(file)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_bare_topology_and_a_stack_file_read_the_same(tmp_path: Path) -> None:
    bare, stack = tmp_path / "bare.yaml", tmp_path / "Pulumi.dev.yaml"
    bare.write_text(BARE)
    stack.write_text(
        f"encryptionsalt: v1\nconfig:\n  github:owner: acme\n  shop:db: {{secure: v1:x}}\n  shop:topology:\n"
        f"{indented(BARE, 4)}"
    )
    assert load(stack) == load(bare)
    assert load(bare).owner == "acme"


def test_any_valid_topology_survives_the_file(tmp_path: Path, valid: dict[str, Any]) -> None:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(valid, stream)
    file = tmp_path / "t.yaml"
    file.write_text(stream.getvalue())
    assert load(file) == validate(valid)


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    text = BARE.replace("shop", "a/b").replace("- name: staging", "- name: staging\n    brnach: x\n    generation: 0")
    assert refused(tmp_path, text + "  - kind: review\n") == [
        (
            "t.yaml:4 application.name: repository 'a/b' contains `/`. Give the name alone, without the owner. "
            "[bad-repository-name]"
        ),
        (
            "t.yaml:8 environments[0].brnach: 'brnach' is not a key of an environment. Did you mean `branch`? "
            "[unknown-key]"
        ),
        (
            "t.yaml:9 environments[0].generation: the number is below 1. "
            "Give 1 to 1,000,000, one more for each rotation. [out-of-range]"
        ),
        (
            "t.yaml:12 environments[2].name: `name` is missing. Add `name`: Lower-case letters, digits and `-`, "
            "at most 40: also a branch, a file and a Kubernetes label. [missing-key]"
        ),
    ]


def test_lines_count_from_the_start_of_a_stack_file(tmp_path: Path) -> None:
    text = "config:\n  shop:topology:\n" + indented(BARE.replace("name: shop", "name: a/b"), 4)
    (problem,) = refused(tmp_path, text)
    assert problem.startswith("t.yaml:6 application.name: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "t.yaml:1: the file says nothing. Write a topology. [empty-file]"),
        ("# only a comment\n", "t.yaml:1: the file says nothing. Write a topology. [empty-file]"),
        ("- 1\n", "t.yaml:1 topology: expected a mapping, found a list. Write `key: value` lines. [wrong-type]"),
        (
            "a: [1\nb: 2\n",
            "t.yaml:2: not valid YAML: expected ',' or ']', but got ':'. Correct it; quotes often help. [bad-yaml]",
        ),
        ("a: *b\n", "t.yaml:1: not valid YAML: found undefined alias 'b'. Correct it; quotes often help. [bad-yaml]"),
        (b"a: \xff\n", "t.yaml: the file is not UTF-8 text. Save it as UTF-8. [not-utf-8]"),
        (
            "a: 1\nb: 2\na: 3\n",
            "t.yaml:3 a: key 'a' is given twice, first on line 1. Keep one of the two. [duplicate-key]",
        ),
        (
            "a: {b: 1, b: 2}\n",
            "t.yaml:1 a.b: key 'b' is given twice, first on line 1. Keep one of the two. [duplicate-key]",
        ),
        (
            "config:\n  shop:other: 1\n",
            (
                "t.yaml:1 config: a stack file has one configuration value `<namespace>:topology`, and there is none. "
                "Add `gitops-infra:topology:` under `config:`. [no-topology]"
            ),
        ),
        (
            "config:\n  a:topology: {}\n  b:topology: {}\n",
            (
                "t.yaml:1 config: a stack file has one configuration value `<namespace>:topology`, and there are 2. "
                "Keep one of them. [no-topology]"
            ),
        ),
        (
            "config:\n  a:topology:\n    secure: v1:xyz\n",
            (
                "t.yaml:2 config['a:topology']: the topology is encrypted, and a plan that nobody can read cannot be "
                "reviewed. Write it as plain YAML; secrets are named in it by the key of another configuration value. "
                "[encrypted-topology]"
            ),
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_these_words(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert refused(tmp_path, text) == [says]


def test_a_file_that_is_absent_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TopologyError) as caught:
        load(tmp_path / "absent.yaml")
    assert str(caught.value.problems[0]) == (
        f"{tmp_path}/absent.yaml: cannot read it: No such file or directory. Correct the path. [unreadable-file]"
    )
    with pytest.raises(TopologyError, match="cannot read it: Is a directory"):
        load(tmp_path)


def test_a_file_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "#" * (1024 * 1024 + 1)) == [
        "t.yaml: the file is larger than 1,048,576 bytes. Split the topology into several stacks. [file-too-large]"
    ]


def test_an_alias_bomb_is_refused_soon(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    started = time.process_time()
    (problem,) = refused(tmp_path, f"a0: &a0 [x, x]\n{levels}")
    assert problem.endswith("aliases expand to too many values. Write fewer aliases. [too-many-values]")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: *a}", "[" * 100_000, "{a: " * 5000])
def test_endless_nesting_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = refused(tmp_path, text)
    assert problem.endswith(
        ": it is nested too deeply. A topology has eight levels; look for an alias inside itself. [bad-yaml]"
    )


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [id]", "a: !secret x", "%YAML 9.9\n---\na", "? [a]\n: 1"]
)
def test_a_foreign_tag_or_key_is_one_clear_error(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text)


def test_aliases_and_yaml_1_2_words_are_read(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        BARE.replace("[{team: platform}]", "&who [{team: platform}]")
        + "  - {name: prod-eu, kind: production, reviewers: *who, variables: {ON: on, NORWAY: no}}\n"
    )
    topology = load(file)
    assert isinstance(topology, Topology)
    assert topology.environments[2].reviewers == topology.environments[1].reviewers
    assert topology.environments[2].variables == {"ON": "on", "NORWAY": "no"}


def test_no_message_shows_the_content_of_a_bad_line(tmp_path: Path) -> None:
    token = "ghp_0123456789abcdefghij"
    for text in (f"a: [{token}\nb: 2", f"{token}: 1\n{token}: 2", f"a: '{token}", f"a: {token}: x", f"a: !{token} x"):
        for problem in refused(tmp_path, text):
            assert token not in problem


def test_a_problem_that_is_about_to_be_put_right_is_tolerated_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "topology.yaml"
    file.write_text(
        "owner: acme\ngithub_plan: team\napplication: {name: shop, visibility: public}\n"
        "environments:\n  - {name: staging, isolation: branch}\n"
    )
    assert load(file, tolerate=("writer-missing",)).environments[0].writer is None
    file.write_text(file.read_text() + "  - {name: staging}\n")
    with pytest.raises(TopologyError) as caught:
        load(file, tolerate=("writer-missing",))
    assert "writer-missing" not in str(caught.value)
