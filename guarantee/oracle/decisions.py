"""One attempt on the forge's own decision: the functions that git over HTTP, git over SSH and REST end in.

Real git objects and refs, no network. What was allowed has happened, as on a forge that runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gitops_infra.plan.actors import ActorKind, Operation
from gitops_infra.sandbox.forge import jobs, pulls
from gitops_infra.sandbox.forge.git.bare import ABSENT
from gitops_infra.sandbox.forge.git.transport import AccessError, authorise
from gitops_infra.sandbox.forge.identity import of_user
from gitops_infra.sandbox.forge.rules import RefUpdate
from gitops_infra.sandbox.forge.updates import apply
from guarantee.oracle.choices import HEADS
from guarantee.oracle.furnish import call, public_key
from guarantee.oracle.inhabitants import APPROVERS, AUTHOR
from guarantee.oracle.objects import read_ref, write_ref
from guarantee.oracle.oracle import JOBS
from guarantee.oracle.parties import Party
from guarantee.oracle.settled import PROBE, Settled

REFUSALS = frozenset({401, 403, 404, 405, 409, 422})
BY_API = frozenset(
    {
        Operation.REST_UPDATE,
        Operation.REST_FORCE,
        Operation.RENAME,
        Operation.MERGE_REVIEWED,
        Operation.MERGE_UNREVIEWED,
        Operation.EDIT_RULESET,
        Operation.ADD_KEY,
        Operation.EDIT_POLICY,
    }
)
"""Whoever has an SSH key only has no door to try these at."""

LATER = 50 * 24 * 3600.0
"""Seconds: longer than any wait timer."""


@dataclass(frozen=True)
class Attempt:
    """What somebody tries, with the commits that make it what it is called."""

    party: Party
    repository: str
    ref: str
    operation: Operation
    before: str | None = None
    """The ref's commit; None: it does not exist."""
    after: str | None = None
    """What it shall become; None: it shall vanish."""
    approved: bool = True
    """Of `READ_SECRET`: whether somebody approves the job."""
    nobody: bool = False
    """Of an outsider: without any token."""
    number: int = 0
    """Of the step: for names that are used once."""

    def __str__(self) -> str:
        moved = "" if self.after is None else f" to {self.after[:7]}"
        return f"{self.party}: {self.operation.value}{moved} on {self.ref} of {self.repository}"


class BrokenForgeError(AssertionError):
    """The forge answered neither yes nor no: that must never pass for either."""


