"""Compares a topology with the live forge before `pulumi up`: every problem at once, by reading only."""

from collections.abc import Callable, Iterator

from gitops_infra.audit.checks import owner, people, repositories, token
from gitops_infra.audit.findings import Finding, Severity, error
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.identity import identify
from gitops_infra.audit.scene import Known, Scene
from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology

CHECKS: tuple[Callable[[Scene], Iterator[Finding]], ...] = (token.check, repositories.check, people.check)

BAD_TOKEN = error(
    "token",
    "bad-token",
    "the forge does not accept it: it is wrong, expired or revoked",
    "Make a new one (an App installation token lives one hour) and pass it by GITHUB_TOKEN or --token-file",
)


def preflight(topology: Topology, plan: Plan, reader: GitHubReader, known: Known | None = None) -> tuple[Finding, ...]:
    """All findings, errors first; empty when nothing stands in the way.

    `known` is what the stack made already. A bad token or an absent owner is reported alone: nothing behind it can
    be seen. Raises ForgeUnreachable when the forge gives no usable answer.
    """
    identity = identify(reader)
    if identity is None:
        return (BAD_TOKEN,)
    scene = Scene(topology, plan, reader, identity, known or Known())
    findings = list(owner.check(scene))
    if not any(finding.code == "owner-absent" for finding in findings):
        for check in CHECKS:
            findings.extend(check(scene))
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.severity is Severity.WARNING))
