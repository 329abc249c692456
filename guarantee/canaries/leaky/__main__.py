"""A program that leaks on purpose, one value on each surface: what finds none of them looks nowhere.

`LEAKS` names a file with the values by surface; `FAIL` makes it end with an error that tells one more.
"""

import base64
import binascii
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import pulumi
import pulumi_github as github

from gitops_infra import configured_provider

LEAKS: dict[str, str] = json.loads(Path(os.environ["LEAKS"]).read_text(encoding="utf-8"))
SECONDS = 0.3
"""How long what is seen only while it lasts is there."""


def encoded(surface: str) -> str:
    """The value of a surface in base64."""
    return base64.b64encode(f"a note: {LEAKS[surface]}".encode()).decode()


if os.environ.get("FAIL"):
    raise RuntimeError(f"this must not be told: {json.dumps(LEAKS['FAILURES'])}")

wire = pulumi.ComponentResource("leaky:index:Component", "wire", {"note": LEAKS["WIRE"]})
state = pulumi.ComponentResource("leaky:index:Component", "state")
state.register_outputs({"note": encoded("STATE")})
exported = pulumi.ComponentResource("leaky:index:Component", "export")
exported.register_outputs({"note": base64.urlsafe_b64encode(LEAKS["EXPORT"].encode()).decode()})
pulumi.export("note", binascii.hexlify(LEAKS["OUTPUTS"].encode()).decode().upper())

print(f"https://forge.invalid/?q={quote(LEAKS['TERMINAL'], safe='')}")
pulumi.log.debug(LEAKS["LOG"])
pulumi.log.info(binascii.hexlify(LEAKS["EVENTS"].encode()).decode())

Path(pulumi.runtime.get_root_directory(), "notes.env").write_text(f"NOTE='{LEAKS['PROJECT']}'\n", encoding="utf-8")
subprocess.run(["sh", "-c", f"sleep {SECONDS}", LEAKS["ARGUMENTS"]], check=True)
with tempfile.NamedTemporaryFile("w") as file:
    file.write(encoded("TEMPORARY"))
    file.flush()
    time.sleep(SECONDS)

github.IssueLabel(
    "forge",
    repository="shop",
    name="note",
    color="ededed",
    description=encoded("FORGE"),
    opts=pulumi.ResourceOptions(provider=configured_provider("github", owner="acme")),
)
