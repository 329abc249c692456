"""Settings of a forge, remembered and put back: what is tried on them must leave no trace for what is tried next."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gitops_infra.sandbox.forge.model import (
    Account,
    DeployKey,
    EnvironmentRecord,
    Repository,
    Ruleset,
    Team,
    Webhook,
)
from gitops_infra.sandbox.forge.record_codec import decode, encode
from gitops_infra.sandbox.forge.server import Sandbox

SETTINGS: dict[type, str] = {
    Account: "accounts",
    Team: "teams",
    Repository: "repositories",
    Ruleset: "rulesets",
    DeployKey: "deploy_keys",
    EnvironmentRecord: "environments",
    Webhook: "webhooks",
}
"""Kind of record -> where the store has all of them. No call that is tried removes a repository."""


@contextmanager
def kept(forge: Sandbox) -> Iterator[None]:
    """Takes back what happens to settings of repositories, environments, keys and teams."""
    store = forge.store
    with store.lock:
        before = {
            kind: {number: encode(each) for number, each in getattr(store, name).items()} for kind, name in _all()
        }
    try:
        yield
    finally:
        with store.transaction():
            for kind, name in _all():
                present, texts = dict(getattr(store, name)), before[kind]
                for number in present.keys() - texts.keys():
                    store.delete(present[number])
                for number, text in texts.items():
                    if number not in present:
                        store.add(decode(kind, text))
                    elif encode(present[number]) != text:
                        restore(forge, present[number], text)


def restore(forge: Sandbox, record: Any, text: str) -> None:
    """The record as it was when it was encoded as `text`, in the object that the forge and its callers hold."""
    vars(record).update(vars(decode(type(record), text)))
    forge.store.save(record)


def _all() -> Iterator[tuple[type, str]]:
    yield from SETTINGS.items()
