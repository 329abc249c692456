"""What a kill in the middle of a save leaves in a state folder."""

import glob
import json
from pathlib import Path


def torn_files(folder: Path, project: str, stack: str) -> tuple[Path, ...]:
    """Side files of one stack in a file backend that a killed save left unfinished, sorted; to be removed.

    Only of that stack: another one in the same folder may be saved right now.

    The backend writes a checkpoint whole or not at all, but the `.attrs` file beside it in place. An unfinished one
    makes Pulumi refuse the whole stack ("failed to load checkpoint: EOF"); without it the checkpoint is read as it is.
    """
    state = folder / ".pulumi"
    beside = (state / "stacks" / project).glob(f"{glob.escape(stack)}.json*.attrs")
    locks = (state / "locks" / "organization" / project / stack).glob("*.attrs")
    return tuple(path for path in sorted((*beside, *locks)) if not _whole(path))


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
