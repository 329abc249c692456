"""`gitops-infra preflight` beside real stacks: what they made, what they would lose, and who has what is in the way."""

import json
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from gitops_infra.cli.app import app

pytestmark = pytest.mark.engine


@pytest.fixture
def cli(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`gitops-infra preflight` with the world's stack file, as in a shell that has the world's settings."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Result:
        given = ["preflight", world.folder / "Pulumi.shop.yaml", "--cwd", world.folder, *arguments]
        return CliRunner().invoke(app, list(map(str, given)), catch_exceptions=False)

    return run


def codes(result: Result) -> list[str]:
    return [line.rpartition("[")[2].rstrip("]") for line in result.stderr.splitlines() if line.startswith("error: ")]


def test_a_stack_knows_what_it_made_and_other_stacks_are_named(world: Any, cli: Any) -> None:
    before = cli("--stack", "shop")
    assert (before.exit_code, codes(before)) == (0, []), before.output
    world.up()
    after = cli("--stack", "shop")
    assert (after.exit_code, codes(after)) == (0, []), after.output

    made = world.engine.run(["stack", "init", "other"], world.folder, world.environment)
    assert made.returncode == 0, made.stderr
    stranger = cli("--stack", "other")
    assert stranger.exit_code == 1
    assert set(codes(stranger)) == {"owned-elsewhere"}
    assert (
        "error: environment production of acme/shop: it is owned by stack gitops-infra/shop. Leave it out of one of "
        "the two, or hand it over with `pulumi state move`. [owned-elsewhere]"
    ) in stranger.stderr.splitlines()
    assert "error: repository acme/shop-env-staging: it is owned by stack gitops-infra/shop. " in stranger.stderr


def test_an_environment_that_would_be_lost_is_told_as_pulumi_tells_it(world: Any, cli: Any) -> None:
    world.up()
    path = world.folder / "Pulumi.shop.yaml"
    document = YAML(typ="safe").load(path)
    del document["config"]["gitops-infra:topology"]["environments"][0]
    with path.open("w") as file:
        YAML().dump(document, file)
    result = cli("--stack", "shop", "--json")
    found = [each for each in json.loads(result.stdout)["findings"] if each["severity"] == "error"]
    assert [(each["where"], each["code"]) for each in found] == [("environment 'staging'", "environment-removed")]
    refused = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "[environment-removed]" in refused
    assert found[0]["remedy"] in refused


def test_the_key_of_an_app_is_read_from_the_stack_and_never_shown(world: Any, cli: Any) -> None:
    """Through a pipe: a key of another App, and then the right one."""
    permissions = {"metadata": "read", "contents": "write", "workflows": "write"}
    own, other = (world.forge.app("acme", slug, permissions) for slug in ("mover", "other"))
    staging = {"name": "staging", "isolation": "branch", "writer": {"app": own.id, "key": "moverKey"}}
    world.change(environments=[staging])
    absent = cli("--stack", "shop")
    assert codes(absent) == ["writer-key-absent"]
    world.secret("moverKey", world.forge.app_key(other.slug))
    foreign = cli("--stack", "shop")
    assert codes(foreign) == ["writer-key-foreign"]
    world.secret("moverKey", world.forge.app_key(own.slug))
    right = cli("--stack", "shop")
    assert (right.exit_code, codes(right)) == (0, []), right.output
    assert "PRIVATE KEY" not in absent.output + foreign.output + right.output
