"""What an audit found, as text for a terminal."""

from collections.abc import Iterable

from gitops_infra.audit.verification.exposure import Exposure, Unverifiable
from gitops_infra.audit.verify import Verification
from gitops_infra.cli.text_table import Page


def report(found: Verification) -> str:
    """The findings, worst first, and what could not be seen; with a line feed at its end."""
    page = Page()
    for finding in found.findings:
        _finding(page, finding)
    if found.unverifiable:
        page.line("NOT VERIFIABLE")
        for (why, remedy), each in _by_reason(found.unverifiable).items():
            page.entry(f"{'; '.join(each)}: {why}. {remedy}.")
        page.line("")
    page.line(summary(found))
    return str(page)


def summary(found: Verification) -> str:
    """One line: how much was looked at, and what came of it."""
    looked = ", ".join(f"{number} {_plural(name, number)}" for name, number in found.looked_at.items() if number)
    by_severity: dict[str, int] = {}
    for finding in found.findings:
        by_severity[finding.severity.value] = by_severity.get(finding.severity.value, 0) + 1
    told = [f"{number} {name}" for name, number in by_severity.items()]
    if found.unverifiable:
        told.append(f"{len(found.unverifiable)} not verifiable")
    return f"verify: looked at {looked}: {', '.join(told) or 'everything is as planned'}"


def _finding(page: Page, finding: Exposure) -> None:
    page.line(f"{finding.severity.upper()}  {finding.where}  [{finding.code}]")
    page.entry(f"expected {finding.expected}; found {finding.found}")
    page.entry(f"exploit: {finding.exploit}")
    by_command = f"`{finding.repair}`" in finding.remedy
    page.entry(f"remedy: {finding.remedy}" + ("" if by_command else f" ({finding.repair})"))
    page.line("")


def _by_reason(unverifiable: Iterable[Unverifiable]) -> dict[tuple[str, str], list[str]]:
    """What could not be seen for the same reason is told in one line."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in unverifiable:
        found.setdefault((each.why, each.remedy), []).append(f"{each.where}: {each.what}")
    return found


def _plural(name: str, number: int) -> str:
    one = {"repositories": "repository"}.get(name, name.removesuffix("s"))
    return one if number == 1 else name
