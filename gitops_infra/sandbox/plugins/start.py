"""Starts a plugin of this package: `python -m gitops_infra.sandbox.plugins.start NAME ENGINE-ADDRESS`.

The launchers in a PULUMI_HOME use it. Plugins need only Pulumi's protocol messages, but importing them imports the
whole SDK first, which costs 0.3 s per plugin and per `pulumi` command. In this process, and in no other, a bare
package of the same name takes its place, so that only `pulumi.runtime.proto` is loaded.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PLUGINS = {
    "kubernetes": "gitops_infra.sandbox.plugins.kubernetes.provider",
    "python": "gitops_infra.sandbox.plugins.language_python",
    "tls": "gitops_infra.sandbox.plugins.tls",
}


def main() -> None:
    """Serves the plugin named by the first argument until the engine is gone."""
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in PLUGINS:
        sys.exit(f"usage: python -m {__spec__.name} {'|'.join(PLUGINS)} ENGINE-ADDRESS")
    _bare_sdk()
    importlib.import_module(PLUGINS[name]).main()


def _bare_sdk() -> None:
    found = importlib.util.find_spec("pulumi")
    if found is None or found.origin is None or "pulumi" in sys.modules:
        return
    folder = Path(found.origin).parent
    for package, place in (("pulumi", folder), ("pulumi.runtime", folder / "runtime")):
        bare = ModuleType(package)
        bare.__path__ = [str(place)]
        sys.modules[package] = bare


if __name__ == "__main__":
    main()
