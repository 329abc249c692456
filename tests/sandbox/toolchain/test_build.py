"""Building: once, whole, and with an error that helps."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitops_infra.sandbox.toolchain import build
from gitops_infra.sandbox.toolchain.build import ensure, explain, files_of
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.go import find_go
from gitops_infra.sandbox.toolchain.recipes import GITHUB_PROVIDER, PULUMI, ModuleFiles, Recipe

GOOD = "out.write_text('#!/bin/sh\\necho built\\n')\n"
ENSURE = """
import sys
from pathlib import Path
from gitops_infra.sandbox.toolchain.build import ensure
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.progress import Plain
from gitops_infra.sandbox.toolchain.recipes import Recipe
recipe = Recipe("tool", "1.2.3", "tool", Path(sys.argv[2]), ".", ("-s", "-w", "-X", "main.version=1.2.3"), 0.1, 1)
paths = ensure("tool", cache=Cache(Path(sys.argv[1])), recipes={"tool": recipe}, progress=Plain(sys.stderr))
print(paths["tool"])
"""


def start(root: Path, recipe: Recipe) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ENSURE, str(root), str(recipe.module)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited 30 s in vain"
        time.sleep(0.02)


def test_the_real_go_builds_a_program_with_its_version_and_leaves_no_caches(tmp_path: Path, recipe: Recipe) -> None:
    if find_go() is None:
        pytest.skip("no Go 1.26 on PATH or in this environment")
    cache = Cache(tmp_path / "cache")
    path = ensure("tool", cache=cache, recipes={"tool": recipe})["tool"]
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    assert done.stderr == "tool 1.2.3\n"
    assert not cache.build.exists()
    assert cache.find(recipe, find_go(), thorough=True) == path


def test_the_test_program_of_a_package_is_built_and_is_another_binary_than_the_program(
    tmp_path: Path, recipe: Recipe
) -> None:
    if find_go() is None:
        pytest.skip("no Go 1.26 on PATH or in this environment")
    (recipe.module / "main_test.go").write_text('package main\n\nimport "testing"\n\nfunc TestOne(t *testing.T) {}\n')
    tests = replace(recipe, tests=True)
    assert tests.inputs() != recipe.inputs()
    path = ensure("tool", cache=Cache(tmp_path / "cache"), recipes={"tool": tests})["tool"]
    assert subprocess.run([path, "-test.list", "."], capture_output=True, text=True, check=True).stdout == "TestOne\n"


def test_a_compile_error_is_shown_with_the_lines_of_go(tmp_path: Path, recipe: Recipe) -> None:
    if find_go() is None:
        pytest.skip("no Go 1.26 on PATH or in this environment")
    (recipe.module / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(ToolError) as caught:
        ensure("tool", cache=Cache(tmp_path / "cache"), recipes={"tool": recipe})
    assert "go build failed (exit code 1" in caught.value.why
    assert "undefined: nonsense" in caught.value.why
    assert caught.value.remedy.endswith("or name a binary of your own by GITOPS_INFRA_TOOL_TOOL")


def test_a_second_call_builds_nothing(tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path]) -> None:
    log = stand_in_go(GOOD)
    first, second = (ensure("tool", cache=Cache(tmp_path / "c"), recipes={"tool": recipe}) for _ in range(2))
    assert first == second
    assert len(log.read_text().splitlines()) == 1


def test_two_processes_build_once_and_the_second_says_that_it_waits(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path]
) -> None:
    log = stand_in_go("time.sleep(1.5)\n" + GOOD)
    both = [start(tmp_path / "c", recipe) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0][0] == answers[1][0]
    assert len(log.read_text().splitlines()) == 1
    told = "another process is building the tools; waiting for it"
    assert sum(told in errors for _, errors in answers) == 1


def test_a_killed_build_leaves_nothing_in_use_and_the_next_one_sweeps(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path]
) -> None:
    log = stand_in_go("out.write_text('half')\ntime.sleep(600)\n")
    cache = Cache(tmp_path / "c")
    process = start(cache.root, recipe)
    wait_for(lambda: any(cache.tools.glob("tool/.building-*/tool")))
    process.kill()
    process.communicate(timeout=30)
    assert cache.find(recipe, find_go()) is None
    os.kill(int(log.read_text()), signal.SIGKILL)  # the stand-in still holds the lock, as a real Go would
    stand_in_go(GOOD)
    path = ensure("tool", cache=cache, recipes={"tool": recipe})["tool"]
    assert subprocess.run([path], capture_output=True, text=True, check=True).stdout == "built\n"
    assert list(cache.tools.glob("tool/.building-*")) == []
    assert not cache.build.exists()


def test_nobody_builds_while_the_go_of_a_killed_process_still_runs(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path]
) -> None:
    log = stand_in_go("time.sleep(600)\n")
    cache = Cache(tmp_path / "c")
    process = start(cache.root, recipe)
    wait_for(log.exists)
    process.kill()
    process.communicate(timeout=30)

    class WaitsError(Exception):
        pass

    def waiting(_seconds: float) -> None:
        raise WaitsError

    wait_for(lambda: log.read_text().strip() != "")
    with pytest.raises(WaitsError), cache.lock(waiting):
        pass
    os.kill(int(log.read_text()), signal.SIGKILL)


def test_build_caches_stay_on_request(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_go(GOOD)
    cache = Cache(tmp_path / "c")
    ensure("tool", cache=cache, recipes={"tool": recipe}, keep=True)
    ensure("tool", cache=cache, recipes={"tool": recipe})
    assert cache.build.is_dir()
    (recipe.module / "main.go").write_text("package main\n\nfunc main() {}\n")
    monkeypatch.setenv("GITOPS_INFRA_KEEP_BUILD_CACHE", "1")
    ensure("tool", cache=cache, recipes={"tool": recipe})
    assert cache.build.is_dir()


def test_a_read_only_module_cache_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")
    module = cache.build / "mod" / "example.invalid@v1.0.0"
    module.mkdir(parents=True)
    (module / "file.go").write_text("package x\n")
    module.chmod(0o555)
    cache.remove_build_cache()
    assert not cache.build.exists()


def test_too_little_disk_space_is_told_before_the_build(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = stand_in_go(GOOD)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(build.shutil, "disk_usage", lambda _: usage._replace(free=7_900_000_000))
    with pytest.raises(ToolError) as caught:
        ensure("tool", cache=Cache(tmp_path / "c"), recipes={"tool": recipe})
    assert str(caught.value) == (
        f"cache folder {tmp_path / 'c'}: 7.9 GB free, a build needs 8 GB for a while. "
        "Free disk space, or set XDG_CACHE_HOME to a folder on a larger disk."
    )
    assert not log.exists()


def test_the_disk_space_for_several_modules_is_asked_for_before_the_first_build(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = stand_in_go(GOOD)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(build.shutil, "disk_usage", lambda _: usage._replace(free=10_900_000_000))
    two = {
        "one": replace(recipe, name="one", gigabytes=7),
        "two": replace(recipe, name="two", gigabytes=4, module=tmp_path / "other"),
    }
    with pytest.raises(ToolError, match=r"10\.9 GB free, a build needs 11 GB"):
        ensure("one", "two", cache=Cache(tmp_path / "c"), recipes=two)
    assert not log.exists()
    ensure("one", cache=Cache(tmp_path / "c"), recipes=two)
    assert log.exists()


def test_a_cache_that_cannot_be_made_is_one_clear_error(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path]
) -> None:
    stand_in_go(GOOD)
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match=r"cannot be written \(Not a directory\)\. Set XDG_CACHE_HOME to a folder"):
        ensure("tool", cache=Cache(tmp_path / "file"), recipes={"tool": recipe})


def test_a_named_binary_wins_and_a_wrong_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS_INFRA_TOOL_PULUMI", sys.executable)
    assert ensure("pulumi", cache=Cache(tmp_path)) == {"pulumi": Path(sys.executable)}
    monkeypatch.setenv("GITOPS_INFRA_TOOL_PULUMI", "/nowhere/pulumi")
    with pytest.raises(ToolError) as caught:
        ensure("pulumi", cache=Cache(tmp_path))
    assert str(caught.value) == (
        "pulumi: GITOPS_INFRA_TOOL_PULUMI names /nowhere/pulumi, which is not a program. "
        "Correct it, or unset GITOPS_INFRA_TOOL_PULUMI to have pulumi 3.255.0 built."
    )


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("write /x: no space left on device", "Free disk space"),
        ("go: go.mod requires go >= 1.27 (running go 1.26.8)", "Install a newer Go"),
        ("verifying module: checksum mismatch", "The module proxy serves other bytes"),
        ("dial tcp: lookup proxy.invalid: no such host", "Check the network"),
        ("reading https://proxy.invalid/x: 403 Forbidden", "Check the network"),
        ("go: x: module lookup disabled by GOPROXY=off", "Check the network"),
        ("compile: signal: killed", "The build needs about 3 GB of memory"),
        ("./main.go:3: undefined: x", "Repeat it"),
    ],
)
def test_the_remedy_fits_what_go_wrote(output: str, remedy: str) -> None:
    assert explain(output, PULUMI).startswith(remedy)


def test_the_variables_of_the_shipped_programs_are_what_the_documents_say() -> None:
    assert PULUMI.variable == "GITOPS_INFRA_TOOL_PULUMI"
    assert GITHUB_PROVIDER.variable == "GITOPS_INFRA_TOOL_PULUMI_RESOURCE_GITHUB"


def test_a_password_in_a_proxy_address_is_not_shown(
    tmp_path: Path, recipe: Recipe, stand_in_go: Callable[[str], Path]
) -> None:
    stand_in_go("print('Get https://user:hunter2@proxy.invalid/x: 407 Proxy Authentication Required')\nsys.exit(1)\n")
    with pytest.raises(ToolError) as caught:
        ensure("tool", cache=Cache(tmp_path / "c"), recipes={"tool": recipe})
    assert "hunter2" not in str(caught.value)
    assert "https://***@proxy.invalid/x: 407" in str(caught.value)


KEPT = ModuleFiles("sandbox/tool", "crds/*.yaml")


@pytest.fixture
def with_files(recipe: Recipe) -> Recipe:
    """A program that needs two files of a module, which Go keeps read-only."""
    (recipe.module / "crds").mkdir()
    for name in ("one", "two"):
        path = recipe.module / "crds" / f"{name}.yaml"
        path.write_text(f"name: {name}\n")
        path.chmod(0o444)
    return replace(recipe, files=(KEPT,))


def test_files_of_a_module_are_kept_beside_the_binary(tmp_path: Path, recipe: Recipe, with_files: Recipe) -> None:
    if find_go() is None:
        pytest.skip("no Go 1.26 on PATH or in this environment")
    assert with_files.inputs() != recipe.inputs()
    cache = Cache(tmp_path / "cache")
    path = ensure("tool", cache=cache, recipes={"tool": with_files})["tool"]
    assert {file.name: file.read_text() for file in (files_of(path) / "crds").iterdir()} == {
        "one.yaml": "name: one\n",
        "two.yaml": "name: two\n",
    }
    assert cache.find(with_files, find_go()) == path
    (files_of(path) / "crds" / "one.yaml").unlink()
    assert cache.find(with_files, find_go()) is None, "an incomplete folder counts as nothing"
    assert ensure("tool", cache=cache, recipes={"tool": with_files}) == {"tool": path}
    assert (files_of(path) / "crds" / "one.yaml").exists()


def test_a_module_without_the_files_is_told(tmp_path: Path, recipe: Recipe) -> None:
    if find_go() is None:
        pytest.skip("no Go 1.26 on PATH or in this environment")
    with pytest.raises(ToolError, match=r"sandbox/tool has no crds/\*\.yaml"):
        ensure("tool", cache=Cache(tmp_path / "cache"), recipes={"tool": replace(recipe, files=(KEPT,))})


def test_a_named_binary_needs_the_files_too(
    tmp_path: Path, with_files: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "tool"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("GITOPS_INFRA_TOOL_TOOL", str(binary))
    with pytest.raises(ToolError, match="beside which there is no folder `files`"):
        ensure("tool", cache=Cache(tmp_path / "cache"), recipes={"tool": with_files})
    files_of(binary).mkdir()
    assert ensure("tool", cache=Cache(tmp_path / "cache"), recipes={"tool": with_files}) == {"tool": binary}
