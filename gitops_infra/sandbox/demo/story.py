"""The main job on real parts: provision, deliver a change, try to break it, repair it, take it down."""

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pulumi
from pulumi import automation as auto

from gitops_infra import GitOpsTopology, GitOpsTopologyArgs, github_provider
from gitops_infra.audit.findings import Severity
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.preflight import preflight
from gitops_infra.pipelines.github_actions import promotion_script
from gitops_infra.plan.access import Actor, ActorKind, Operation
from gitops_infra.plan.build import plan as plan_topology
from gitops_infra.plan.model import Plan, Promotion
from gitops_infra.sandbox.client import Clone, KeyCredential, Outcome
from gitops_infra.sandbox.demo.cast import ADMIN, APPROVER, DEVELOPER, MAINTAINER, Cast
from gitops_infra.sandbox.demo.failure import DemoFailed
from gitops_infra.sandbox.demo.observe import Access, Cell, Observer, credential_of
from gitops_infra.sandbox.demo.screen import Screen
from gitops_infra.sandbox.engine import Engine, without_ambient
from gitops_infra.sandbox.forge.jobs import JobGrant, JobRefused, JobWaiting

TRIED = (Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE)


class Story:
    """The chapters, in order; each one raises DemoFailed when its outcome is not what was promised."""

    def __init__(self, engine: Engine, cast: Cast, screen: Screen, scratch: Path) -> None:
        self.cast, self.sandbox, self.screen, self.scratch = cast, cast.sandbox, screen, scratch
        self.kubeconfigs: dict[str, str] = {}
        """By cluster, once there are any."""
        self.topology = cast.topology()
        self.plan: Plan = plan_topology(self.topology)
        self.keys: dict[str, str] = {}
        """Environment -> private key, as its jobs got it."""
        self.ref = f"refs/heads/{cast.default_branch}"
        self.stack = engine.stack(
            "gitops-demo",
            cast.application.replace(".", "-"),
            self._program,
            scratch / "state",
            passphrase=secrets.token_urlsafe(24),
        )
        self.clone = Clone.of(self.sandbox.http_url(cast.full_name), scratch / "clone", cast.people[DEVELOPER])
        self._changes = 0

    def tell(self) -> None:
        """Everything up to the teardown, in order."""
        self._check_before()
        self._provision()
        sha = self._change()
        self._promote(sha)
        self._try_everything()
        self._settled()
        self._repair()

    def _program(self) -> None:
        provider = github_provider(
            "github", owner=self.topology.owner, token=self.cast.provisioner, base_url=f"{self.sandbox.url}/"
        )
        made = GitOpsTopology(
            self.cast.application,
            GitOpsTopologyArgs(
                topology=self.topology,
                kubeconfigs=dict(self.kubeconfigs),
            ),
            pulumi.ResourceOptions(providers=[provider]),
        )
        pulumi.export("environments", made.environments)
        pulumi.export("enforcement", made.enforcement)
        pulumi.export("retained", made.retained)

    # Chapters

    def _check_before(self) -> None:
        self.screen.chapter("Preflight: what would stand in the way, read from the live forge")
        with (
            self.screen.step(f"{self.cast.full_name} and its owner") as notes,
            GitHubReader(self.cast.provisioner, self.sandbox.url) as reader,
        ):
            findings = preflight(self.topology, reader)
            notes.append("nothing stands in the way")
        for finding in findings:
            self.screen.say(str(finding))
        if any(finding.severity is Severity.ERROR for finding in findings):
            raise DemoFailed("preflight reports errors for the demo's own topology")

    def _provision(self) -> None:
        self.screen.chapter("pulumi up: protected branches, one credential each, environments")
        with self.screen.step("first up") as notes:
            notes.append(_counted(self.up()))
        for name, report in self._outputs()["enforcement"].items():
            missing = [item for item in report["requested"] if item not in report["achieved"]]
            self.screen.say(f"{name}: {len(report['achieved'])} protections, missing: {', '.join(missing) or 'none'}")

    def _change(self) -> str:
        self.screen.chapter("A change: pushed to a branch, reviewed, merged")
        with self.screen.step(f"{DEVELOPER} pushes to {self.cast.default_branch} directly") as notes:
            head = self.head()
            commit = self.clone.commit(head, "Not reviewed", {"unreviewed.txt": "x"})
            self.refused(self.clone.push(self._application_url, f"{commit}:{self.ref}", self.cast.people[DEVELOPER]))
            notes.append("refused, as it must be")
        with self.screen.step(f"pull request by {DEVELOPER}, approved and merged by {MAINTAINER}") as notes:
            sha = self.merge_a_change()
            notes.append(f"{self.cast.default_branch} is {sha[:12]}")
        return sha

    def _promote(self, sha: str) -> None:
        self.screen.chapter("The change moves: staging by itself, production after an approval")
        for promotion in self.plan.promotions:
            environment = self.plan.environment(promotion.target)
            event = "workflow_dispatch" if environment.policy.approvers else "push"
            with self.screen.step(f"{promotion.target}: job of {self.cast.default_branch}") as notes:
                grant = self.job(promotion.target, event, notes)
                self.run_promotion(promotion, grant, sha)
                moved = self._state_head(promotion.target)
                if moved != sha:
                    raise DemoFailed(f"{environment.branch} is {moved} after the promotion of {sha}")
                notes.append(f"{environment.branch} is {sha[:12]}")
        with self.screen.step(f"a job of a branch of {DEVELOPER} asks for production's key") as notes:
            answer = self.sandbox.job(
                repository=self.cast.full_name,
                event="push",
                ref="refs/heads/change-1",
                environment="production",
                actor=DEVELOPER,
            )
            if not isinstance(answer, JobRefused):
                raise DemoFailed("a job of a feature branch got into the environment production")
            notes.append(f"refused: {answer.reason}")

    def _try_everything(self) -> None:
        self.screen.chapter("Who can move what: predicted by the plan, observed by real pushes")
        self.screen.say("worst case: the developer is given the role write in every repository")
        observer = self._observer()
        for environment in self.plan.environments:
            if environment.state is not None:
                self.sandbox.grant(environment.state.full_name, DEVELOPER, "write")
        cells: list[Cell] = []
        with self.screen.step("pushes") as notes:
            cells.extend(observer.matrix(*TRIED))
            wrong = [cell for cell in cells if not cell.agrees]
            notes.append(f"{len(cells)} tried, {len(cells) - len(wrong)} as predicted")
        self.screen.cells(cells)
        if wrong:
            raise DemoFailed(
                f"{len(wrong)} of {len(cells)} pushes did not end as predicted: {wrong[0].observed.message}"
            )

    def _settled(self) -> None:
        self.screen.chapter("pulumi up again, with refresh: nothing to change")
        with self.screen.step("second up") as notes:
            result = self.up(refresh=True)
            notes.append(_counted(result))
            if _changes(result):
                raise DemoFailed("the second up changed something")

    def _repair(self) -> None:
        self.screen.chapter("Somebody disables a ruleset; pulumi up repairs it")
        environment = self.plan.environment("production")
        if environment.state is None:
            raise DemoFailed("production has no state repository")
        wanted = next(ruleset for ruleset in environment.state.rulesets if ruleset.key == "integrity")
        address = f"{self.sandbox.api_url}/repos/{environment.state.full_name}/rulesets"
        with httpx.Client(headers={"Authorization": f"Bearer {self.cast.people[ADMIN].token}"}) as http:
            ids = {ruleset["name"]: ruleset["id"] for ruleset in http.get(address).raise_for_status().json()}
            with self.screen.step(f"{ADMIN}, an owner, disables '{wanted.name}' by the API"):
                http.put(f"{address}/{ids[wanted.name]}", json={"enforcement": "disabled"}).raise_for_status()
            with self.screen.step("up --refresh") as notes:
                result = self.up(refresh=True)
                notes.append(_counted(result))
            live = http.get(f"{address}/{ids[wanted.name]}").raise_for_status().json()["enforcement"]
        if live != "active" or not _changes(result):
            raise DemoFailed(f"the ruleset is {live} after the repair")

    def take_down(self) -> None:
        """The end. Raises DemoFailed as the rest."""
        self.screen.chapter("Teardown: credentials revoked, production and the application kept")
        retained = self._outputs()["retained"]
        with self.screen.step("destroy") as notes, without_ambient():
            self.stack.destroy(on_output=lambda _line: None)
            notes.append(f"{len(retained)} resources kept, with their protection")
        with self.screen.step("the old key of production") as notes:
            state = self.plan.environment("production").state
            if state is None:
                raise DemoFailed("production has no state repository")
            self.refused(self.clone.read(self.sandbox.ssh_url(state.full_name), self._key("production")))
            notes.append("opens nothing any more")
        with self.screen.step(f"{DEVELOPER} pushes to {self.cast.default_branch}") as notes:
            commit = self.clone.commit(self.head(), "Not reviewed", {"unreviewed.txt": "x"})
            self.refused(self.clone.push(self._application_url, f"{commit}:{self.ref}", self.cast.people[DEVELOPER]))
            notes.append("still refused")

    # Parts

    @property
    def release(self) -> str:
        """What the last change is called."""
        return f"1.0.{self._changes}"

    @property
    def _application_url(self) -> str:
        return self.sandbox.http_url(self.cast.full_name)

    def up(self, *, refresh: bool = False) -> auto.UpResult:
        """`pulumi up` of the topology as it is now."""
        # The program runs in this process, where an SDK would read somebody's GITHUB_TOKEN.
        with without_ambient():
            return self.stack.up(refresh=refresh, continue_on_error=True, on_output=lambda _line: None)

    def _outputs(self) -> dict[str, Any]:
        return {name: output.value for name, output in self.stack.outputs().items()}

    def made_by_up(self) -> str:
        """What an `up` of the topology as it is now made, in numbers."""
        return _counted(self.up())

    def head(self) -> str:
        """SHA of the default branch."""
        return self.clone.fetch(self._application_url, self.ref, self.cast.people[DEVELOPER])

    def _state_head(self, environment: str) -> str | None:
        wanted = self.plan.environment(environment)
        if wanted.state is None or wanted.ref is None:
            return None
        url = self.sandbox.http_url(wanted.state.full_name)
        return self.clone.head(url, wanted.ref, self.cast.people[ADMIN])

    def merge_a_change(self) -> str:
        """SHA of the default branch after one more reviewed pull request."""
        self._changes += 1
        branch = f"change-{self._changes}"
        files = {
            path: content
            for environment in ("staging", "production")
            for path, content in self.cast.manifests(environment, self.release).items()
        }
        commit = self.clone.commit(self.head(), f"Release {self.release}", files)
        developer = self.cast.people[DEVELOPER]
        pushed = self.clone.push(self._application_url, f"{commit}:refs/heads/{branch}", developer)
        if not pushed.allowed:
            raise DemoFailed(f"{DEVELOPER} cannot push {branch}: {pushed.message}")
        pull = self.sandbox.open_pull_request(self.cast.full_name, DEVELOPER, branch, self.cast.default_branch)
        self.sandbox.review(pull, MAINTAINER)
        self.sandbox.merge(pull, MAINTAINER)
        return self.head()

    def job(self, environment: str, event: str, notes: list[str]) -> JobGrant:
        """What a job of the default branch gets in that environment, once somebody approved."""
        answer = self.sandbox.job(
            repository=self.cast.full_name,
            event=event,
            ref=self.ref,
            environment=environment,
            actor=MAINTAINER,
            permissions={"contents": "read", "deployments": "read"},
        )
        if isinstance(answer, JobWaiting):
            own = self.sandbox.approve(answer.deployment_id, MAINTAINER)
            if not isinstance(own, JobRefused):
                raise DemoFailed(f"{MAINTAINER}, who started the job, could approve it")
            answer = self.sandbox.approve(answer.deployment_id, APPROVER)
            notes.append(f"started by {MAINTAINER}, approved by {APPROVER}")
        if not isinstance(answer, JobGrant):
            raise DemoFailed(f"the job of {environment} was refused: {getattr(answer, 'reason', answer)}")
        self.keys[environment] = answer.secrets["GITOPS_DEPLOY_KEY"]
        return answer

    def run_promotion(self, promotion: Promotion, grant: JobGrant, sha: str) -> None:
        """Runs the script of the generated workflow with what its job would see, and nothing else."""
        runner = self.scratch / f"runner-{promotion.target}-{self._changes}"
        runner.mkdir()
        state = grant.variables["GITOPS_STATE_REPOSITORY"]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(runner),
            "RUNNER_TEMP": str(runner),
            "GITHUB_API_URL": self.sandbox.api_url,
            "GITHUB_REPOSITORY": self.cast.full_name,
            "GITHUB_SERVER_URL": self.sandbox.url,
            "GITHUB_SHA": sha,
            "GITHUB_TOKEN": grant.token,
            "GITOPS_STATE_URL": self.sandbox.ssh_url(state),
            "GITOPS_KNOWN_HOSTS": self.sandbox.known_hosts,
            **grant.variables,
            **grant.secrets,
        }
        script = promotion_script(self.plan, promotion)
        done = subprocess.run(
            ["bash", "-c", script], cwd=runner, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DemoFailed(f"the promotion to {promotion.target} failed: {(done.stderr or done.stdout).strip()}")
        self.sandbox.finish(grant, environment_url=f"{self.sandbox.url}/{self.cast.full_name}/commit/{sha}")

    def _key(self, environment: str) -> KeyCredential:
        return KeyCredential(self.keys[environment], self.sandbox.known_hosts)

    def _observer(self) -> Observer:
        http, ssh, people = self.sandbox.http_url, self.sandbox.ssh_url, self.cast.people
        actors = {
            Actor(ActorKind.DEVELOPER): Access(http, people[DEVELOPER]),
            Actor(ActorKind.OWNER): Access(http, people[ADMIN]),
            **{credential_of(name): Access(ssh, self._key(name)) for name in self.keys},
        }
        return Observer(self.plan, self.clone, Access(http, people[ADMIN]), actors, self.merge_a_change)

    def refused(self, outcome: Outcome) -> None:
        """Raises DemoFailed where a push got through."""
        if outcome.allowed:
            raise DemoFailed("a push that must be refused was accepted")


def _counted(result: auto.UpResult) -> str:
    """How many resources were made, changed and left alone."""
    changes = result.summary.resource_changes or {}
    return json.dumps({str(kind): count for kind, count in sorted(changes.items())}).strip("{}").replace('"', "")


def _changes(result: auto.UpResult) -> int:
    changes = result.summary.resource_changes or {}
    return sum(count for kind, count in changes.items() if kind != "same")
