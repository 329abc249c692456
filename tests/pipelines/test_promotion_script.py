"""The scripts, run by a real bash on real git repositories; ssh is a recorder that hands over to the local git."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.pipelines.choose_script import choose_script
from gitops_infra.pipelines.promotion_script import promotion_script
from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY
from gitops_infra.plan.model import Plan

SECRET = "GITOPS_DEPLOY_KEY"
TOKEN = "CANARY-TOKEN"


def script(plan: Plan, target: str) -> str:
    [promotion] = [promotion for promotion in plan.promotions if promotion.target == target]
    return promotion_script(plan, promotion)


@pytest.fixture
def to_staging(make_plan: Callable[..., Plan]) -> str:
    return script(make_plan(), "staging")


@pytest.fixture
def to_production(make_plan: Callable[..., Plan]) -> str:
    return script(make_plan(), "production")


def test_the_first_promotion_creates_the_branch_and_the_next_one_moves_it(delivery: Any, to_staging: str) -> None:
    first = delivery.commit()
    done = delivery.run(to_staging, GITHUB_SHA=first)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"staging: chosen {first}\nstaging: env/staging moved from nothing to {first}\n"
    second = delivery.commit()
    done = delivery.run(to_staging, GITHUB_SHA=second)
    assert done.stdout.splitlines()[1] == f"staging: env/staging moved from {first} to {second}"
    assert delivery.head("staging") == second


def test_a_promotion_that_is_run_again_moves_nothing_and_succeeds(delivery: Any, to_staging: str) -> None:
    sha = delivery.commit()
    delivery.run(to_staging, GITHUB_SHA=sha)
    done = delivery.run(to_staging, GITHUB_SHA=sha)
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, f"staging: env/staging is at {sha} already")


def test_going_back_is_refused_with_the_remedy(delivery: Any, to_staging: str) -> None:
    old, new = delivery.commit(), delivery.commit()
    delivery.run(to_staging, GITHUB_SHA=new)
    done = delivery.run(to_staging, GITHUB_SHA=old)
    assert done.returncode == 1
    assert done.stderr == (
        f"env/staging is at {new}, which contains {old}: it only moves forward. To go back, revert on main\n"
    )
    assert delivery.head("staging") == new


def test_a_diverged_branch_is_reported_with_both_commits_and_left_alone(delivery: Any, to_staging: str) -> None:
    base = delivery.commit()
    foreign = delivery.commit("foreign", "not on main", (base,))
    url = f"{delivery.server}/acme/shop-env-staging.git"
    delivery.git("acme/shop", "push", "--quiet", url, f"{foreign}:refs/heads/env/staging")
    sha = delivery.commit()
    done = delivery.run(to_staging, GITHUB_SHA=sha)
    assert done.returncode == 1
    assert done.stderr == f"env/staging has diverged: it is at {foreign}, which is not contained in {sha}\n"
    assert delivery.head("staging") == foreign


def test_a_commit_that_is_not_on_the_default_branch_is_refused(delivery: Any, to_staging: str) -> None:
    feature = delivery.commit("feature", "not merged", (delivery.commit(),))
    done = delivery.run(to_staging, GITHUB_SHA=feature)
    assert (done.returncode, done.stderr) == (1, f"{feature} is not a commit of main\n")
    assert delivery.head("staging") == ""


def test_an_unknown_commit_is_refused(delivery: Any, to_staging: str) -> None:
    done = delivery.run(to_staging, GITHUB_SHA="0" * 39 + "1")
    assert (done.returncode, done.stderr) == (1, f"{'0' * 39}1 is not a commit of main\n")


@pytest.mark.parametrize("given", ["main", "HEAD", "abc123", "A" * 40, "a" * 41, "--upload-pack=x", "$(id)", "a\nb"])
def test_anything_but_forty_hexadecimal_digits_is_refused(delivery: Any, to_staging: str, given: str) -> None:
    done = delivery.run(to_staging, GITHUB_SHA=given)
    assert done.returncode == 1
    assert done.stderr == "the commit must be given as 40 lower-case hexadecimal digits\n"


def test_without_a_key_it_says_when_there_will_be_one(delivery: Any, to_staging: str) -> None:
    done = delivery.run(to_staging, GITHUB_SHA=delivery.commit(), GITOPS_DEPLOY_KEY="")
    assert done.returncode == 1
    assert done.stderr == "staging has no secret GITOPS_DEPLOY_KEY: pulumi up makes it last, so run it to the end\n"


def test_a_state_repository_that_cannot_be_reached_is_named(delivery: Any, to_staging: str) -> None:
    gone = f"{delivery.server}/acme/gone.git"
    done = delivery.run(to_staging, GITHUB_SHA=delivery.commit(), GITOPS_STATE_URL=gone)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "acme/shop-env-staging does not let the deploy key in: if the key was rotated meanwhile, run this job again"
    )


def test_a_refused_push_is_named(delivery: Any, to_staging: str) -> None:
    hook = delivery.root / "acme/shop-env-staging.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    sha = delivery.commit()
    done = delivery.run(to_staging, GITHUB_SHA=sha)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"acme/shop-env-staging refused to move env/staging to {sha}"


def test_an_application_that_cannot_be_read_is_named(delivery: Any, to_staging: str) -> None:
    done = delivery.run(to_staging, GITHUB_SHA="a" * 40, GITHUB_REPOSITORY="acme/gone")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "cannot read main of acme/gone"


def test_in_github_actions_an_error_is_an_annotation(delivery: Any, to_staging: str) -> None:
    done = delivery.run(to_staging, GITHUB_SHA="main", GITHUB_ACTIONS="true")
    assert done.stderr == "::error::the commit must be given as 40 lower-case hexadecimal digits\n"


def test_the_chosen_commit_is_given_to_github_as_the_url_of_the_deployment(
    delivery: Any, make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    plan, sha = make_plan(), delivery.commit()
    output = tmp_path / "output"
    delivery.run(choose_script(plan, plan.promotions[0]), GITHUB_SHA=sha, GITHUB_OUTPUT=str(output))
    assert output.read_text() == f"url={delivery.server}/acme/shop/commit/{sha}\n"


def test_neither_key_nor_token_nor_history_stays_behind_or_is_printed(delivery: Any, to_staging: str) -> None:
    done = delivery.run(to_staging, GITHUB_SHA=delivery.commit(), GITHUB_TOKEN=TOKEN)
    assert done.returncode == 0
    assert "CANARY" not in done.stdout + done.stderr
    assert list((delivery.root / "runner temp").iterdir()) == []


@pytest.fixture
def ssh(delivery: Any, tmp_path: Path) -> Path:
    """A program `ssh`, first on PATH, that records what it gets and serves the repository from disk."""
    log, folder = tmp_path / "ssh.log", tmp_path / "bin"
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(
        "#!/bin/bash\n"
        f'{{ printf "ARG %s\\n" "$@"; find "$GITOPS_WORK/key" -perm 600; find "$GITOPS_WORK" -prune -perm 700\n'
        'sed "s/^/KEY /" "$GITOPS_WORK/key"; sed "s/^/HOST /" "$GITOPS_WORK/known_hosts"\n'
        f'env | sed "s/^/ENV /"; }} >> "{log}"\n'
        'command="${@: -1}"\n'
        f'exec bash -c "${{command/\\/acme/{delivery.root}/acme}}"\n'
    )
    program.chmod(0o755)
    delivery.extra["PATH"] = f"{folder}:{os.environ['PATH']}"
    return log


@pytest.mark.usefixtures("ssh")
def test_ssh_gets_the_key_in_a_private_file_and_trusts_only_the_given_host_key(
    delivery: Any, to_staging: str, ssh: Path
) -> None:
    sha = delivery.commit()
    given = {"GITOPS_STATE_URL": "ssh://git@forge.example/acme/shop-env-staging.git", "GITHUB_TOKEN": TOKEN}
    known = "forge.example ssh-ed25519 AAAA"
    done = delivery.run(to_staging, GITHUB_SHA=sha, GITOPS_KNOWN_HOSTS=known, **given)
    assert (done.returncode, delivery.head("staging")) == (0, sha), done.stderr
    seen = ssh.read_text()
    work = delivery.root / "runner temp" / "gitops-staging"
    options = [line.removeprefix("ARG ") for line in seen.splitlines() if line.startswith("ARG ")]
    for option in (
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        f'UserKnownHostsFile="{work}/known_hosts"',
        f"{work}/key",
        "git@forge.example",
    ):
        assert option in options
    assert "KEY CANARY-KEY" in seen.splitlines()
    assert f"HOST {known}" in seen.splitlines()
    assert {str(work), f"{work}/key"} <= set(seen.splitlines()), "the folder or the key is not private"
    leaked = [line for line in seen.splitlines() if "CANARY" in line and not line.startswith("KEY ")]
    assert leaked == []


@pytest.mark.usefixtures("ssh")
def test_any_other_server_than_github_needs_its_host_key(delivery: Any, to_staging: str) -> None:
    given = {"GITOPS_STATE_URL": "ssh://git@forge.example/acme/shop-env-staging.git"}
    done = delivery.run(to_staging, GITHUB_SHA=delivery.commit(), **given)
    assert done.returncode == 1
    assert done.stderr.startswith("GITOPS_KNOWN_HOSTS must give the host key lines of ")


def test_on_github_the_pinned_key_is_trusted_and_no_variable_can_change_that(
    delivery: Any, to_staging: str, ssh: Path
) -> None:
    delivery.extra |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{delivery.server}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    sha = delivery.commit()
    given = {"GITOPS_KNOWN_HOSTS": "github.com ssh-ed25519 EVIL", "GITHUB_SERVER_URL": "https://github.com"}
    done = delivery.run(to_staging.replace("${GITOPS_STATE_URL:-", "${NOTHING:-"), GITHUB_SHA=sha, **given)
    assert (done.returncode, delivery.head("staging")) == (0, sha), done.stderr
    seen = ssh.read_text().splitlines()
    assert {line for line in seen if line.startswith("HOST ")} == {f"HOST {GITHUB_COM_HOST_KEY}"}
    assert "ARG git@github.com" in seen


def test_the_token_goes_to_the_server_of_the_application_only(delivery: Any, to_staging: str, tmp_path: Path) -> None:
    """Git is told through its environment, never through arguments."""
    folder = tmp_path / "spy"
    folder.mkdir()
    spy = folder / "git"
    spy.write_text(
        f'#!/bin/bash\n{{ echo "ARGS $*"; env | grep -aE "^GIT_CONFIG_(COUNT|KEY|VALUE)"; }} >> "{tmp_path}/git.log"\n'
        f'exec "{shutil.which("git")}" "$@"\n'
    )
    spy.chmod(0o755)
    delivery.commit()
    sha = delivery.commit()
    delivery.extra["PATH"] = f"{folder}:{os.environ['PATH']}"
    assert delivery.run(to_staging, GITHUB_SHA=sha, GITHUB_TOKEN=TOKEN).returncode == 0
    lines = (tmp_path / "git.log").read_text().splitlines()
    assert f"GIT_CONFIG_KEY_0=http.{delivery.server}/.extraheader" in lines
    assert "GIT_CONFIG_VALUE_0=AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46Q0FOQVJZLVRPS0VO" in lines
    assert not any("CANARY" in line or "Q0FOQVJZ" in line for line in lines if line.startswith("ARGS"))
    pushes = [position for position, line in enumerate(lines) if line.startswith("ARGS") and " push " in line]
    assert len(pushes) == 1
    assert not any(line.startswith("GIT_CONFIG") for line in lines[pushes[0] :])


def test_production_gets_what_staging_runs_and_not_what_main_has_by_then(
    delivery: Any, to_staging: str, to_production: str
) -> None:
    passed = delivery.commit()
    delivery.run(to_staging, GITHUB_SHA=passed)
    newer = delivery.commit()
    done = delivery.run(to_production, "production", GITHUB_SHA=newer)
    assert (done.returncode, delivery.head("production")) == (0, passed), done.stderr


def test_production_takes_an_earlier_commit_that_staging_contained(
    delivery: Any, to_staging: str, to_production: str
) -> None:
    earlier, later = delivery.commit(), delivery.commit()
    delivery.run(to_staging, GITHUB_SHA=later)
    done = delivery.run(to_production, "production", GITOPS_SHA=earlier)
    assert (done.returncode, delivery.head("production")) == (0, earlier), done.stderr


def test_production_refuses_what_has_not_passed_staging(delivery: Any, to_staging: str, to_production: str) -> None:
    passed = delivery.commit()
    delivery.run(to_staging, GITHUB_SHA=passed)
    newer = delivery.commit()
    done = delivery.run(to_production, "production", GITOPS_SHA=newer)
    assert (done.returncode, done.stderr) == (1, f"{newer} has not passed staging, which runs {passed}\n")
    assert delivery.head("production") == ""


def test_production_waits_until_staging_runs_something(delivery: Any, to_production: str) -> None:
    done = delivery.run(to_production, "production", GITOPS_SHA=delivery.commit())
    assert (done.returncode, done.stderr) == (1, "staging runs nothing yet: promote to staging first\n")


def test_production_without_a_source_takes_the_head_of_the_default_branch(
    delivery: Any, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(promotions=[{"target": "production", "trigger": "on_approval"}])
    delivery.commit()
    head = delivery.commit()
    done = delivery.run(script(plan, "production"), "production")
    assert (done.returncode, delivery.head("production")) == (0, head), done.stderr


WITHIN = {"isolation": "branch", "writer": {"user": "mover", "id": 9, "key": "userKey"}}


def choose_gated(make_plan: Callable[..., Plan], trigger: str, target: str = "staging") -> str:
    """How a commit is chosen where production's ruleset requires a deployment to staging."""
    production = {"name": "production", "reviewers": [{"team": "platform", "id": 7}], **WITHIN}
    environments = [{"name": "staging", **WITHIN}, {**production, "required_deployments": ["staging"]}]
    promotions = [{"target": "staging", "trigger": trigger}, {"target": "production", "source": "staging"}]
    plan = make_plan(environments=environments, promotions=promotions)
    [promotion] = [promotion for promotion in plan.promotions if promotion.target == target]
    return choose_script(plan, promotion)


