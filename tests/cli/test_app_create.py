"""`gitops-infra app`: a browser (httpx) clicks through the sandbox forge's own pages."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from typer.testing import Result

from gitops_infra.apps import creation
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.server import Sandbox

Cli = Callable[..., Result]

STACK_FILE = """\
# The application shop.
config:
  gitops-infra:topology:
    owner: acme
    github_plan: enterprise
    application: {name: shop, existing: true, visibility: private} # ours
    environments:
      - name: staging # every commit
        isolation: branch
      - {name: production, isolation: branch, reviewers: [{team: platform}]}
      - {name: old, kind: staging}
      - {name: review}
"""

PULUMI = """\
#!/bin/bash
# A stand-in for the pulumi command: secret values are files below $VAULT, arguments are logged.
printf '%s\\n' "$*" >> "$VAULT/arguments"
case "$1 $2" in
  "config --json") printf '{'; for f in "$VAULT"/values/*; do
      [ -e "$f" ] && printf '"shop:%s": {"secret": true}' "${f##*/}"; done; printf '}' ;;
  "config set")
      [ ! -e "$VAULT/fail-after" ] || { n=$(cat "$VAULT/fail-after"); echo $((n - 1)) > "$VAULT/fail-after"
        [ "$n" -gt 0 ] || { cat >/dev/null; echo "error: could not reach the key service" >&2; exit 1; }; }
      [[ "$*" == *gitops-infra-*Pulumi.shop.yaml* ]] && { cat >/dev/null; exit 0; }
      cat > "$VAULT/values/$4" ;;
  "config get") cat "$VAULT/values/$3" ;;
esac
"""


@dataclass
class Stack:
    """A project with a stack file, and a `pulumi` on PATH that keeps values in a folder."""

    file: Path
    vault: Path

    def value(self, key: str) -> str:
        return (self.vault / "values" / key).read_text()

    @property
    def arguments(self) -> str:
        log = self.vault / "arguments"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    project, programs, vault = tmp_path / "project", tmp_path / "programs", tmp_path / "vault"
    for folder in (project, programs, vault / "values"):
        folder.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    file = project / "Pulumi.shop.yaml"
    file.write_text(STACK_FILE)
    (programs / "pulumi").write_text(PULUMI)
    (programs / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("VAULT", str(vault))
    return Stack(file, vault)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge") as running:
        running.add_user("olivia")
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        for name in ("shop", "other"):
            running.add_repository(f"acme/{name}", auto_init=True)
        yield running


class Form(HTMLParser):
    """The first form of a page: where it goes, and what it holds before anybody touches it."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self._select, self._inside = "", False
        self.feed(page.text)
        self.url = urljoin(str(page.url), self.action)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside, self.action = True, self.action or given.get("action", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select:
            self.fields.setdefault(self._select, given["value"])
        elif tag == "input" and self._inside and given.get("type") not in ("checkbox", "radio"):
            self.fields[given["name"]] = given.get("value", "")


@dataclass
class Browser:
    """Somebody who clicks. Every page that was seen is kept."""

    http: httpx.Client = field(default_factory=lambda: httpx.Client(follow_redirects=True, trust_env=False, timeout=30))
    pages: list[httpx.Response] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def get(self, address: str) -> httpx.Response:
        return self._seen(self.http.get(address))

    def submit(self, page: httpx.Response, **changes: str) -> httpx.Response:
        form = Form(page)
        return self._seen(self.http.post(form.url, data={**form.fields, **changes}))

    def confirm(self, address: str, **changes: str) -> httpx.Response:
        """From the page on this machine to the click on GitHub, and wherever that leads."""
        return self.submit(self.submit(self.get(address)), **changes)

    def install(self, page: httpx.Response, repository: str = "shop") -> httpx.Response:
        return self.submit(page, selection="selected", repository=repository)

    def _seen(self, page: httpx.Response) -> httpx.Response:
        self.pages.append(page)
        return page


Visit = Callable[[Browser, str], object]


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    for thread in made.threads:
        thread.join()
    made.http.close()


@pytest.fixture
def browse(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Callable[[Visit], Browser]:
    """`browse(visit)`: what the command opens in the browser is visited like this, beside it."""
    monkeypatch.setattr(creation, "POLL_SECONDS", 0.05)

    def opened_by(visit: Visit) -> Browser:
        def open_page(address: str) -> bool:
            thread = threading.Thread(target=visit, args=(browser, address))
            browser.threads.append(thread)
            thread.start()
            return True

        monkeypatch.setattr("webbrowser.open", open_page)
        return browser

    return opened_by


def stay_away(_: Browser, address: str) -> None:
    """Nobody looks at the page."""


def create(cli: Cli, stack: Stack, forge: Sandbox, *more: object, environment: str = "staging") -> Result:
    patience = () if "--timeout" in more else ("--timeout", 1)
    return cli("app", "create", environment, "--stack-file", stack.file, "--base-url", forge.url, *patience, *more)


def nobody_saw_a_key(result: Result, browser: Browser, stack: Stack) -> None:
    for text in (result.output, stack.arguments, *(page.text for page in browser.pages)):
        assert "PRIVATE KEY" not in text
        assert "pem" not in text


def test_two_clicks_make_and_install_the_app_and_its_key_is_kept(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browser = browse(lambda one, address: one.install(one.confirm(address)))
    result = create(cli, stack, forge)
    assert result.exit_code == 0, result.output
    app = forge.find_app("shop-staging-gitops")
    assert result.stdout.splitlines() == [
        f"writer: {{app: {app.id}, key: stagingAppKey}}",
        f"ok: stagingAppKey is a key of GitHub App {app.id} (shop-staging-gitops)",
        "ok: it is installed on acme/shop",
        "ok: it has contents: write on acme/shop",
        "ok: it has workflows: write on acme/shop",
    ]
    assert (app.public, app.events, app.permissions) == (
        False,
        [],
        {"metadata": "read", "contents": "write", "workflows": "write"},
    )
    assert forge.store.accounts[app.owner_id].login == "acme"
    assert stack.value("stagingAppKey").startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert stack.file.read_text() == STACK_FILE
    nobody_saw_a_key(result, browser, stack)


def test_it_writes_one_line_into_the_stack_file_when_asked(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browse(lambda one, address: one.install(one.confirm(address)))
    result = create(cli, stack, forge, "--write")
    assert result.exit_code == 0, result.output
    line = f"        writer: {{app: {forge.find_app('shop-staging-gitops').id}, key: stagingAppKey}}\n"
    assert stack.file.read_text() == STACK_FILE.replace(
        "        isolation: branch\n", f"        isolation: branch\n{line}"
    )
    again = create(cli, stack, forge)
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr.startswith("staging has its App: `writer: {app: ")
    checked = cli("app", "check", "staging", "--cwd", stack.file.parent, "--base-url", forge.url)
    assert (checked.exit_code, checked.stderr, checked.stdout.count("ok: ")) == (0, "", 4)


def test_the_name_that_was_confirmed_counts(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browse(lambda one, address: one.install(one.confirm(address, name="acme mover")))
    result = create(cli, stack, forge, environment="production")
    assert result.exit_code == 0, result.output
    assert f"writer: {{app: {forge.find_app('acme-mover').id}, key: productionAppKey}}" in result.stdout


def test_a_name_that_is_taken_is_changed_on_the_page_of_github(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    forge.create_app("acme", "shop-staging-gitops", {})

    def visit(one: Browser, address: str) -> None:
        assert one.confirm(address).status_code == 422
        one.install(one.confirm(address, name="shop-staging-2"))

    browse(visit)
    result = create(cli, stack, forge)
    assert result.exit_code == 0, result.output
    assert f"writer: {{app: {forge.find_app('shop-staging-2').id}, key: stagingAppKey}}" in result.stdout


def test_a_key_from_the_page_of_the_app_replaces_the_first_one(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    """The steps that --new-key names."""
    browser = browse(lambda one, address: one.install(one.confirm(address)))
    assert create(cli, stack, forge, "--write").exit_code == 0
    first = stack.value("stagingAppKey")
    for thread in browser.threads:
        thread.join()
    settings = f"{forge.url}/organizations/acme/settings/apps/shop-staging-gitops"
    made = browser.http.post(f"{settings}/keys", data={"act_as": "olivia"})
    subprocess.run(["pulumi", "config", "set", "--secret", "stagingAppKey"], input=made.content, check=True)
    assert stack.value("stagingAppKey") not in ("", first)
    checked = cli("app", "check", "staging", "--cwd", stack.file.parent, "--base-url", forge.url)
    assert (checked.exit_code, checked.stdout.count("ok: ")) == (0, 4), checked.output


def test_an_answer_with_another_state_is_turned_away_and_the_wait_goes_on(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    def visit(one: Browser, address: str) -> None:
        for query in ("code=stolen&state=guessed", "code=stolen", "", "state="):
            page = one.get(f"{address}/made?{query}")
            assert page.status_code == 400
        one.install(one.confirm(address))

    browser = browse(visit)
    assert create(cli, stack, forge).exit_code == 0
    assert "This answer was not asked for" in browser.pages[0].text
    assert [request.path for request in forge.requests].count("/app-manifests/stolen/conversions") == 0


def test_a_code_that_somebody_else_has_used_makes_nothing(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    def visit(one: Browser, address: str) -> None:
        page = one.submit(one.get(address))
        form = Form(page)
        made = one.http.post(form.url, data=form.fields, follow_redirects=False)
        code = re.findall("code=([^&]+)", made.headers["location"])[0]
        httpx.post(f"{forge.api_url}/app-manifests/{code}/conversions", trust_env=False).raise_for_status()
        one.get(made.headers["location"])

    browser = browse(visit)
    result = create(cli, stack, forge)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == (
        "gitops-infra: GitHub does not know the code: it was used already, or is older than an hour. Nothing was "
        f"stored. If {forge.url}/organizations/acme/settings/apps lists an App of the name that you confirmed, delete "
        "it; then run this again"
    )
    assert browser.pages[-1].status_code == 500
    assert "The terminal says why" in browser.pages[-1].text
    assert list((stack.vault / "values").iterdir()) == []


def test_an_error_that_github_reports_ends_it(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    def visit(one: Browser, address: str) -> None:
        state = re.findall('state=([^&"]+)', one.get(address).text)[0]
        one.get(f"{address}/made?error=access_denied&state={state}")

    browse(visit)
    result = create(cli, stack, forge)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "gitops-infra: GitHub made no App: it reports 'access_denied'. Run this again",
    )


def test_without_a_click_it_gives_up(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browse(lambda one, address: one.get(address))
    result = create(cli, stack, forge, "--timeout", 0.005)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "gitops-infra: nobody confirmed the App within 0 s. Run this again; --timeout gives more time",
    )


def test_without_an_installation_it_says_how_to_go_on(
    cli: Cli, stack: Stack, forge: Sandbox, *, monkeypatch: pytest.MonkeyPatch, browse: Callable[[Visit], Browser]
) -> None:
    """How long it waits is proved in tests/apps/test_creation.py."""
    monkeypatch.setattr(creation, "await_installation", lambda *_, **__: ("acme/shop",))
    browse(lambda one, address: one.install(one.confirm(address), "other"))
    result = create(cli, stack, forge)
    assert result.exit_code == 1
    install = f"{forge.url}/apps/shop-staging-gitops/installations/new"
    assert result.stderr.splitlines()[-1] == (
        "gitops-infra: it is not installed on acme/shop yet. App and key are kept: install it at "
        f"{install}, then run `gitops-infra app check staging --stack-file {stack.file}`"
    )
    assert stack.value("stagingAppKey").startswith("-----BEGIN")


def test_a_port_in_use_is_named(cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]) -> None:
    browse(stay_away)
    port = urlsplit(forge.url).port
    result = create(cli, stack, forge, "--port", port)
    assert (result.exit_code, result.stderr) == (
        1,
        f"gitops-infra: port {port} of 127.0.0.1 is in use. Choose another one with --port, or leave it out\n",
    )


def test_without_pulumi_no_page_is_opened(
    cli: Cli, stack: Stack, forge: Sandbox, *, monkeypatch: pytest.MonkeyPatch, browse: Callable[[Visit], Browser]
) -> None:
    browser = browse(lambda one, address: one.get(address))
    monkeypatch.setenv("PATH", str(stack.vault))
    result = create(cli, stack, forge)
    assert (result.exit_code, result.stderr, browser.pages) == (
        1,
        "gitops-infra: there is no `pulumi` on PATH; install it, or put the sandbox's on PATH\n",
        [],
    )


def test_a_stack_that_can_store_no_secret_is_found_out_before_there_is_an_app(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browser = browse(lambda one, address: one.get(address))
    (stack.vault / "fail-after").write_text("0")
    result = create(cli, stack, forge)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: could not reach the key service"
    assert browser.pages == []


def test_a_key_that_cannot_be_stored_costs_the_app_and_nothing_else(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browser = browse(lambda one, address: one.confirm(address))
    (stack.vault / "fail-after").write_text("1")
    result = create(cli, stack, forge)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "its key could not be stored: `pulumi config set --secret stagingAppKey" in result.stderr
    assert result.stderr.splitlines()[-1] == (
        f"The key is lost, nothing else is. Delete the App at {forge.url}/organizations/acme/settings/apps/"
        "shop-staging-gitops/advanced, and run this again"
    )
    assert browser.pages[-1].status_code == 500
    nobody_saw_a_key(result, browser, stack)


def test_a_run_that_was_killed_after_it_stored_the_key_is_taken_up(
    cli: Cli, stack: Stack, forge: Sandbox, browse: Callable[[Visit], Browser]
) -> None:
    browse(stay_away)
    (stack.vault / "values" / "stagingAppKey").write_text("a key")
    result = create(cli, stack, forge)
    assert result.exit_code == 1
    assert result.stderr == (
        "gitops-infra: the stack has a value stagingAppKey already, and the topology no `writer`: an earlier run did "
        f"not come to its end. Look the App's id up at {forge.url}/organizations/acme/settings/apps, add `writer: "
        f"{{app: ID, key: stagingAppKey}}` to {stack.file} and run `gitops-infra app check staging`. Or begin anew: "
        "delete the App there, and run `pulumi config rm stagingAppKey`\n"
    )


def started(stack: Stack, forge: Sandbox) -> tuple[subprocess.Popen[str], str]:
    """The command as a process of its own, and the address of its page."""
    command = [sys.executable, "-c", "from gitops_infra.cli import main; main()", "app", "create", "staging"]
    options = ["--stack-file", str(stack.file), "--base-url", forge.url, "--no-browser"]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores Ctrl-C, and would hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (it only sets a signal)
    )
    assert process.stderr is not None
    begin = process.stderr.readline()
    assert begin.startswith("Begin: http://127.0.0.1:"), begin
    return process, begin.removeprefix("Begin: ").strip()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ctrl_c_before_the_click_leaves_nothing(stack: Stack, forge: Sandbox) -> None:
    process, address = started(stack, forge)
    with httpx.Client(trust_env=False) as http:
        assert http.get(address).status_code == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == (
        "stopped before a key was stored. Run this again; delete an App of that name first, if there is one\n"
    )


def test_ctrl_c_while_it_waits_for_the_installation_says_how_to_go_on(
    stack: Stack, forge: Sandbox, browser: Browser
) -> None:
    process, address = started(stack, forge)
    browser.confirm(address)
    wait_for(lambda: any(request.path.endswith("/installation") for request in forge.requests))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == f"writer: {{app: {forge.find_app('shop-staging-gitops').id}, key: stagingAppKey}}\n"
    assert err.splitlines()[-1] == (
        f"stopped. App and key are kept: install it at {forge.url}/apps/shop-staging-gitops/installations/new, "
        f"then run `gitops-infra app check staging --stack-file {stack.file}`"
    )


def test_killed_after_the_click_the_key_is_stored_already(stack: Stack, forge: Sandbox, browser: Browser) -> None:
    process, address = started(stack, forge)
    browser.confirm(address)
    process.kill()
    process.communicate(timeout=30)
    assert stack.value("stagingAppKey").startswith("-----BEGIN RSA PRIVATE KEY-----")


OLD = "the isolation of old is `repository`, where a deploy key moves its branch. An App does so under "


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("absent", "the topology has no environment 'absent'. It has staging, production, old, review"),
        ("review", "review is of kind review: it has no branch that an App could move"),
        ("old", f"{OLD}`isolation: branch`"),
    ],
)
def test_an_environment_that_no_app_moves_is_refused(
    cli: Cli, stack: Stack, forge: Sandbox, environment: str, message: str
) -> None:
    result = create(cli, stack, forge, environment=environment)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"gitops-infra: {message}\n")


def test_any_other_problem_of_the_topology_comes_first(cli: Cli, stack: Stack, forge: Sandbox) -> None:
    stack.file.write_text(STACK_FILE.replace("name: old", "name: staging"))
    result = create(cli, stack, forge)
    assert result.exit_code == 1
    assert "[writer-missing]" not in result.stderr
    assert "problem" in result.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        (
            "topology.yaml",
            (),
            "{file} is not the file of a stack (Pulumi.<stack>.yaml). Name the stack with --stack",
        ),
        (
            "Pulumi.dev.yaml",
            ("--stack", "acme/shop/prod"),
            "{file} is the file of stack dev, and --stack says acme/shop/prod. Give the file of that stack",
        ),
        ("Pulumi.dev.yaml", ("--cwd", "absent"), "absent is no folder. Give --cwd the folder of the Pulumi project"),
    ],
)
def test_the_stack_must_be_told(
    cli: Cli, stack: Stack, forge: Sandbox, *, name: str, more: tuple[str, ...], message: str
) -> None:
    stack.file = stack.file.rename(stack.file.with_name(name))
    result = create(cli, stack, forge, *more)
    assert (result.exit_code, result.stderr) == (1, f"gitops-infra: {message.format(file=stack.file)}\n")


def test_a_new_key_is_explained_and_nothing_changes(cli: Cli, stack: Stack, forge: Sandbox) -> None:
    first = create(cli, stack, forge, "--new-key")
    assert (first.exit_code, first.stderr) == (
        1,
        "gitops-infra: staging has no App yet. Run this without --new-key\n",
    )
    text = stack.file.read_text().replace(
        "        isolation: branch\n", "        isolation: branch\n        writer: {app: 17, key: k}\n"
    )
    stack.file.write_text(text)
    result = create(cli, stack, forge, "--new-key")
    assert result.exit_code == 0
    assert "pulumi config set --secret k --stack shop < THE_FILE.pem" in result.stdout
    assert f"{forge.url}/organizations/acme/settings/apps: choose the App" in result.stdout
    assert (stack.file.read_text(), stack.arguments) == (text, "")


def test_check_says_what_is_wrong_and_is_exit_code_1(cli: Cli, stack: Stack, forge: Sandbox) -> None:
    app = forge.app("acme", "mover", {"contents": "write"})
    stack.file.write_text(
        STACK_FILE.replace(
            "        isolation: branch\n", f"        isolation: branch\n        writer: {{app: {app.id}, key: k}}\n"
        )
    )
    (stack.vault / "values" / "k").write_text(forge.app_key(app))
    result = cli("app", "check", "staging", "--stack-file", stack.file, "--base-url", forge.url)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"ok: k is a key of GitHub App {app.id} (mover)",
        "ok: it is installed on acme/shop",
        "ok: it has contents: write on acme/shop",
    ]
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: GitHub App {app.id} of environment staging: it lacks workflows: write on acme/shop")


@pytest.mark.engine
def test_the_real_pulumi_keeps_the_key_encrypted(
    cli: Cli,
    stack: Stack,
    forge: Sandbox,
    engine: Engine,
    *,
    monkeypatch: pytest.MonkeyPatch,
    browse: Callable[[Visit], Browser],
    tmp_path: Path,
) -> None:
    environment = engine.environment(tmp_path / "state", "a passphrase")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = engine.run(["stack", "init", "shop"], cwd=stack.file.parent, env=environment)
    assert done.returncode == 0, done.stderr
    browse(lambda one, address: one.install(one.confirm(address)))
    result = create(cli, stack, forge, "--write")
    assert result.exit_code == 0, result.output
    text = stack.file.read_text()
    assert "BEGIN" not in text
    assert text.count("secure: ") == 1
    assert "- name: staging # every commit" in text
    assert "# The application shop." in text
    values = engine.run(["config", "--json", "--stack", "shop"], cwd=stack.file.parent, env=environment)
    assert json.loads(values.stdout)["shop:stagingAppKey"] == {"secret": True}
    checked = cli("app", "check", "staging", "--stack-file", stack.file, "--base-url", forge.url)
    assert (checked.exit_code, checked.stdout.count("ok: ")) == (0, 4)
