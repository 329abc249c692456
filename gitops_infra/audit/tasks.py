"""Several checks at a time, with a line of progress when it takes long."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

AT_ONCE = 8
"""Requests at the same time; GitHub allows 100 of one token."""
SILENT = 2.0
"""Seconds until the first line of progress."""
BETWEEN = 10.0
"""Seconds between two lines of progress."""

T = TypeVar("T")


def run(command: str, tasks: Sequence[Callable[[], Iterable[T]]], say: Callable[[str], None]) -> Iterator[T]:
    """What the tasks find, in their order; the first error ends the others. `command` is named in the progress."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=command) as pool:
        running = [pool.submit(_listed, task) for task in tasks]
        _wait(command, running, say)
        if any(future.done() and not future.cancelled() and future.exception() for future in running):
            pool.shutdown(wait=False, cancel_futures=True)
    failed = next((error for future in running if not future.cancelled() and (error := future.exception())), None)
    if failed is not None:
        raise failed
    yield from (found for future in running for found in future.result())


def _listed(task: Callable[[], Iterable[T]]) -> list[T]:
    return list(task())


def _wait(command: str, running: "Sequence[Future[list[T]]]", say: Callable[[str], None]) -> None:
    """Until all are done or one has failed."""
    patience = SILENT
    while True:
        done, pending = wait(running, patience, return_when=FIRST_EXCEPTION)
        if not pending or any(future.exception() for future in done):
            return
        say(f"{command}: {len(done)} of {len(running)} checks done")
        patience = BETWEEN
