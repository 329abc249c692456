"""The fixture `stack`: functions and folders on the real engine, cut off from the caller's accounts."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing import StackFactory, UpdateFailed, assert_no_changes, assert_no_secret_in_state

pytestmark = pytest.mark.engine

SECRET = "canary-of-a-stack"

Program = Callable[[], None]


def labels(*names: str) -> Program:
    """A program with one cheap resource for each name."""

    def program() -> None:
        import pulumi_github as github  # noqa: PLC0415 - costs seconds, and only this program needs it

        from gitops_infra import github_provider  # noqa: PLC0415 - as above

        options = pulumi.ResourceOptions(provider=github_provider("acme", owner="acme"))
        for name in names:
            github.IssueLabel(name, repository="shop", name=name, color="ff0000", opts=options)
        pulumi.export("size", pulumi.Config().get_int("size"))
        pulumi.export("word", pulumi.Config().get_secret("word"))

    return program


@pytest.fixture
def shop(forge: Sandbox) -> Sandbox:
    forge.add_repository("acme/shop", auto_init=True)
    return forge


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a Pulumi project in Python of this text."""

    def make(text: str, settings: str = "name: own\nruntime: python\n") -> Path:
        (tmp_path / "Pulumi.yaml").write_text(settings)
        (tmp_path / "__main__.py").write_text(text)
        return tmp_path

    return make


def test_the_whole_life_of_a_function(shop: Sandbox, stack: StackFactory) -> None:
    """Preview changes nothing; up, drift, repair, destroy are told as changes."""
    made = stack(labels("bug"), config={"size": 3}, secrets={"word": SECRET})
    planned = made.preview()
    assert "create IssueLabel bug" in [str(change) for change in planned.changes]
    assert "bug" not in shop.repository("acme/shop").labels

    assert made.up().changes == planned.changes
    assert shop.repository("acme/shop").labels["bug"]["color"] == "ff0000"
    assert made.outputs() == {"size": 3, "word": SECRET}
    assert_no_changes(made)
    assert_no_secret_in_state(made)
    with pytest.raises(AssertionError, match=r"secret 1: .*test\.json"):
        assert_no_secret_in_state(made, "pulumi:pulumi:Stack")

    record = shop.repository("acme/shop")
    record.labels["bug"]["color"] = "00ff00"
    shop.store.save(record)
    with pytest.raises(AssertionError, match=r"would change 1 resources\n    update IssueLabel bug \(color\)"):
        assert_no_changes(made)
    assert [str(change) for change in made.refresh().changes] == ["update IssueLabel bug (color)"]
    assert [str(change) for change in made.up().changes] == ["update IssueLabel bug (color)"]

    assert "delete IssueLabel bug" in [str(change) for change in made.destroy().changes]
    assert "bug" not in shop.repository("acme/shop").labels


def test_a_folder_is_run_and_nothing_is_written_to_it(stack: StackFactory, project: Callable[[str], Path]) -> None:
    folder = project("import helper, pulumi\npulumi.export('value', helper.value(pulumi.Config()))")
    (folder / "helper.py").write_text("def value(config): return config.require_object('sizes')['small']")
    (folder / "Pulumi.live.yaml").write_text("config:\n  own:sizes: {small: 1}\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    made = stack(folder, config=folder / "Pulumi.live.yaml")
    made.up()
    assert made.outputs() == {"value": 1}
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_two_stacks_of_one_test_know_nothing_of_each_other(shop: Sandbox, stack: StackFactory) -> None:
    first, second = stack(labels("one")), stack(labels("two"))
    first.up()
    second.up()
    first.destroy()
    assert set(shop.repository("acme/shop").labels) >= {"two"}
    assert "one" not in shop.repository("acme/shop").labels


@pytest.mark.parametrize("as_function", [True, False], ids=["function", "folder"])
def test_nothing_of_the_callers_environment_reaches_the_program(
    forge: Sandbox, stack: StackFactory, project: Any, monkeypatch: pytest.MonkeyPatch, *, as_function: bool
) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_OWNER", "PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "AWS_PROFILE"):
        monkeypatch.setenv(name, "of-the-caller")

    def program() -> None:
        pulumi.export("names", sorted(name for name, value in os.environ.items() if value == "of-the-caller"))
        pulumi.export("address", os.environ["GITHUB_BASE_URL"])
        pulumi.export("own", os.environ["OWN"])

    text = """
import os, pulumi
pulumi.export("names", sorted(name for name, value in os.environ.items() if value == "of-the-caller"))
pulumi.export("address", os.environ["GITHUB_BASE_URL"])
pulumi.export("own", os.environ["OWN"])
"""
    made = stack(program if as_function else project(text), environment={"OWN": "yes"})
    made.up()
    assert made.outputs() == {"names": [], "address": f"{forge.url}/", "own": "yes"}
    assert os.environ["GITHUB_TOKEN"] == "of-the-caller"
    assert "OWN" not in os.environ


