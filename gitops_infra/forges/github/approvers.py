"""The numeric ids of those who approve deployments, or move a branch, on GitHub."""

import json
from collections.abc import Iterable

import pulumi
import pulumi_github as github

from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.plan.model import Approver
from gitops_infra.topology.problems import Problem

_OK = 200


class Approvers:
    """Ids of users and teams: given ones as they are, others by one call each, however often they are named.

    The call is `get_rest_api`: the data source for a user makes three calls, the one for a team at least two.
    """

    def __init__(self, owner: str, parent: pulumi.Resource) -> None:
        self._owner = owner
        self._options = pulumi.InvokeOptions(parent=parent)
        self._found: dict[str, pulumi.Output[int]] = {}

    def ids(self, approvers: Iterable[Approver]) -> dict[Approver, pulumi.Input[int]]:
        """The id of each approver. The program fails, naming it, when one does not exist."""
        return {approver: self._id(approver) for approver in approvers}

    def users(self, logins: Iterable[str]) -> dict[str, pulumi.Input[int]]:
        """The id of each user. The program fails, naming it, when one does not exist."""
        return {login: self._id(Approver(user=login)) for login in logins}

    def _id(self, approver: Approver) -> pulumi.Input[int]:
        if approver.id is not None:
            return approver.id
        endpoint = f"users/{approver.user}" if approver.team is None else f"orgs/{self._owner}/teams/{approver.team}"
        if endpoint not in self._found:
            answer = github.get_rest_api_output(endpoint=endpoint, opts=self._options)
            self._found[endpoint] = pulumi.Output.all(answer.code, answer.body).apply(
                lambda values: parse_id(self._owner, approver, code=int(values[0]), body=values[1])
            )
        return self._found[endpoint]


def parse_id(owner: str, approver: Approver, *, code: int, body: str) -> int:
    """The id in the forge's answer. Raises ConfigurationError for any other answer."""
    if code == _OK:
        found = json.loads(body).get("id")
        if isinstance(found, int):
            return found
    what = f"user {approver.user}" if approver.team is None else f"team {owner}/{approver.team}"
    raise ConfigurationError(
        [
            Problem(
                where=f"reviewer {what}",
                code="unknown-reviewer",
                reason=f"the forge knows no {what} (it answered {code})",
                remedy="Correct the name, or give the numeric `id`: a secret team is visible to its members only",
            )
        ]
    )
