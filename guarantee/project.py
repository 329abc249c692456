"""A Pulumi project over `stacks/` with one stack, which `pulumi` runs in a process of its own, as its users do."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gitops_infra.sandbox.engine import Engine
from gitops_infra.topology.load import load_value
from gitops_infra.topology.topology import Topology

ROOT = Path(__file__).parents[1]
STACK = "shop"


class Project:
    """The project and its stack. Every method raises RuntimeError with Pulumi's words when that fails."""

    def __init__(self, engine: Engine, place: Path, passphrase: str, token: str, url: str) -> None:
        """Makes both below `place`, provisioning the forge at `url` with that token."""
        self._engine = engine
        self.folder = place / "project"
        """With `Pulumi.yaml` and the stack file."""
        self.environment = engine.environment(
            place / "state", passphrase, GITHUB_TOKEN=token, GITHUB_BASE_URL=f"{url}/"
        )
        """Of a `pulumi` process."""
        self.folder.mkdir(parents=True)
        (self.folder / "Pulumi.yaml").write_text(f"name: gitops-infra\nruntime: python\nmain: {ROOT / 'stacks'}\n")
        self.pulumi("stack", "init")

    def secret(self, key: str, value: str) -> None:
        """Stores a secret of the configuration, over standard input."""
        self.pulumi("config", "set", "--secret", f"gitops-infra:{key}", text=value)

    def configure(self, topology: dict[str, Any]) -> Topology:
        """Writes the topology into the stack file, where secrets and the salt of their encryption stay."""
        path = self.folder / f"Pulumi.{STACK}.yaml"
        document = YAML(typ="safe").load(path)
        document.setdefault("config", {})["gitops-infra:topology"] = topology
        with path.open("w") as file:
            YAML().dump(document, file)
        return load_value(topology, self.folder)

    def up(self, *options: str, **variables: str) -> str:
        """Runs `pulumi up`; what it printed."""
        return self.pulumi("up", "--yes", "--skip-preview", *options, **variables)

    def pulumi(self, *arguments: str, text: str = "", **variables: str) -> str:
        """What `pulumi ARGUMENTS` printed; `text` is its standard input, `variables` are added to its environment."""
        done = self._engine.run(
            [*arguments, "--stack", STACK, "--non-interactive"],
            self.folder,
            {**self.environment, **variables},
            text=text,
        )
        if done.returncode != 0:
            raise RuntimeError(f"pulumi {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout
