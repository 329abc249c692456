"""A limit on how long anything may take, whatever it hangs in."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class NoAnswer(Exception):  # noqa: N818 - says what happened
    """The time is up."""


def bounded(call: Callable[[], T], seconds: float) -> T:
    """What the call returns or raises. Raises NoAnswer after so many seconds; the call is then left alone.

    Timeouts of a socket bound neither the resolution of names, nor several addresses in turn, nor a credential plugin.
    """
    done: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            done.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            done.put((None, error))

    Thread(target=run, daemon=True, name="bounded").start()
    try:
        result, error = done.get(timeout=seconds)
    except Empty:
        raise NoAnswer from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # what the call returned
