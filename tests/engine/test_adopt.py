"""A destroyed stack that kept production: `gitops-infra adopt` takes it up, and the next `up` changes nothing of it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gitops_infra.cli.app import app

pytestmark = pytest.mark.engine

MADE_ANEW = ("shop-staging", "shop-review")
CREDENTIAL = ("shop-production-credential",)


@pytest.fixture
def cli(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`gitops-infra ARGUMENTS` as in a shell that has the world's settings."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


def test_what_destroy_kept_is_taken_up_without_a_change(world: Any, cli: Any) -> None:
    world.up()
    saved = world.folder / "outputs.json"
    saved.write_text(world.pulumi("stack", "output", "--json"))
    kept = json.loads(saved.read_text())["retained"]
    before = cli("adopt", "--stack", "shop", "--cwd", world.folder)
    world.pulumi("destroy", "--yes", "--skip-preview")

    adopted = cli("adopt", saved, "--stack", "shop", "--cwd", world.folder, "--run")
    assert adopted.exit_code == 0, adopted.output
    assert adopted.stderr == f"{len(kept)} to import\n"
    assert adopted.stdout.splitlines()[-1] == (
        f"{len(kept)} imported into the state: run `pulumi up`, which makes credentials and secrets anew"
    )

    steps = json.loads(world.pulumi("preview", "--json"))["steps"]
    changed = {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}
    assert set(changed.values()) == {"create"}
    assert not changed.keys() & {one["name"] for one in kept}
    assert all(name.startswith((*MADE_ANEW, *CREDENTIAL)) for name in changed)

    mark = len(world.forge.requests)
    world.up()
    written = [each for each in world.forge.requests[mark:] if each.method not in {"GET", "HEAD"}]
    of_production = [each.path for each in written if "production" in each.path]
    assert [path.rpartition("/")[2] for path in of_production] == ["keys", "GITOPS_DEPLOY_KEY"]
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    assert json.loads(world.pulumi("stack", "output", "--json"))["retained"] == kept
    assert _places(json.loads(before.stdout)) == _places_of_state(world, kept)


def test_it_can_be_run_again_and_says_what_has_no_place(world: Any, cli: Any) -> None:
    """The file may be of a topology that had more, or be used twice."""
    world.up()
    saved = world.folder / "outputs.json"
    gone = {"type": "github:index/repository:Repository", "name": "shop-old-branch-repository", "id": "shop-env-old"}
    saved.write_text(json.dumps([*json.loads(world.pulumi("stack", "output", "--json"))["retained"], gone]))
    world.pulumi("destroy", "--yes", "--skip-preview")
    imports = world.folder / "imports.json"
    written = cli("adopt", saved, "--stack", "shop", "--cwd", world.folder, "--output", imports)
    assert written.exit_code == 0, written.output
    assert written.stderr.splitlines()[0] == (
        "left out: github:index/repository:Repository shop-old-branch-repository: not among what the program of shop "
        "has yet to make"
    )
    by_hand = [line.strip() for line in written.stderr.splitlines() if line.startswith("  pulumi ")]
    for line in by_hand[:2]:
        arguments = [part.strip("'") for part in line.split()[1:]]
        world.pulumi(*[part for part in arguments if part not in {"--stack", "shop"}], "--yes", "--skip-preview")
    again = cli("adopt", saved, "--stack", "shop", "--cwd", world.folder, "--run")
    assert again.exit_code == 0, again.output
    assert "0 to import" in again.stderr


NEW = {
    "name": "fresh",
    "visibility": "private",
    "owners": ["@acme/platform"],
    "grants": [{"team": "platform", "role": "maintain"}],
    "labels": [{"name": "kind:bug", "color": "d73a4a"}],
}
IMPORTED = {"name": "shop", "existing": True, "import": True, "visibility": "private", "code_owners": True}


@pytest.mark.parametrize(
    ("application", "changes"),
    [
        # `autoInit` is in the state only; a grant is written once more.
        (NEW, {"fresh-application-repository": "update", "fresh-application-team-platform": "create"}),
        (IMPORTED, {}),
    ],
    ids=["new", "imported"],
)
def test_an_application_of_the_stack_is_taken_up_too(
    world: Any, cli: Any, application: dict[str, Any], changes: dict[str, str]
) -> None:
    production = {"name": "production", "reviewers": [{"team": "platform"}]}
    world.change(application=application, environments=[production])
    world.up()
    saved = world.folder / "outputs.json"
    saved.write_text(world.pulumi("stack", "output", "--json"))
    world.pulumi("destroy", "--yes", "--skip-preview")
    adopted = cli("adopt", saved, "--stack", "shop", "--cwd", world.folder, "--run")
    assert adopted.exit_code == 0, adopted.output
    assert "left out" not in adopted.stderr
    steps = json.loads(world.pulumi("preview", "--json"))["steps"]
    changed = {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}
    credential = f"{application['name']}-production-credential"
    assert {name: op for name, op in changed.items() if not name.startswith(credential)} == changes


def _places(document: dict[str, Any]) -> dict[str, str]:
    """Name -> name of the parent, of what an import file imports."""
    return {one["name"]: one["parent"] for one in document["resources"] if not one.get("component")}


def _places_of_state(world: Any, kept: list[dict[str, str]]) -> dict[str, str]:
    names = {one["name"] for one in kept}
    resources = json.loads(world.pulumi("stack", "export"))["deployment"]["resources"]
    return {
        name: one["parent"].rpartition("::")[2]
        for one in resources
        if (name := one["urn"].rpartition("::")[2]) in names and one.get("custom")
    }
