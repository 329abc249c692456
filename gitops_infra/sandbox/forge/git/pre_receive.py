"""The pre-receive hook: hands the pushed refs to the forge and does as it says. Run by path, with `python -IS`.

Standard library only, and few of it: it starts for every push. Any failure refuses the push.
"""

import os
import socket
import sys

ADDRESS = "GITOPS_INFRA_FORGE_HOOK"
"""Environment variable: port on the loopback address."""
TOKEN = "GITOPS_INFRA_FORGE_PUSH"  # noqa: S105  (a name)
"""Environment variable: which push this is."""


def main() -> int:
    """0 when the forge accepts all refs. What it has to say goes to standard error, where the client sees it."""
    objects = os.environ.get("GIT_OBJECT_DIRECTORY", "")  # a push that only deletes brings no objects
    head = f"{os.environ[TOKEN]}\n{objects}\n".encode()
    with socket.create_connection(("127.0.0.1", int(os.environ[ADDRESS])), timeout=300) as connection:
        connection.sendall(head + sys.stdin.buffer.read())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    sys.stderr.buffer.write(answer[1:])
    return 0 if answer[:1] == b"0" else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, KeyError) as error:
        sys.stderr.write(f"error: the forge does not answer its push hook: {error!r}\n")
        sys.exit(1)