class Decisions:
    """The decision function of one settled forge."""

    def __init__(self, settled: Settled) -> None:
        self.settled = settled
        self.store = settled.store

    def ask(self, attempt: Attempt) -> bool | None:
        """Whether the forge allows it; what it allows has happened then. None: the party has no door to try it at."""
        if attempt.operation in BY_API and self.settled.token(attempt.party) is None:
            return None
        with self.store.transaction():
            return self._ask(attempt)

    def _ask(self, attempt: Attempt) -> bool:  # noqa: PLR0911 - one line an operation
        match attempt.operation:
            case Operation.READ:
                return self._read(attempt)
            case Operation.READ_SECRET:
                return self._secret(attempt)
            case Operation.MERGE_REVIEWED | Operation.MERGE_UNREVIEWED:
                return self._merge(attempt)
            case Operation.REST_UPDATE | Operation.REST_FORCE:
                body = {"sha": attempt.after, "force": attempt.operation is Operation.REST_FORCE}
                return self._call(attempt, "PATCH", f"git/{quote(attempt.ref)}", body)
            case Operation.RENAME:
                branch = quote(attempt.ref.removeprefix(HEADS), safe="")
                return self._call(attempt, "POST", f"branches/{branch}/rename", {"new_name": f"other/{attempt.number}"})
            case Operation.EDIT_RULESET | Operation.ADD_KEY | Operation.EDIT_POLICY:
                return self._settings(attempt)
            case _:
                return self._push(attempt)

    def _push(self, attempt: Attempt) -> bool:
        """What git over HTTP or SSH ends in, after the same question who that is."""
        identity = self.settled.identity(attempt.party, nobody=attempt.nobody)
        if identity is None:
            return False
        update = RefUpdate(attempt.ref, attempt.before or ABSENT, attempt.after or ABSENT)
        via = "ssh" if self.settled.token(attempt.party) is None else "http"
        return apply(self.store, identity, self.settled.repository(attempt.repository), update, via).allowed

    def _read(self, attempt: Attempt) -> bool:
        identity = self.settled.identity(attempt.party, nobody=attempt.nobody)
        if identity is None:
            return False
        owner, _, name = attempt.repository.partition("/")
        try:
            authorise(self.store, identity, owner, name, "git-upload-pack")
        except AccessError:
            return False
        return True

    def _call(self, attempt: Attempt, method: str, rest: str, body: Mapping[str, object] | None) -> bool:
        token = None if attempt.nobody else self.settled.token(attempt.party)
        answer = call(self.settled.forge, token, method, f"/repos/{attempt.repository}/{rest}", body)
        if answer.status >= 300 and answer.status not in REFUSALS:  # noqa: PLR2004 - no success
            raise BrokenForgeError(f"{attempt}: {answer.status} {answer.body}")
        return answer.status < 300  # noqa: PLR2004 - success

    def _merge(self, attempt: Attempt) -> bool:
        """A merge of a pull request whose head, `after`, somebody else has pushed; it is gone afterwards."""
        settled, head = self.settled, f"head/{attempt.number}"
        application = settled.application(attempt.repository)
        record, git_dir = settled.repository(attempt.repository), settled.git_dir(attempt.repository)
        write_ref(git_dir, HEADS + head, attempt.after or ABSENT)
        base, author = attempt.ref.removeprefix(HEADS), of_user(settled.forge.user(AUTHOR))
        pull = pulls.open_pull_request(self.store, author, record, head, base, "a change")
        if attempt.operation is Operation.MERGE_REVIEWED:
            for login in APPROVERS[: application.required_reviews or 1]:
                pulls.review(self.store, of_user(settled.forge.user(login)), pull, "APPROVE")
        method = "squash" if application.linear_history else "merge"
        allowed = self._call(attempt, "PUT", f"pulls/{pull.number}/merge", {"merge_method": method})
        if not allowed:
            pull.state = "closed"
            self.store.save(pull)
        write_ref(git_dir, HEADS + head, ABSENT)
        return allowed

    def _settings(self, attempt: Attempt) -> bool:
        """Writes what is there already: whoever may do that may write anything."""
        match attempt.operation:
            case Operation.EDIT_RULESET:
                ruleset = self.store.rulesets_of(self.settled.repository(attempt.repository))[0]
                return self._call(attempt, "PUT", f"rulesets/{ruleset.id}", {"name": ruleset.name})
            case Operation.ADD_KEY:
                return self._add_key(attempt)
            case _:
                return self._call(attempt, "PUT", f"environments/{quote(_name(attempt), safe='')}", {})

    def _add_key(self, attempt: Attempt) -> bool:
        title = f"added {attempt.number}"
        allowed = self._call(attempt, "POST", "keys", {"title": title, "key": public_key(title), "read_only": False})
        for key in self.store.deploy_keys_of(self.settled.repository(attempt.repository)):
            if key.title == title:
                self.store.delete(key)
        return allowed

    def _secret(self, attempt: Attempt) -> bool:
        if attempt.party.actor.kind in JOBS:
            return self._by_job(attempt)
        token = self.settled.token(attempt.party)
        if token is None:
            return False
        environment = self.store.environment(self.settled.repository(attempt.repository), _name(attempt))
        held = environment.secrets if environment else {}
        path = f"/repos/{attempt.repository}/environments/{quote(_name(attempt), safe='')}/secrets"
        answers = [call(self.settled.forge, token, "GET", f"{path}{each}") for each in ("", *(f"/{n}" for n in held))]
        return any(str(secret["value"]) in str(answer.body) for answer in answers for secret in held.values())

    def _by_job(self, attempt: Attempt) -> bool:
        """A job of the party's kind names the environment; approved if that is what is tried, after its wait."""
        party, full_name = attempt.party, attempt.repository
        if party.application != self.settled.known.grounds[full_name].application:
            return False
        default = self.settled.repository(full_name).default_branch
        git_dir, main = self.settled.git_dir(full_name), HEADS + default
        tip, head = read_ref(git_dir, main) or ABSENT, f"head/{attempt.number}"
        flat = f"flat-{attempt.number}"
        for name in (head, flat):
            write_ref(git_dir, HEADS + name, self.settled.objects.child(tip, f"head {attempt.number}"))
        author = of_user(self.settled.forge.user(AUTHOR))
        pull = pulls.open_pull_request(self.store, author, self.settled.repository(full_name), head, default, "")
        merged = f"refs/pull/{pull.number}/merge"
        starts: dict[ActorKind, tuple[dict[str, Any], ...]] = {
            ActorKind.FORK_JOB: ({"event": "pull_request", "ref": merged, "actor": "rita", "fork": True},),
            ActorKind.FEATURE_JOB: (
                {"event": "push", "ref": HEADS + head, "actor": "dana"},
                {"event": "push", "ref": HEADS + flat, "actor": "dana"},
                {"event": "pull_request", "ref": merged, "actor": "dana"},
            ),
            ActorKind.DEFAULT_JOB: ({"event": "push", "ref": main, "actor": "dana"},),
        }
        asked: dict[str, Any] = {"repository": full_name, "environment": _name(attempt)}
        outcomes = [
            self._approved(attempt, jobs.job(self.store, **asked, **start)) for start in starts[party.actor.kind]
        ]
        pull.state = "closed"
        self.store.save(pull)
        for name in (head, flat):
            write_ref(git_dir, HEADS + name, ABSENT)
        return any(isinstance(each, jobs.JobGrant) and PROBE in each.secrets for each in outcomes)

    def _approved(self, attempt: Attempt, outcome: jobs.Outcome) -> jobs.Outcome:
        for login in APPROVERS if attempt.approved else ():
            if isinstance(outcome, jobs.JobWaiting) and outcome.reviewers:
                answer = jobs.approve(self.store, outcome.deployment_id, login)
                outcome = outcome if isinstance(answer, jobs.JobRefused) else answer
        if isinstance(outcome, jobs.JobWaiting) and not outcome.reviewers:
            self.settled.clock.now += LATER
            outcome = jobs.proceed(self.store, outcome.deployment_id)
            self.settled.clock.now -= LATER
        return outcome


def _name(attempt: Attempt) -> str:
    return attempt.ref.removeprefix("environment/")
