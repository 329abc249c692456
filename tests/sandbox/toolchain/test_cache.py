"""The folder of built programs."""

from dataclasses import replace
from pathlib import Path

import pytest

from gitops_infra.sandbox.toolchain.cache import Cache, default_root, key
from gitops_infra.sandbox.toolchain.go import Go
from gitops_infra.sandbox.toolchain.recipes import Recipe

GO = Go(Path("/go"), "test", (1, 26), "1.26.8", "direct", "linux/amd64")


def stored(cache: Cache, recipe: Recipe) -> Path:
    return cache.store(recipe, GO, lambda path: path.write_text("program") and None)


def test_the_key_changes_with_every_input(recipe: Recipe) -> None:
    first = key(recipe, GO)
    others = [
        key(replace(recipe, tags=("x",)), GO),
        key(replace(recipe, ldflags=()), GO),
        key(recipe, replace(GO, version=(1, 27))),
        key(recipe, replace(GO, platform="linux/arm64")),
    ]
    for name in ("go.mod", "main.go", "go.sum"):
        with (recipe.module / name).open("a") as stream:
            stream.write("\n")
        others.append(key(recipe, GO))
    assert len({first, *others}) == 8


def test_the_key_does_not_change_with_a_patch_release_of_go(recipe: Recipe) -> None:
    assert key(recipe, GO) == key(recipe, replace(GO, release="1.26.9"))


def test_a_stored_binary_is_found_and_executable(tmp_path: Path, recipe: Recipe) -> None:
    cache = Cache(tmp_path / "c")
    path = stored(cache, recipe)
    assert cache.find(recipe, GO) == path
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_binary_is_found_after_go_was_removed(tmp_path: Path, recipe: Recipe) -> None:
    cache = Cache(tmp_path / "c")
    assert cache.find(recipe, None) is None
    assert stored(cache, recipe) == cache.find(recipe, None)


@pytest.mark.parametrize("damage", ["shorter", "same size", "no record", "no binary"])
def test_a_damaged_binary_is_not_used_and_is_replaced(tmp_path: Path, recipe: Recipe, damage: str) -> None:
    cache = Cache(tmp_path / "c")
    path = stored(cache, recipe)
    if damage == "no record":
        path.with_name("record.json").unlink()
    elif damage == "no binary":
        path.unlink()
    else:
        path.write_text("prog" if damage == "shorter" else "PROGRAM")
    assert cache.find(recipe, GO) is None
    assert stored(cache, recipe) == path
    assert cache.find(recipe, GO) == path
    assert [entry.name for entry in path.parent.parent.iterdir()] == [path.parent.name]


def test_a_failed_build_stores_nothing(tmp_path: Path, recipe: Recipe) -> None:
    cache = Cache(tmp_path / "c")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        cache.store(recipe, GO, fail)
    assert list((cache.tools / "tool").iterdir()) == []


def test_the_root_follows_xdg_and_ignores_a_relative_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "gitops-infra"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_root() == tmp_path / "home" / ".cache" / "gitops-infra"