def no_deployment_of(sha: str, run: str) -> str:
    return (
        f"production requires a deployment to staging, and GitHub records this one for {run}: "
        f"this run cannot promote {sha}\n"
    )


def test_where_a_deployment_is_required_a_run_promotes_its_own_commit(
    delivery: Any, make_plan: Callable[..., Plan]
) -> None:
    """GitHub records the job's deployment for the commit that the run is for, whatever the job promotes."""
    older, run = delivery.commit(), delivery.commit()
    delivery.commit()
    choose = choose_gated(make_plan, "on_approval")
    done = delivery.run(choose, GITHUB_SHA=run)
    assert (done.returncode, done.stdout) == (0, f"staging: chosen {run}\n")
    done = delivery.run(choose, GITHUB_SHA=run, GITOPS_SHA=older)
    assert (done.returncode, done.stderr) == (1, no_deployment_of(older, run))


def test_a_release_of_an_older_commit_is_no_deployment_of_it(delivery: Any, make_plan: Callable[..., Plan]) -> None:
    older = delivery.commit()
    delivery.git("acme/shop", "tag", "v1.0.0", older)
    run = delivery.commit()
    done = delivery.run(choose_gated(make_plan, "on_release"), GITHUB_SHA=run, GITOPS_TAG="v1.0.0")
    assert (done.returncode, done.stderr) == (1, no_deployment_of(older, run))


def test_a_promotion_on_the_default_branch_promotes_its_own_commit_anyway(make_plan: Callable[..., Plan]) -> None:
    assert "requires a deployment" not in choose_gated(make_plan, "on_default_branch")
    assert "requires a deployment" not in choose_gated(make_plan, "on_approval", "production")


@contextmanager
def api(answers: dict[str, Any], token: str = TOKEN) -> Iterator[str]:
    """A GitHub that answers these paths (with their query) to that token; anything else is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in answers and self.headers["Authorization"] == f"Bearer {token}"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path)).encode() if known else b"{}")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def deployments(*records: dict[str, Any]) -> dict[str, Any]:
    """Answers for deployments of staging, newest first; `states` is a list of (state, environment_url)."""
    root = "/repos/acme/shop/deployments"
    listed = [{"id": number, "sha": record["sha"]} for number, record in enumerate(records)]
    return {f"{root}?environment=staging&per_page=50": listed} | {
        f"{root}/{number}/statuses?per_page=100": [
            {"state": state, "environment_url": url} for state, url in record["states"]
        ]
        for number, record in enumerate(records)
    }


def private_production(make_plan: Callable[..., Plan], trigger: str = "on_default_branch") -> str:
    promotions = [{"target": "staging", "trigger": trigger}, {"target": "production", "source": "staging"}]
    return script(make_plan("private", promotions=promotions), "production")


def test_the_commit_of_a_private_staging_is_that_of_its_last_deployment_that_succeeded(
    delivery: Any, make_plan: Callable[..., Plan]
) -> None:
    passed, failed = delivery.commit(), delivery.commit()
    url = f"{delivery.server}/acme/shop/commit/{passed}"
    record = deployments(
        {"sha": failed, "states": [("failure", ""), ("in_progress", "")]},
        {"sha": "f" * 40, "states": [("inactive", ""), ("success", url.replace("file:", "https:"))]},
    )
    with api(record) as server:
        given = {"GITHUB_API_URL": server, "GITHUB_TOKEN": TOKEN}
        done = delivery.run(private_production(make_plan), "production", **given)
    assert (done.returncode, delivery.head("production")) == (0, passed), done.stderr


@pytest.mark.parametrize(
    ("trigger", "error"),
    [("on_default_branch", None), ("on_approval", "staging runs nothing yet: promote to staging first")],
)
def test_the_commit_of_a_run_counts_only_where_a_run_promotes_its_own_commit(
    delivery: Any, make_plan: Callable[..., Plan], trigger: str, error: str | None
) -> None:
    sha = delivery.commit()
    with api(deployments({"sha": sha, "states": [("success", "")]})) as server:
        given = {"GITHUB_API_URL": server, "GITHUB_TOKEN": TOKEN}
        done = delivery.run(private_production(make_plan, trigger), "production", **given)
    assert done.stderr == ("" if error is None else f"{error}\n")
    assert delivery.head("production") == (sha if error is None else "")


def test_a_forged_record_of_an_unreviewed_commit_is_refused(delivery: Any, make_plan: Callable[..., Plan]) -> None:
    foreign = delivery.commit("feature", "not merged", (delivery.commit(),))
    url = f"https://forge.example/acme/shop/commit/{foreign}"
    with api(deployments({"sha": foreign, "states": [("success", url)]})) as server:
        given = {"GITHUB_API_URL": server, "GITHUB_TOKEN": TOKEN}
        done = delivery.run(private_production(make_plan), "production", **given)
    assert (done.returncode, done.stderr) == (1, f"{foreign} is not a commit of main\n")


def test_deployments_that_cannot_be_read_are_named(delivery: Any, make_plan: Callable[..., Plan]) -> None:
    with api({}) as server:
        given = {"GITHUB_API_URL": server, "GITHUB_TOKEN": TOKEN}
        done = delivery.run(private_production(make_plan), "production", **given)
    assert done.returncode == 1
    assert done.stderr == (
        "the deployments of staging cannot be read: HTTP Error 404: Not Found\ncannot tell which commit staging runs\n"
    )


ON_RELEASE = [{"target": "production", "trigger": "on_release"}]


def test_a_release_promotes_the_commit_of_its_tag(delivery: Any, make_plan: Callable[..., Plan]) -> None:
    released = delivery.commit()
    delivery.git("acme/shop", "tag", "-a", "-m", "release", "v1.2.3", released)
    delivery.commit()
    done = delivery.run(script(make_plan(promotions=ON_RELEASE), "production"), "production", GITOPS_TAG="v1.2.3")
    assert (done.returncode, delivery.head("production")) == (0, released), done.stderr


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("v1.2", "the tag v1.2 is none of v*.*.*"),
        ("x1.2.3", "the tag x1.2.3 is none of v*.*.*"),
        ("v1/0.2.3", "the tag v1/0.2.3 is none of v*.*.*"),
        ("v1.2..3", "the tag has a name that git refuses"),
        ("v1.2.3 x", "the tag has a name that git refuses"),
        ("v9.9.9", "there is no tag v9.9.9"),
        ("v0.0.1", "is not a commit of main"),
    ],
)
def test_a_tag_that_may_not_be_promoted_is_refused(
    delivery: Any, make_plan: Callable[..., Plan], tag: str, error: str
) -> None:
    feature = delivery.commit("feature", "not merged", (delivery.commit(),))
    delivery.git("acme/shop", "tag", "v0.0.1", feature)
    done = delivery.run(script(make_plan(promotions=ON_RELEASE), "production"), "production", GITOPS_TAG=tag)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(error)
    assert delivery.head("production") == ""


def test_nothing_is_written_for_an_environment_without_a_credential(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(environments=[{"name": "staging", "retired": True}], promotions=[{"target": "staging"}])
    with pytest.raises(ValueError, match="nothing can be promoted to 'staging': it has no credential"):
        script(plan, "staging")
