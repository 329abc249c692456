"""The pytest plugin: fixtures `forge`, `stack`, `clusters` and `gitops_engine`.

pytest loads it in every run where gitops-infra is installed, so it imports nothing but pytest until a test asks for a
fixture. A fixture of the same name in a test module or `conftest.py` wins over these, as always.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gitops_infra.testing.clusters import clusters

if TYPE_CHECKING:
    from gitops_infra.sandbox.engine import Engine
    from gitops_infra.sandbox.forge.server import Sandbox
    from gitops_infra.testing.stack import StackFactory

__all__ = ["clusters", "forge", "stack"]

ENGINE = "gitops_engine"
CLUSTERS = "clusters"
INSTALL = "Run: python -m pip install 'gitops-infra[sandbox]'"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds the engine before the first test that needs it: inside a test, a time limit would stop the build."""
    if session.config.option.collectonly:
        return
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if not asked & {ENGINE, CLUSTERS}:
        return
    try:
        from gitops_infra.sandbox.engine import Engine  # noqa: PLC0415 - only when a test needs it
        from gitops_infra.sandbox.toolchain.build import ensure  # noqa: PLC0415
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415
        from gitops_infra.sandbox.toolchain.progress import default_progress  # noqa: PLC0415
        from gitops_infra.sandbox.toolchain.recipes import CLUSTER  # noqa: PLC0415
    except ImportError:
        return  # the fixture says it, to the tests that are concerned
    try:
        if ENGINE in asked:
            Engine.prepare()
        if CLUSTERS in asked:
            ensure(*(recipe.name for recipe in CLUSTER), progress=default_progress())
    except ToolError:
        return  # as above


@pytest.fixture
def forge() -> Iterator["Sandbox"]:
    """A fresh forge that enforces, with the organisation `acme` (price plan enterprise).

    olivia owns `acme`; mara and rita are in its team `platform`, dana in `developers`; otto is an outsider. Its App
    `provisioner` is what `stack` acts as. There is no repository yet: `forge.add_repository("acme/shop", ...)`.
    """
    try:
        from gitops_infra.sandbox.forge.daemon import seed  # noqa: PLC0415 - only when a test needs it
        from gitops_infra.sandbox.forge.server import Sandbox  # noqa: PLC0415
    except ImportError as error:
        pytest.fail(f"the fixture forge needs the sandbox ({error}). {INSTALL}", pytrace=False)
    with Sandbox() as sandbox:
        with sandbox.store.transaction():
            seed(sandbox)
        yield sandbox


@pytest.fixture(scope="session", name=ENGINE)
def _engine() -> "Engine":
    """The real Pulumi engine with its plugins; what is missing is built (minutes, once per machine)."""
    try:
        from gitops_infra.sandbox.engine import Engine  # noqa: PLC0415 - only when a test needs it
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415
    except ImportError as error:
        pytest.fail(f"the fixture stack needs the sandbox ({error}). {INSTALL}", pytrace=False)
    try:
        return Engine.prepare()
    except ToolError as error:
        pytest.fail(f"no Pulumi engine: {error}", pytrace=False)


@pytest.fixture
def stack(gitops_engine: "Engine", forge: "Sandbox", tmp_path_factory: pytest.TempPathFactory) -> "StackFactory":
    """Makes stacks of a program function or a project folder, against the test's `forge`: see `StackFactory`."""
    from gitops_infra.testing.stack import StackFactory  # noqa: PLC0415 - only when a test needs it

    return StackFactory(gitops_engine, forge, tmp_path_factory.mktemp("stack"))
