"""Several checks at a time. Progress, and what an error does: tests/audit/test_requests.py."""

import threading

from gitops_infra.audit import tasks
from gitops_infra.audit.verification.exposure import Unverifiable


def hidden(name: str) -> Unverifiable:
    return Unverifiable(name, "what", "why", "remedy")


def test_what_they_find_comes_in_their_order() -> None:
    first = threading.Event()

    def slow() -> list[Unverifiable]:
        first.wait(10)
        return [hidden("slow")]

    def quick() -> list[Unverifiable]:
        first.set()
        return [hidden("quick")]

    assert [each.where for each in tasks.run("verify", [slow, quick], lambda _: None)] == ["slow", "quick"]
