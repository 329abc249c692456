"""Assertions about a stack: nothing left to change, no secret in what Pulumi wrote down."""

import base64
import json
from collections.abc import Iterator

from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.stack import Stack

SHORTEST = 8
"""Characters of a secret that can be told from other text."""


def assert_no_changes(stack: Stack) -> None:
    """A further `up`, after reading what is really there, would change nothing.

    Raises AssertionError with each resource that would change, and the properties that differ.
    """
    __tracebackhide__ = True
    changes = stack.preview(refresh=True).changes
    if changes:
        lines = "\n".join(f"    {change}" for change in changes)
        raise AssertionError(f"stack {stack.name}: a further `up` would change {len(changes)} resources\n{lines}")


def assert_no_secret_in_state(stack: Stack, *more: str) -> None:
    """No secret is readable in the stack's state, its backups and its history.

    Looked for: what its forge holds as secrets of repositories and environments (private keys line by line), the
    stack's token, passphrase and secret configuration, and `more`; each as it is, as JSON and in base64.

    Raises AssertionError with the secret's name and the file and resource where it was found, never its value;
    ValueError for a secret of fewer than 8 characters, which would be found in anything.
    """
    __tracebackhide__ = True
    texts = {path: path.read_text(errors="replace") for path in sorted(stack.state.rglob("*")) if path.is_file()}
    if not texts:
        raise AssertionError(f"stack {stack.name} has no state yet: run up first")
    found = []
    for name, value in [
        *_of_forge(stack.forge),
        *stack.hidden().items(),
        *((f"secret {n}", v) for n, v in enumerate(more, 1)),
    ]:
        if len(value.strip()) < SHORTEST:
            raise ValueError(f"{name} is too short to be looked for: give it a value of {SHORTEST} characters or more")
        pieces = list(_pieces(value))
        found += [
            f"{name}: {path.relative_to(stack.state)}{_resource(text, pieces)}"
            for path, text in texts.items()
            if any(piece in text for piece in pieces)
        ]
    if found:
        lines = "\n".join(f"    {line}" for line in dict.fromkeys(found))
        raise AssertionError(f"stack {stack.name}: secrets can be read in its state\n{lines}")


def _of_forge(forge: Sandbox) -> Iterator[tuple[str, str]]:
    store = forge.store
    for repository in store.repositories.values():
        full_name = store.full_name(repository)
        for name, entry in repository.secrets.items():
            yield f"secret {name} of {full_name}", entry["value"]
        for environment in store.environments_of(repository):
            for name, entry in environment.secrets.items():
                yield f"secret {name} of environment {environment.name} of {full_name}", entry["value"]


def _pieces(value: str) -> Iterator[str]:
    """Texts that give the secret away."""
    whole = value.strip()
    lines = [line.strip() for line in whole.splitlines() if not line.startswith("-----")]
    for piece in [*lines, json.dumps(whole)[1:-1], base64.b64encode(value.encode()).decode()]:
        if len(piece) >= SHORTEST:
            yield piece


def _resource(text: str, pieces: list[str]) -> str:
    """`, resource NAME` when the file is a checkpoint and one of its resources has it."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    resources = (
        document.get("checkpoint", {}).get("latest", {}).get("resources") if isinstance(document, dict) else None
    )
    for resource in resources or ():
        if any(piece in json.dumps(resource) for piece in pieces):
            return f", resource {str(resource.get('urn', '')).rpartition('::')[2]}"
    return ""
