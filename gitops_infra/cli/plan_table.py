"""The plan's report as text for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gitops_infra.cli.text_table import Page

Data = Mapping[str, Any]


def tables(report: Data) -> str:
    """The report (`plan.report.report`) as text, with a line feed at its end."""
    page = Page()
    owner = report["owner"]
    page.line(f"{owner['name']}: {owner['kind']}, price plan {owner['price_plan']}")
    for title, head, rows in _tables(report):
        if rows:
            page.line(f"\n{title}")
            page.table(head, rows)
    for title, lines in _lists(report):
        page.line(f"\n{title}")
        for line in lines:
            page.entry(line)
    return str(page)


def _tables(report: Data) -> Iterator[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Title, head and rows of each table, in the order in which a reader asks."""
    several = len({each["application"] for each in report["environments"]}) > 1

    def name(each: Data, key: str = "name") -> str:
        """The environment, with its repository where there are several of that name."""
        return f"{each[key]} of {_short(each['application'])}" if several else each[key]

    yield (
        "REPOSITORIES",
        ("name", "origin", "visibility", "for", "destroy", "Actions"),
        [
            (
                each["name"],
                each["origin"],
                each["visibility"],
                " ".join(word for word in (each["role"], each["environment"]) if word),
                "keeps it" if each["kept_on_destroy"] else "deletes it",
                _actions(each["actions"]),
            )
            for each in report["repositories"]
        ],
    )
    yield (
        "FILES, LABELS, GRANTS",
        ("repository", "files", "labels", "grants"),
        [
            (
                each["name"],
                _words(each["files"], ",\n"),
                _words(each["labels"]),
                _words([f"{grant['team'] or grant['user']}: {grant['role']}" for grant in each["grants"]]),
            )
            for each in report["repositories"]
            if each["files"] or each["labels"] or each["grants"]
        ],
    )
    for repository in report["repositories"]:
        yield (
            f"RULESETS OF {repository['name']}",
            ("ruleset", "refs", "forbids", "requires", "bypass"),
            [
                (
                    ruleset["name"],
                    _refs(ruleset),
                    _words([word for rule, word in FORBIDS.items() if rule in ruleset["rules"]]),
                    _words(_required(ruleset["rules"])),
                    _words([_actor(actor) for actor in ruleset["bypass"]], none="nobody"),
                )
                for ruleset in repository["rulesets"]
            ],
        )
    yield (
        "ENVIRONMENTS",
        ("name", "kind", "isolation", "branch", "jobs of", "start"),
        [
            (
                name(each) + (" (retired)" if each["retired"] else ""),
                each["kind"],
                each["isolation"] or "-",
                _place(each),
                _words(each["policy"]["refs"]),
                _start(each["policy"]),
            )
            for each in report["environments"]
        ],
    )
    yield (
        "CREDENTIALS",
        ("environment", "credential", "moves branches of", "secret", "generation"),
        [
            (
                name(each),
                each["credential"]["holder"],
                each["credential"]["moves_branches_of"],
                each["credential"]["secret"],
                str(each["credential"]["generation"] or "-"),
            )
            for each in report["environments"]
            if each["credential"]
        ],
    )
    yield (
        "VARIABLES AND SECRETS",
        ("environment", "variables", "secrets"),
        [
            (
                name(each),
                _words([f"{key}={_line(value)}" for key, value in each["variables"].items()], "\n"),
                _words(each["secrets"]),
            )
            for each in report["environments"]
            if each["variables"] or each["secrets"]
        ],
    )
    yield (
        "PROMOTIONS",
        ("from", "to", "starts", "method"),
        [
            (
                each["source"] or "default branch",
                name(each, "target"),
                " ".join(word for word in (each["trigger"].replace("_", " "), each["tags"]) if word),
                each["method"].replace("_", " "),
            )
            for each in report["promotions"]
        ],
    )
    yield (
        "ENFORCEMENT",
        ("environment", "will hold", "will not hold"),
        [
            (
                name(each, "environment"),
                _words(each["achieved"]),
                _words([word for word in each["requested"] if word not in each["achieved"]]),
            )
            for each in report["enforcement"]
        ],
    )
    yield (
        "ACCESS",
        ("environment", "moves the branch", "breaks it", "reads the secrets"),
        [
            (
                name(each, "environment"),
                _words(each["movers"], none="nobody"),
                _words(each["breakers"], none="nobody"),
                _words(each["secret_readers"], none="nobody"),
            )
            for each in report["access"]
        ],
    )


