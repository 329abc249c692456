"""A program that is a function of a test: run in the test's process by Pulumi's Automation API, and tidied up after."""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.runtime.settings import SETTINGS

_PATIENCE = 10.0
"""Seconds that the thread of a program, whose engine has ended already, may take to notice."""
_POLL = 0.01


class FunctionProgram:
    """The function, and what became of it the last time: the engine hands on only a text."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._loop: asyncio.AbstractEventLoop | None = None
        self.diagnosis: str | None = None
        """What it raised and where; None when it raised nothing."""

    def __call__(self) -> Any:
        """Runs it, as the Automation API does: in an event loop made for this once."""
        self._loop = asyncio.get_running_loop()
        self.diagnosis = None
        try:
            return self._function()
        except pulumi.RunError as error:  # a mistake in the input: its text says where
            self.diagnosis = str(error)
            raise
        except Exception as error:
            frames = error.__traceback__ and error.__traceback__.tb_next
            self.diagnosis = "".join(traceback.format_exception(type(error), error, frames)).strip()
            raise

    def settle(self) -> None:
        """Ends what a failed run left: tasks, their event loop, outputs that the next program would wait for.

        Else Python complains about them in some later test.
        """
        loop, self._loop = self._loop, None
        if loop is None or loop.is_closed():
            return
        deadline = time.monotonic() + _PATIENCE
        while loop.is_running() and time.monotonic() < deadline:
            time.sleep(_POLL)
        if not loop.is_closed() and not loop.is_running():
            closing = threading.Thread(target=_close, args=(loop,))  # this thread may have a loop that runs
            closing.start()
            closing.join()
        SETTINGS.outputs.clear()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
