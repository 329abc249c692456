"""`gitops-infra`: what `pulumi` cannot do. One module per command."""

import sys


def main() -> None:
    """Runs the command line; says which extra is missing when its libraries are not installed."""
    try:
        from gitops_infra.cli.app import app  # noqa: PLC0415 - typer is an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "gitops_infra":
            raise
        sys.exit(f"gitops-infra needs {missing.name}. Run: python -m pip install 'gitops-infra[cli]'")
    app()