def _lists(report: Data) -> Iterator[tuple[str, Sequence[str]]]:
    """Title and sentences of what is no table."""
    why = [f"{each['environment']}: {reason}" for each in report["enforcement"] for reason in each["why"]]
    if why:
        yield "WHY, AND WHERE IT ENDS", list(dict.fromkeys(why))
    yield "WHO CAN UNDO IT", list(dict.fromkeys(line for lines in report["undoers"].values() for line in lines))
    requests = report["requests"]
    kinds = ", ".join(f"{kind} {number}" for kind, number in requests["by_kind"].items())
    yield (
        "REQUESTS OF A FIRST `pulumi up`",
        [f"{requests['total']} at most, {requests['writes']} of them writes", kinds],
    )


def _words(words: Iterable[str], between: str = ", ", *, none: str = "-") -> str:
    return between.join(words) or none


def _short(full_name: str) -> str:
    return full_name.rpartition("/")[2]


def _line(value: str) -> str:
    """One line: host keys and certificates have several."""
    return ascii(value)[1:-1] if not value.isprintable() else value


def _actions(actions: Data | None) -> str:
    if actions is None:
        return "as they are"
    if not actions["enabled"]:
        return "off"
    limits = [
        None if actions["patterns"] is None else _words(["GitHub's", *actions["patterns"]], " and "),
        "by commit" if actions["sha_pinning"] else None,
    ]
    return _words([limit for limit in limits if limit], none="on")


def _refs(ruleset: Data) -> str:
    """Refs without what all of them begin with, and which target they are."""
    start = {"branch": "refs/heads/", "tag": "refs/tags/"}[ruleset["target"]]

    def listed(refs: Iterable[str]) -> str:
        return _words([ALL[ruleset["target"]] if ref == "~ALL" else ref.removeprefix(start) for ref in refs])

    return listed(ruleset["include"]) + (f" but {listed(ruleset['exclude'])}" if ruleset["exclude"] else "")


ALL = {"branch": "all branches", "tag": "all tags"}
FORBIDS = {
    "creation": "creation",
    "update": "update",
    "deletion": "deletion",
    "non_fast_forward": "force",
    "required_linear_history": "merge commits",
}
"""Rules that forbid an operation, and the word for it."""


def _required(rules: Data) -> Iterator[str]:
    """What a change must have, in words."""
    if "pull_request" in rules:
        rule = rules["pull_request"]
        owners = " of a code owner" if rule["code_owner_review"] else ""
        yield f"pull request with {rule['approvals']} approval{'' if rule['approvals'] == 1 else 's'}{owners}"
    for key, word in (("required_checks", "checks"), ("required_deployments", "deployments to")):
        if key in rules:
            yield f"{word} {_words(rules[key])}"


def _actor(actor: Data) -> str:
    kinds = {"DeployKey": "every write key", "Integration": "GitHub App", "User": "user"}
    who = kinds.get(actor["kind"], actor["kind"])
    named = actor["login"] or actor["id"]
    return f"{who} {named}" if named else str(who)


def _place(environment: Data) -> str:
    if environment["branch"] is None:
        return "-"
    former = f"\nbefore in {_short(environment['former_place'])}" if environment["former_place"] else ""
    return f"{environment['branch']}\nin {_short(environment['repository'])}{former}"


def _start(policy: Data) -> str:
    """What lies between a job's request and its start."""
    named = [
        f"team {each['team']}" if each["team"] else each["user"] or str(each["id"]) for each in policy["approvers"]
    ]
    wait = f"after {policy['wait_minutes']} min" if policy["wait_minutes"] else None
    approved = f"approved by {_words(named, ' or ')}" if named else None
    return _words([word for word in (approved, wait) if word], none="at once")