def test_a_failing_function_is_told_with_its_own_lines_and_without_secrets(stack: StackFactory) -> None:
    def program() -> None:
        raise LookupError(f"no such word: {SECRET}")

    with pytest.raises(UpdateFailed) as caught:
        stack(program, secrets={"word": SECRET}).up()
    text = str(caught.value)
    assert text.endswith("LookupError: no such word: [secret]")
    assert "test_stack.py" in text
    assert "asyncio" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_what_the_forge_refuses_is_told_as_pulumi_does(forge: Sandbox, stack: StackFactory) -> None:
    with pytest.raises(UpdateFailed, match=r"github:index:IssueLabel \(bug\):(.|\n)*404 Not Found"):
        stack(labels("bug")).up()


def test_a_wrong_topology_is_its_own_text_without_a_traceback(stack: StackFactory) -> None:
    def program() -> None:
        from gitops_infra import GitOpsTopology  # noqa: PLC0415 - as above

        GitOpsTopology("shop", {"topology": {"owner": "acme"}})  # type: ignore[arg-type]

    with pytest.raises(UpdateFailed) as caught:
        stack(program).preview()
    assert "Traceback" not in str(caught.value)
    assert "github_plan" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (None, "is no Pulumi project: it has no Pulumi.yaml"),
        ("name: own\nruntime: nodejs\n", "runtime 'nodejs' cannot be tested here"),
        ("name: [\n", "cannot be read"),
    ],
    ids=["none", "nodejs", "broken"],
)
def test_a_folder_that_cannot_be_run_is_refused(
    stack: StackFactory, tmp_path: Path, settings: str | None, reason: str
) -> None:
    if settings:
        (tmp_path / "Pulumi.yaml").write_text(settings)
    with pytest.raises(ValueError, match=reason):
        stack(tmp_path)


def test_a_stack_file_with_sealed_values_is_refused_by_their_names(
    stack: StackFactory, project: Callable[[str], Path]
) -> None:
    folder = project("")
    (folder / "Pulumi.live.yaml").write_text("config:\n  own:word: {secure: v1:abc}\n  own:size: 1\n")
    with pytest.raises(ValueError, match="own:word can be opened only with the passphrase or key of that stack"):
        stack(folder, config=folder / "Pulumi.live.yaml")


def test_a_secret_too_short_to_look_for_is_a_mistake_of_the_test(shop: Sandbox, stack: StackFactory) -> None:
    made = stack(lambda: None, secrets={"word": "short"})
    made.up()
    with pytest.raises(ValueError, match="configuration test:word is too short to be looked for"):
        assert_no_secret_in_state(made)


def test_an_open_secret_in_the_state_is_found_with_its_resource(shop: Sandbox, stack: StackFactory) -> None:
    def program() -> None:
        pulumi.export("leak", pulumi.Output.unsecret(pulumi.Config().require_secret("word")))

    made = stack(program, secrets={"word": SECRET})
    made.up()
    with pytest.raises(AssertionError) as caught:
        assert_no_secret_in_state(made)
    assert "configuration test:word: " in str(caught.value)
    assert "resource test-test" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_forge_without_the_provisioning_app_needs_a_token(forge: Sandbox, stack: StackFactory) -> None:
    forge.store.delete(forge.find_app("provisioner"))
    with pytest.raises(ValueError, match="has no App 'provisioner', so the stack has no token: give one"):
        stack(lambda: None)
    stack(lambda: None, token=forge.token("olivia")).up()
