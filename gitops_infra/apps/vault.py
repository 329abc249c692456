"""Where an App's private key is kept: a secret value of the stack's configuration, encrypted by Pulumi."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.recovery.pulumi_cli import Pulumi

PLACEHOLDER = "a rehearsal"


@dataclass(frozen=True)
class Vault:
    """One secret value of one stack. Values go in by standard input and come out by a pipe, never as arguments.

    Every method raises PulumiFailed, whose text never holds the value.
    """

    pulumi: Pulumi
    key: str
    """Configuration key, of the project's namespace unless it names another one."""
    file: Path | None = None
    """The stack file that holds the configuration; None: the one that Pulumi finds."""

    def is_set(self) -> bool:
        """Whether there is a value already, whatever it is."""
        values = json.loads(self.pulumi.on_stack("config", "--json", *self._at(self.file)))
        full = self.key if ":" in self.key else f"{self.pulumi.project()}:{self.key}"
        return full in values

    def rehearse(self) -> None:
        """Stores a placeholder in a copy of the stack file: then the passphrase or key service will do, too."""
        if self.file is None:
            return
        with tempfile.TemporaryDirectory(prefix="gitops-infra-") as folder:
            copy = Path(folder, self.file.name)
            shutil.copyfile(self.file, copy)
            self.pulumi.on_stack("config", "set", "--secret", self.key, *self._at(copy), stdin=PLACEHOLDER)

    def store(self, value: str) -> None:
        """Encrypts the value into the stack's configuration."""
        self.pulumi.on_stack("config", "set", "--secret", self.key, *self._at(self.file), stdin=value)

    def read(self) -> str:
        """The value, decrypted."""
        return self.pulumi.on_stack("config", "get", self.key, *self._at(self.file))

    @staticmethod
    def _at(file: Path | None) -> tuple[str, ...]:
        return () if file is None else ("--config-file", str(file.resolve()))
