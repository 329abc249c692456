"""`gitops-infra schema`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gitops_infra.cli.failure import UserError
from gitops_infra.topology.json_schema import stack_schema

DEFAULT = Path("stacks", "config", "stack.schema.json")


def schema_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; `-` is standard output.")] = DEFAULT,
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when the file is stale.")] = False,
) -> None:
    """Write the JSON Schema of stack files, for completion and checks in editors."""
    text = json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    if check:
        _compare(output, text)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {output}", err=True)


def _compare(output: Path, text: str) -> None:
    remedy = f"Run: gitops-infra schema -o {output}"
    try:
        found = output.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{output} is missing. {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{output} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if found != text:
        raise UserError(f"{output} is stale: the topology's models have changed. {remedy}")
