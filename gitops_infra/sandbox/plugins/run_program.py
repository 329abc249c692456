"""Runs one Pulumi program as a child of the language host; the host starts this file by its path.

Reads one JSON object from standard input, never arguments or environment: it carries secret configuration, and those
can be read by others and are inherited by the program's own children. Keys: root, directory, entry_point, args,
project, stack, organization, monitor, engine, parallel, dry_run, config, config_secret_keys.

It needs nothing but the standard library and `pulumi`, for it runs in the project's environment, where
gitops-infra may not be installed.
"""

import asyncio
import json
import logging
import os
import runpy
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SHOWN = 32
"""Exit code: the program failed and its user has been told why (the same code as the official host's)."""


def main() -> int:
    """The exit code: 0, or `SHOWN` after an error has been shown."""
    given = json.load(sys.stdin)
    _end_with_parent()
    os.chdir(given["directory"])
    program = Path(given["directory"], given["entry_point"]).resolve()
    sys.argv = [str(program), *given["args"]]
    # In place of this file's folder, whose modules would hide the program's own.
    sys.path[0] = str(program if program.is_dir() else program.parent)
    try:
        import pulumi  # noqa: F401, PLC0415  tells a missing SDK apart from a failing program
    except ImportError as error:
        reason = f"the interpreter {sys.executable} cannot import pulumi ({error})"
        remedy = f"Run: {sys.executable} -m pip install pulumi, or set the runtime option virtualenv in Pulumi.yaml"
        sys.stderr.write(f"error: {reason}. {remedy}.\n")
        return 1
    return _run(given, program)


def _run(given: dict[str, Any], program: Path) -> int:
    import grpc  # noqa: PLC0415  as below
    import pulumi  # noqa: PLC0415  imported once it is known to be there
    from pulumi import runtime  # noqa: PLC0415
    from pulumi.runtime import config, stack  # noqa: PLC0415

    runtime.configure(
        runtime.Settings(
            project=given["project"],
            stack=given["stack"],
            organization=given["organization"],
            monitor=given["monitor"],
            engine=given["engine"],
            parallel=given["parallel"],
            dry_run=given["dry_run"],
            root_directory=given["root"],
        )
    )
    config.set_all_config(given["config"], given["config_secret_keys"])
    # Failures of tasks reach the user through the engine; asyncio would repeat them as "never retrieved".
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=4 * max(given["parallel"], 1)))

    def execute() -> None:
        runpy.run_path(str(program), run_name="__main__")

    try:
        loop.run_until_complete(stack.run_in_stack(execute))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return SHOWN
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:  # else the engine is gone: nobody to tell, nothing to add
            pulumi.log.error(_told(error, program))
        return SHOWN
    except Exception as error:  # noqa: BLE001  whatever a program raises is shown to its user
        pulumi.log.error(_told(error, program))
        return SHOWN
    finally:
        _finish(loop)
    return 0


def _told(error: BaseException, program: Path) -> str:
    """The traceback from the program's first frame on; whole if the program has none in it."""
    folder = program if program.is_dir() else program.parent
    frame = error.__traceback__
    while frame is not None and not Path(frame.tb_frame.f_code.co_filename).is_relative_to(folder):
        frame = frame.tb_next
    lines = traceback.format_exception(type(error), error, frame or error.__traceback__)
    return "Program failed with an unhandled exception:\n" + "".join(lines)


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels what still runs, else asyncio complains about destroyed tasks."""

    async def settle() -> None:
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    loop.run_until_complete(settle())
    loop.close()
    sys.stdout.flush()
    sys.stderr.flush()


def _end_with_parent() -> None:
    """A host that is killed cannot end its program; so the program watches."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
