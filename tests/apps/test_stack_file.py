"""A writer is added to the text of a file: one line or a few words, and nothing else changes."""

from pathlib import Path

import pytest

from gitops_infra.apps.stack_file import NoStackFile, add_writer, find, stack_of, with_writer

WRITER = "writer: {app: 7, key: k}"
DEEP = f"\n          {WRITER}\n          "


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "environments:\n- name: staging # here\n  isolation: branch # mine\n- name: x\n",
            f"environments:\n- name: staging # here\n  isolation: branch # mine\n  {WRITER}\n- name: x\n",
        ),
        ("environments:\n    - name: staging\n", f"environments:\n    - name: staging\n      {WRITER}\n"),
        ("environments:\n  - name: staging", f"environments:\n  - name: staging\n    {WRITER}\n"),
        (
            "environments:\r\n  - name: staging\r\n  - name: x\r\n",
            f"environments:\r\n  - name: staging\r\n    {WRITER}\r\n  - name: x\r\n",
        ),
        (
            "environments: [{name: x}, {name: staging, isolation: branch, reviewers: [{team: t}]}]\n",
            f"environments: [{{name: x}}, {{name: staging, isolation: branch, {WRITER}, reviewers: [{{team: t}}]}}]\n",
        ),
        (
            "environments:\n  - {name: 'staging'} # flow\n",
            f"environments:\n  - {{name: 'staging', {WRITER}}} # flow\n",
        ),
        (
            "config:\n  o: 1\n  a:topology:\n    environments:\n      -   isolation: branch\n          name: staging\n",
            f"config:\n  o: 1\n  a:topology:\n    environments:\n      -   isolation: branch{DEEP}name: staging\n",
        ),
    ],
)
def test_the_writer_is_added_and_every_other_character_stays(before: str, after: str) -> None:
    assert with_writer(before, "staging", 7, "k") == after


@pytest.mark.parametrize(
    "text",
    [
        "",
        "environments: []\n",
        "environments:\n  - name: other\n",
        "environments:\n  - {name: staging, writer: {app: 1, key: x}}\n",
        "extends: base.yaml\n",
        "config: {a:b: 1}\n",
        "- a list\n",
        "environments: {name: staging\n",
        "one: &one {name: staging}\nenvironments:\n  - {<<: *one}\n",
        "environments:\n  - name: >-\n      staging\n",
        "just a text\n",
    ],
)
def test_where_it_cannot_be_told_for_sure_nothing_is_changed(text: str) -> None:
    assert with_writer(text, "staging", 7, "k") is None


def test_the_name_of_a_stack_is_in_the_name_of_its_file() -> None:
    names = ["Pulumi.shop.yaml", "Pulumi.a.b.yml", "Pulumi.yaml", "topology.yaml", "Pulumi.shop.json"]
    assert [stack_of(Path("x", name)) for name in names] == ["shop", "a.b", None, None, None]


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "Pulumi.shop.yaml"
    real.write_text("environments:\n  - name: staging\n")
    real.chmod(0o640)
    link.symlink_to(real)
    assert add_writer(link, "staging", 7, "k")
    assert real.read_text() == f"environments:\n  - name: staging\n    {WRITER}\n"
    assert (real.stat().st_mode & 0o777, link.is_symlink()) == (0o640, True)
    assert not add_writer(link, "staging", 8, "k")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Pulumi.shop.yaml", "real.yaml"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that keeps its stack files in a folder of their own; `shop` is the only one."""
    (tmp_path / "Pulumi.yaml").write_text("name: infra\nstackConfigDir: stacks/config\n")
    folder = tmp_path / "stacks" / "config"
    folder.mkdir(parents=True)
    for name in ("Pulumi.shop.yaml", "stack.schema.json", "notes.yaml"):
        (folder / name).write_text("")
    return tmp_path


@pytest.mark.parametrize("stack", [None, "shop", "acme/infra/shop"])
def test_the_only_stack_file_of_the_project_is_found_from_anywhere_in_it(project: Path, stack: str | None) -> None:
    wanted = project / "stacks" / "config" / "Pulumi.shop.yaml"
    assert find(project, stack) == wanted
    assert find(project / "stacks", stack).resolve() == wanted.resolve()


def test_of_several_stacks_one_must_be_named(project: Path) -> None:
    folder = project / "stacks" / "config"
    (folder / "Pulumi.blog.yml").write_text("")
    assert find(project, "blog") == folder / "Pulumi.blog.yml"
    for stack, reason in (
        (None, f"{folder} has files of the stacks blog, shop. Say which with --stack"),
        ("dev", f"{folder} has no file of dev: it has those of blog, shop. Give it with --stack-file"),
    ):
        with pytest.raises(NoStackFile) as caught:
            find(project, stack)
        assert str(caught.value) == reason


def test_without_a_project_the_file_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(NoStackFile) as caught:
        find(tmp_path, None)
    assert str(caught.value) == f"{tmp_path} is not in a Pulumi project. Give the stack file with --stack-file"
    (tmp_path / "Pulumi.yaml").write_text("name: [not, a, project")
    with pytest.raises(NoStackFile) as caught:
        find(tmp_path, None)
    assert str(caught.value) == f"{tmp_path} has no file of a stack: it has none. Give it with --stack-file"
