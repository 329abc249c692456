"""Unfinished side files of the file backend."""

from pathlib import Path

from gitops_infra.recovery.torn import torn_files


def test_only_unfinished_side_files_of_the_stack_are_named(tmp_path: Path) -> None:
    """Checkpoints, whole side files and other stacks, which may be saved right now, are never touched."""
    stacks = tmp_path / ".pulumi" / "stacks" / "project"
    stacks.mkdir(parents=True)
    for name, content in {
        "shop.json": "",
        "shop.json.attrs": "",
        "shop.json.bak.attrs": '{"user.cont',
        "shop.json.old.attrs": '{"user.content_type": "application/json"}',
        "other.json.attrs": "",
    }.items():
        stacks.joinpath(name).write_text(content)
    torn = torn_files(tmp_path, "project", "shop")
    assert [path.name for path in torn] == ["shop.json.attrs", "shop.json.bak.attrs"]
