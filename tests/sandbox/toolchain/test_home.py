"""The private PULUMI_HOME and the environment of an engine."""

import os
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from gitops_infra.sandbox.engine import Engine, without_ambient
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.home import find_cli, prepare_home

GITHUB = f"plugins/resource-github-v{version('pulumi-github')}/pulumi-resource-github"
KUBERNETES = f"plugins/resource-kubernetes-v{version('pulumi-kubernetes')}/pulumi-resource-kubernetes"
TLS = f"plugins/resource-tls-v{version('pulumi-tls')}/pulumi-resource-tls"


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes an executable that prints one line."""

    def write(name: str, line: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {line}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


@pytest.fixture
def cache(tmp_path: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache for programs that are named, so that nothing is built."""
    monkeypatch.setenv("GITOPS_INFRA_TOOL_PULUMI", str(program("pulumi", "v3.255.0")))
    monkeypatch.setenv("GITOPS_INFRA_TOOL_PULUMI_RESOURCE_GITHUB", str(program("pulumi-resource-github", "")))
    return Cache(tmp_path / "cache")


def content(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_a_home_holds_the_cli_our_language_host_and_the_plugins(cache: Cache) -> None:
    home = prepare_home(cache=cache)
    assert content(home.root) == {"bin/pulumi", "bin/pulumi-language-python", GITHUB, KUBERNETES, TLS}
    assert not (home.root / "bin" / "pulumi").is_symlink()  # the engine looks beside the resolved path
    assert all(sys.executable in (home.root / plugin).read_text() for plugin in (KUBERNETES, TLS))
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_a_cli_with_its_own_language_host_keeps_it(cache: Cache, program: Callable[[str, str], Path]) -> None:
    program("pulumi-language-python", "")
    home = prepare_home(cache=cache)
    assert content(home.root) == {"bin/pulumi", GITHUB, KUBERNETES, TLS}
    assert (home.root / "bin" / "pulumi").is_symlink()


def test_homes_are_made_once_also_by_many_at_a_time(cache: Cache) -> None:
    with ThreadPoolExecutor(8) as pool:
        homes = set(pool.map(lambda _: prepare_home(cache=cache), range(8)))
    assert len(homes) == 1
    assert [entry.name for entry in cache.homes.iterdir()] == [homes.pop().root.name]


def test_another_cli_gets_another_home(cache: Cache, program: Callable[[str, str], Path]) -> None:
    first = prepare_home(cache=cache)
    program("pulumi", "v3.256.0")
    assert prepare_home(cache=cache).root != first.root


def test_what_a_killed_process_left_is_swept_after_an_hour(cache: Cache) -> None:
    old, new = cache.homes / ".making-old", cache.homes / ".making-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 3700,) * 2)
    prepare_home(cache=cache)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_pulumi_on_path_is_used_from_3_250_on(
    tmp_path: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("pulumi", "v3.250.0")
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    assert find_cli().source == "PATH"
    assert find_cli().version == "3.250.0"
    program("pulumi", "v3.249.9")
    assert find_cli() is None


def test_a_named_pulumi_that_is_too_old_is_an_error(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("pulumi", "v3.249.9")
    monkeypatch.setenv("GITOPS_INFRA_TOOL_PULUMI", str(path))
    with pytest.raises(ToolError) as caught:
        find_cli()
    assert str(caught.value) == (
        f"pulumi: {path} is 3.249.9, needed is 3.250. Correct or unset GITOPS_INFRA_TOOL_PULUMI."
    )


def test_the_environment_holds_nothing_that_leads_to_production(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "GITHUB_TOKEN", "PULUMI_ACCESS_TOKEN", "AWS_PROFILE", "GH_TOKEN", "HARMLESS"):
        monkeypatch.setenv(name, "ambient")
    engine = Engine(prepare_home(cache=cache))
    environment = engine.environment(tmp_path / "state", "a passphrase", GITHUB_BASE_URL="http://127.0.0.1:1/")
    assert {name for name, value in environment.items() if value == "ambient"} == {"HARMLESS"}
    assert {name: value for name, value in environment.items() if name.startswith(("PULUMI_", "GITHUB_"))} == {
        "PULUMI_HOME": str(engine.home.root),
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "GITHUB_BASE_URL": "http://127.0.0.1:1/",
    }
    assert environment["PATH"].split(os.pathsep)[0] == str(engine.home.binaries)


def test_an_empty_passphrase_is_refused(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        Engine(prepare_home(cache=cache)).environment(tmp_path / "state", "")
    assert str(caught.value) == (
        "passphrase: is empty, so secrets in the state would be open. Give any text of your own."
    )
    assert not (tmp_path / "state").exists()


def test_this_process_can_be_cut_off_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ambient")
    with without_ambient():
        assert "GITHUB_TOKEN" not in os.environ
    assert os.environ["GITHUB_TOKEN"] == "ambient"
