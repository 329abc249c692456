"""Bare repositories: making, importing, reading and writing without a working tree."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.forge.git import process
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository, Person, quarantine
from gitops_infra.sandbox.forge.git.merging import ConflictError, rebased_commits
from gitops_infra.sandbox.forge.git.process import GitError
from gitops_infra.sandbox.forge.git.report import ReportRewriter, packet

DANA = Person("Dana", "dana@example.test", "1700000000 +0000")


@pytest.fixture
def git(tmp_path: Path) -> Any:
    repository = BareRepository(tmp_path / "git" / "1.git")
    repository.create("main")
    return repository


@pytest.fixture
def write(git: BareRepository) -> Any:
    """Commits a file to a branch and moves the branch; the commit."""

    def commit(branch: Callable[..., Any] = "main", path: str = "a.txt", content: str = b"a\n") -> Any:
        sha = git.write_file(branch, path, content, f"write {path}", DANA)
        git.update_ref(f"refs/heads/{branch}", sha, git.resolve(f"refs/heads/{branch}") or ABSENT)
        return sha

    return commit


@pytest.fixture
def source(tmp_path: Path) -> Any:
    """A local repository with two branches, an annotated tag and `trunk` checked out."""
    directory = tmp_path / "source"
    env = process.environment(Person("A", "a@example.test").variables("AUTHOR")) | {
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.test",
    }

    def run(*arguments: Any) -> None:
        subprocess.run(["git", *arguments], cwd=directory, env=env, check=True, capture_output=True)

    directory.mkdir()
    run("init", "--initial-branch=trunk")
    for number in range(3):
        run("commit", "--allow-empty", "-m", str(number))
    run("branch", "other", "HEAD~1")
    run("tag", "-a", "v1", "-m", "one")
    return directory


def test_a_new_repository_is_empty_and_its_head_names_the_default_branch(git: BareRepository) -> None:
    assert (git.empty(), git.head(), git.refs(), git.resolve("refs/heads/main")) == (True, "refs/heads/main", {}, None)


def test_an_import_brings_every_branch_and_tag_with_its_history(git: BareRepository, source: Path) -> None:
    assert git.import_from(source) == "trunk"
    assert set(git.refs()) == {"refs/heads/trunk", "refs/heads/other", "refs/tags/v1"}
    assert (git.head(), len(git.commits("trunk"))) == ("refs/heads/trunk", 3)
    assert git.run("cat-file", "-t", "refs/tags/v1") == "tag"


def test_an_import_of_no_repository_or_a_shallow_one_is_refused(
    git: BareRepository, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="is not a git repository"):
        git.import_from(tmp_path)
    shallow = tmp_path / "shallow"
    command = ["git", "clone", "--quiet", "--depth=1", source.as_uri(), str(shallow)]
    subprocess.run(command, check=True, env=process.environment())
    with pytest.raises(ValueError, match="its history is not whole: run `git fetch --unshallow` there"):
        git.import_from(shallow)


def test_files_are_written_read_and_deleted_without_moving_the_branch(
    git: BareRepository, write: Callable[..., Any]
) -> None:
    first = write(content=b"\0binary\xff")
    second = git.write_file("main", "sub/b.txt", b"b", "b", DANA)
    assert git.resolve("refs/heads/main") == first
    assert git.file(first, "a.txt") == b"\0binary\xff"
    assert git.file(first, "sub/b.txt") is None
    assert [(e.type, e.size, e.path) for e in git.tree(second)] == [("blob", 8, "a.txt"), ("tree", None, "sub")]
    assert [e.path for e in git.tree(second, "sub")] == ["sub/b.txt"]
    assert git.tree(second, "a.txt") == []
    assert git.changed_paths(first, second) == ["sub/b.txt"]
    assert git.tree(git.delete_file("main", "a.txt", "gone", DANA)) == []


@pytest.mark.parametrize("path", ["../x", ".git/config", "a/../b", "/x", "a//b", ""])
def test_a_path_that_git_does_not_store_is_refused(git: BareRepository, write: Callable[..., Any], path: str) -> None:
    write()
    with pytest.raises(ValueError, match="git cannot store the path"):
        git.write_file("main", path, b"x", "m", DANA)


def test_a_ref_moves_only_from_where_it_is_thought_to_be(git: BareRepository, write: Callable[..., Any]) -> None:
    first, second = write(), write(path="b.txt")
    with pytest.raises(GitError):
        git.update_ref("refs/heads/main", first, first)
    with pytest.raises(GitError):
        git.update_ref("refs/heads/main", first, ABSENT)
    assert git.resolve("refs/heads/main") == second


@pytest.mark.parametrize(
    ("ref", "valid"),
    [
        ("refs/heads/a/b", True),
        ("refs/heads/-a", True),
        ("heads/a", False),
        ("refs/heads/a b", False),
        ("--help", False),
    ],
)
def test_ref_names_are_judged_by_git(*, git: BareRepository, ref: str, valid: bool) -> None:
    assert git.valid_ref(ref) is valid


def test_ancestry_is_false_for_what_is_no_commit(git: BareRepository, write: Callable[..., Any]) -> None:
    first, second = write(), write(path="b.txt")
    assert git.is_ancestor(first, second)
    assert not git.is_ancestor(second, first)
    assert not git.is_ancestor(git.write_blob(b"x"), second)


def test_a_rebase_of_conflicting_commits_is_a_conflict(git: BareRepository, write: Callable[..., Any]) -> None:
    base = write()
    git.update_ref("refs/heads/side", base, ABSENT)
    write("side", content=b"side\n")
    write("main", content=b"main\n")
    with pytest.raises(ConflictError):
        rebased_commits(git, "refs/heads/main", "refs/heads/side", DANA)


def test_git_runs_without_anything_of_the_callers_environment(
    monkeypatch: pytest.MonkeyPatch, git: BareRepository
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    assert git.run("rev-parse", "--absolute-git-dir") == str(git.path)
    assert not {name for name in process.environment() if name in {"HOME", "GIT_DIR"}}
    with pytest.raises(GitError):
        git.run("config", "core.hooksPath")


def test_a_quarantine_folder_is_only_taken_inside_the_repository(git: BareRepository, tmp_path: Path) -> None:
    inside = git.path / "objects" / "tmp_objdir-x"
    assert quarantine(str(inside), git.path)["GIT_OBJECT_DIRECTORY"] == str(inside)
    for outside in (tmp_path, git.path / "objects" / ".." / ".."):
        with pytest.raises(ValueError, match="not in the repository"):
            quarantine(str(outside), git.path)


REPORT = packet(b"unpack ok\n") + packet(b"ng refs/heads/a pre-receive hook declined\n") + packet(b"ok refs/heads/b\n")
REWRITTEN = packet(b"unpack ok\n") + packet(b"ng refs/heads/a because\n") + packet(b"ok refs/heads/b\n")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_report_is_rewritten_however_it_is_cut_into_pieces(size: int) -> None:
    """With side bands, after an advertisement, in chunks of any size."""
    advertised = packet(b"\x01 not a band refs\n") + b"0000"
    progress = packet(b"\x02remote text\n")
    stream = advertised + progress + packet(b"\x01" + REPORT[:30]) + packet(b"\x01" + REPORT[30:] + b"0000") + b"0000"
    rewriter = ReportRewriter(advertised=False)
    sent = b"".join(rewriter.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    assert sent == advertised + progress
    assert rewriter.finish({"refs/heads/a": "because"}) == packet(b"\x01" + REWRITTEN + b"0000") + b"0000"


def test_the_report_of_a_client_without_side_bands_is_rewritten_too() -> None:
    rewriter = ReportRewriter(advertised=True)
    assert rewriter.feed(REPORT + b"0000") == b""
    assert rewriter.finish({"refs/heads/a": "because"}) == REWRITTEN + b"0000"
