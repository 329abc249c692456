"""The test program gets its world and its results are read while it runs. A script stands for the program here."""

import os
import stat
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from conformance.modes import OWNERS, Client, Mode
from conformance.output import Outcome
from conformance.suite import NothingRanError, Programs, run
from conformance.world import FORKED, TEMPLATE, World, world


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Programs]:
    """Makes a test program of Python lines; `say(name, word)` writes a result as Go does."""

    def make(body: str) -> Programs:
        script = tmp_path / "tests"
        script.write_text(
            f"#!{sys.executable}\n"
            + textwrap.dedent("""\
            import os, pathlib, sys
            def say(name, word="PASS"):
                print(f"\\x16=== RUN   {name}\\n\\x16--- {word}: {name} (0.10s)", flush=True)
            """)
            + textwrap.dedent(body)
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return Programs(script, tmp_path / "tofu")

    return make


@pytest.mark.parametrize("mode", list(Mode))
def test_the_forge_has_the_owner_of_the_mode(mode: Mode) -> None:
    with world(mode) as made:
        token = {"Authorization": f"Bearer {made.variables['GITHUB_TOKEN']}"}
        with httpx.Client(base_url=made.forge.api_url, headers=token, trust_env=False) as client:
            owner = client.get(f"/users/{made.variables['GITHUB_OWNER']}").json()
            assert owner["type"] == ("Organization" if OWNERS[mode].organization else "User")
            assert client.get(f"/repos/{TEMPLATE}").json()["is_template"] is True
            assert client.get(f"/repos/{FORKED}").json()["visibility"] == "public"
        assert made.forge.account(owner["login"]).price_plan == OWNERS[mode].price_plan
        assert made.variables["GH_TEST_AUTH_MODE"] == mode


def test_the_program_gets_the_world_and_nothing_of_the_callers(
    program: Callable[[str], Programs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is its own, and an ambient token or host is not there."""
    monkeypatch.setenv("GITHUB_ENTERPRISE_TOKEN", "real")
    monkeypatch.setenv("TF_LOG", "trace")
    programs = program("""
        fine = pathlib.Path("test-fixtures").is_dir() and not {"GITHUB_ENTERPRISE_TOKEN", "TF_LOG"} & set(os.environ)
        say("TestA/" + os.environ["GITHUB_LEGACY_CLIENT"] + str(fine) + os.environ["TF_ACC_TERRAFORM_PATH"])
        say("TestA/" + " ".join(sys.argv[1:]))
    """)
    with world(Mode.INDIVIDUAL) as made:
        first, second = run(programs, made, Client.NEW, ["TestA"], parallel=3)
    assert first.test == f"TestA/falseTrue{programs.tofu}"
    assert second.test == "TestA/-test.v=test2json"  # Go's own names have no blanks
    assert os.environ["GITHUB_ENTERPRISE_TOKEN"] == "real"


def test_only_what_was_asked_for_is_reported(program: Callable[[str], Programs]) -> None:
    programs = program("""
        for name in ("TestA/x", "TestA/y", "TestB/x", "TestC"):
            say(name, "FAIL")
    """)
    made = World(None, {})  # type: ignore[arg-type] - the script asks no forge
    found = run(programs, made, Client.LEGACY, ["TestA/x", "TestB"])
    assert [(result.test, result.outcome) for result in found] == [
        ("TestA/x", Outcome.FAILED),
        ("TestB/x", Outcome.FAILED),
    ]


def test_a_program_that_cannot_start_is_an_error_with_its_last_words(program: Callable[[str], Programs]) -> None:
    programs = program("""
        print("Error configuring provider meta: no such host")
        sys.exit(1)
    """)
    with pytest.raises(NothingRanError, match=r"^tests: no test ran\nError configuring provider meta: no such host$"):
        list(run(programs, World(None, {}), Client.LEGACY, ["TestA"]))  # type: ignore[arg-type]


def test_leaving_early_ends_the_program(program: Callable[[str], Programs], tmp_path: Path) -> None:
    programs = program(f"""
        import time
        pathlib.Path({str(tmp_path)!r}, "pid").write_text(str(os.getpid()))
        say("TestA")
        time.sleep(600)
    """)
    found = run(programs, World(None, {}), Client.LEGACY, ["TestA"])  # type: ignore[arg-type]
    assert next(found).test == "TestA"
    found.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
