"""How a change moves from one environment to the next."""

from typing import Optional

from gitops_infra.topology.model import Model
from gitops_infra.topology.vocabulary import Method, Trigger


class Promotion(Model):
    """One edge: the commit that `source` runs becomes the commit of `target`."""

    target: str
    """Environment that is moved."""
    source: Optional[str] = None
    """Environment whose commit is taken. Default: the head of the default branch."""
    trigger: Optional[Trigger] = None
    """Default: `on_default_branch` without a source, else `on_approval`."""
    method: Optional[Method] = Method.FAST_FORWARD
    """How the target is moved."""
    tags: Optional[str] = "v*.*.*"
    """Release tags that may start it, for `on_release`. Checked in the job: GitHub ignores such filters."""
