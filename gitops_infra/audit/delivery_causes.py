"""What Flux's messages mean. The words are those of source-controller 1.9 and kustomize-controller 1.9."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

UNBORN = re.compile(r"couldn't find remote ref|reference not found|git repository is empty|remote repository is empty")
"""The branch, or the whole repository, has no commit yet."""


@dataclass(frozen=True)
class Cause:
    """A message, known by a part of it or by its reason, and what to tell of it.

    `{branch}`, `{path}` and `{repository}` in the texts are those of the delivery.
    """

    mark: re.Pattern[str]
    code: str
    reason: str
    remedy: str
    quotes: bool = False
    """Whether the controller's own words follow."""
    passes: bool = False
    """It is only that an earlier step is not through yet."""


def _cause(  # noqa: PLR0913 - a row of a table
    mark: str, code: str, reason: str, remedy: str, *, quotes: bool = False, passes: bool = False
) -> Cause:
    return Cause(re.compile(mark, re.IGNORECASE), code, reason, remedy, quotes, passes)


OF_SOURCE = (
    _cause(
        r"knownhosts: key mismatch|knownhosts: key is unknown|host key|hostkey",
        "host-key",
        "the forge's SSH server has another host key than the one that is pinned",
        "Find out why; if it was changed on purpose, correct `known_hosts` and run `pulumi up`",
    ),
    _cause(
        r"unable to authenticate|permission denied|authentication required|access denied|repository not found"
        r"|ReadOnly|invalid auth",
        "key-refused",
        "the forge refuses the read-only deploy key for {repository}",
        "Raise `sync.generation` by one and run `pulumi up`, which makes a new one",
    ),
    _cause(
        r"failed to get secret|configure authentication",
        "key-absent",
        "the Secret with the deploy key is not there, or not whole",
        "Run `pulumi up --refresh`",
        quotes=True,
    ),
    _cause(
        r"signature verification|public keys secret error|InvalidCommitSignature",
        "not-signed",
        "the commit is not signed by any of `sync.signed_by`, so it is not applied",
        "Promote a commit that one of them has signed, or add the signer's key",
        quotes=True,
    ),
    _cause(
        UNBORN.pattern,
        "branch-gone",
        "{repository} has no branch `{branch}` any more",
        "Promote to the environment again",
    ),
    _cause(
        r"dial tcp|connection refused|no such host|i/o timeout|deadline exceeded|connection reset"
        r"|network is unreachable",
        "forge-unreachable-there",
        "the cluster does not reach the forge's SSH server",
        "Let the cluster reach it, or correct `known_hosts`, whose first word is the host",
        quotes=True,
    ),
)

OF_KUSTOMIZATION = (
    _cause(
        r"kustomization path not found",
        "path-absent",
        "the branch has no folder `{path}`",
        "Promote a commit that has it, or correct `manifests`",
    ),
    _cause(
        r"timeout waiting for.*cannot (list|get|watch) resource",
        "health-unreadable",
        "the environment's service account may not read what tells whether an object is healthy",
        "Add it to `sync.permissions`, with the verbs get, list and watch",
        quotes=True,
    ),
    _cause(
        r"health check failed|HealthCheckFailed|timeout waiting for|failed early",
        "unhealthy",
        "what was applied does not become healthy",
        "Look at the objects it names; the next promotion may put it right",
        quotes=True,
    ),
    _cause(
        r"is forbidden|\(Forbidden\)|cannot (create|patch|get|list|update|delete) resource",
        "refused",
        "the manifests hold what the environment's service account may not apply",
        "Add it to `sync.permissions` if it belongs there, or take it out of the manifests",
        quotes=True,
    ),
    _cause(
        r"kustomize build failed|BuildFailed|failed to decode|post build failed|decryption",
        "build-failed",
        "the manifests cannot be built",
        "Try `kustomize build {path}` in a checkout of the branch, and promote the correction",
        quotes=True,
    ),
    _cause(
        r"service ?account|impersonat",
        "account-absent",
        "the environment's service account cannot be used",
        "Run `pulumi up --refresh`",
        quotes=True,
    ),
    _cause(
        r"artifact not found|Source is not ready|Source '.*' not found",
        "no-artifact",
        "there is nothing to apply yet",
        "",
        passes=True,
    ),
    _cause(
        r"health checks canceled|HealthCheckCanceled",
        "superseded",
        "a newer revision came in between",
        "",
        passes=True,
    ),
    _cause(
        r"dry-run failed|\(Invalid\)|no matches for kind",
        "rejected",
        "the API server refuses an object of the manifests",
        "Correct the manifests, and promote the correction",
        quotes=True,
    ),
)
"""Tables from which the first that fits is taken."""


def cause_of(message: str, reason: str, causes: Iterable[Cause]) -> Cause | None:
    """What the message of a condition, and its reason, mean; None if nobody foresaw it."""
    return next((each for each in causes if each.mark.search(message) or each.mark.search(reason)), None)
