"""Who gets in over HTTP and SSH, and what git's own features do there."""

import gzip
import http.client
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.git.bare import ABSENT
from gitops_infra.sandbox.forge.git.report import packet
from gitops_infra.sandbox.forge.server import Sandbox

UPLOAD = "git-upload-pack"


def request(
    forge: Sandbox, method: str, path: str, token: str | None = None, content: bytes | None = None, **headers: Any
) -> Any:
    if token:
        headers["Authorization"] = "Basic " + b64encode(f"x:{token}".encode()).decode()
    return httpx.request(method, forge.url + path, headers=headers, content=content, trust_env=False)


# Authentication


def test_a_private_repository_asks_the_anonymous_for_a_token(forge: Sandbox) -> None:
    answer = request(forge, "GET", "/acme/shop.git/info/refs?service=git-upload-pack")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="GitHub"')
    missing = request(forge, "GET", "/acme/nothing.git/info/refs?service=git-upload-pack")
    assert (missing.status_code, missing.text) == (401, answer.text)


def test_anyone_may_fetch_a_public_repository_and_nobody_anonymous_may_push(
    forge: Sandbox, workplace: Callable[..., Any]
) -> None:
    forge.add_repository("acme/open", visibility="public", auto_init=True)
    clone = workplace("acme/open")
    clone.git("fetch", "origin", "main")
    assert request(forge, "GET", "/acme/open.git/info/refs?service=git-receive-pack").status_code == 401


@pytest.mark.parametrize("token", ["nonsense", "", "\0"])
def test_a_bad_token_is_refused_in_githubs_words(forge: Sandbox, token: str) -> None:
    credential = b64encode(f"x:{token}".encode()).decode()
    path = "/acme/shop.git/info/refs?service=git-upload-pack"
    answer = request(forge, "GET", path, Authorization=f"Basic {credential}")
    assert answer.status_code == 401
    answer = request(forge, "GET", path, Authorization="Basic ???")
    assert answer.status_code == 401
    assert answer.text == ("Invalid username or token. Password authentication is not supported for Git operations.\n")


def test_a_revoked_or_expired_token_is_refused(forge: Sandbox) -> None:
    path = "/acme/shop.git/info/refs?service=git-upload-pack"
    revoked, expired = forge.token("dana"), forge.token("dana", expires_in=-1)
    assert request(forge, "GET", path, revoked).status_code == 200
    forge.revoke(revoked)
    assert [request(forge, "GET", path, token).status_code for token in (revoked, expired)] == [401, 401]


def test_an_outsider_learns_nothing_of_a_private_repository(forge: Sandbox) -> None:
    token = forge.token("otto")
    path = "info/refs?service=git-upload-pack"
    known, unknown = (request(forge, "GET", f"/acme/{name}.git/{path}", token) for name in ("shop", "nothing"))
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text) == (404, "Repository not found.\n")


def test_an_app_without_contents_cannot_push(forge: Sandbox) -> None:
    token = forge.app_token(forge.app("acme", "reader", {"contents": "read"}))
    assert request(forge, "GET", "/acme/shop.git/info/refs?service=git-upload-pack", token).status_code == 200
    answer = request(forge, "GET", "/acme/shop.git/info/refs?service=git-receive-pack", token)
    assert (answer.status_code, answer.text) == (403, "Write access to repository not granted.\n")


@pytest.mark.parametrize(
    "path",
    [
        "/../shop.git/info/refs?service=git-upload-pack",
        "/acme/..%2fshop.git/info/refs?service=git-upload-pack",
        "/acme/shop.git/objects/info/packs",
        "/acme/shop.git/HEAD",
        "/acme/shop.git/config",
    ],
)
def test_no_path_reaches_a_file(forge: Sandbox, path: str) -> None:
    connection = http.client.HTTPConnection(forge.url.removeprefix("http://"))
    credential = b64encode(f"x:{forge.token('dana')}".encode()).decode()
    connection.request("GET", path, headers={"Authorization": f"Basic {credential}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in {401, 404, 501}
    assert b"ref:" not in body


@pytest.mark.parametrize("service", ["git-upload-archive", "", "git-upload-pack;id"])
def test_no_other_service_is_run_over_http(forge: Sandbox, service: str) -> None:
    answer = request(forge, "GET", f"/acme/shop.git/info/refs?service={service}", forge.token("dana"))
    assert answer.status_code == 403


def test_names_of_repositories_ignore_case(forge: Sandbox, workplace: Callable[..., Any]) -> None:
    clone = workplace("Acme/SHOP", login="dana")
    clone.git("fetch", "origin", "main")


# SSH


def test_a_deploy_key_fetches_and_pushes_and_its_use_is_noted(
    cloned: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox
) -> None:
    clone = cloned(key=deploy_key("acme/shop"))
    clone.commit()
    assert clone.push("main").returncode == 0
    assert forge.pushes[-1].via == "ssh"
    assert forge.pushes[-1].actor == "deploy key 'writer'"
    assert next(iter(forge.store.deploy_keys.values())).last_used is not None


def test_a_persons_key_has_the_persons_role(
    cloned: Callable[..., Any], make_key: Callable[..., Any], forge: Sandbox
) -> None:
    keys = {login: make_key(login) for login in ("dana", "reed")}
    for login, path in keys.items():
        forge.add_ssh_key(login, Path(f"{path}.pub").read_text())
    for login, code in (("dana", 0), ("reed", 1)):
        clone = cloned(key=keys[login])
        clone.commit()
        done = clone.push("main")
        assert (done.returncode == 0) == (code == 0)
    assert "ERROR: Permission to acme/shop.git denied to reed." in done.stderr


def test_a_read_only_key_fetches_and_cannot_push(
    cloned: Callable[..., Any], deploy_key: Callable[..., Any], bare: Callable[..., Any]
) -> None:
    clone = cloned(key=deploy_key("acme/shop", "reader", read_only=True))
    before = clone.head()
    clone.commit()
    assert "ERROR: The key you are authenticating with has been marked as read only." in clone.push("main").stderr
    assert bare().resolve("refs/heads/main") == before


def test_a_deploy_key_of_another_repository_does_not_see_this_one(
    workplace: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox
) -> None:
    forge.add_repository("acme/other", auto_init=True)
    clone = workplace("acme/shop", key=deploy_key("acme/other"))
    for done in (clone.git("fetch", "origin", check=False), clone.git("push", "origin", ":x", check=False)):
        assert "ERROR: Repository not found." in done.stderr


def test_a_deploy_key_dies_with_the_token_that_made_it(
    workplace: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox
) -> None:
    token = forge.token("olivia")
    clone = workplace(key=deploy_key("acme/shop", token=token))
    clone.git("fetch", "origin")
    forge.revoke(token)
    assert "Permission denied (publickey)." in clone.git("fetch", "origin", check=False).stderr


def test_a_deploy_key_made_by_an_app_outlives_its_tokens(
    workplace: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox
) -> None:
    token = forge.app_token(forge.app("acme", "provisioner", {"administration": "write"}))
    clone = workplace(key=deploy_key("acme/shop", token=token))
    forge.revoke(token)
    clone.git("fetch", "origin")


def test_an_unknown_key_and_another_user_name_are_refused(
    workplace: Callable[..., Any], make_key: Callable[..., Any], deploy_key: Callable[..., Any]
) -> None:
    clone = workplace(key=make_key("stranger"))
    assert "git@127.0.0.1: Permission denied (publickey)." in clone.git("fetch", "origin", check=False).stderr
    known = workplace(key=deploy_key("acme/shop"))
    known.git("remote", "set-url", "origin", known.url.replace("git@", "root@"))
    assert "root@127.0.0.1: Permission denied (publickey)." in known.git("fetch", "origin", check=False).stderr


def test_a_client_that_pins_another_host_key_does_not_connect(
    workplace: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox, tmp_path: Path
) -> None:
    clone = workplace(key=deploy_key("acme/shop"))
    with Sandbox(tmp_path / "impostor") as impostor:
        other = impostor.known_hosts.split(" ", 1)[1]
        (tmp_path / "known_hosts").write_text(f"{forge.known_hosts.split(' ', 1)[0]} {other}\n")
    assert "Host key verification failed." in clone.git("fetch", "origin", check=False).stderr


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ([], "Hi deploy key 'writer'! You've successfully authenticated, but GitHub does not provide shell access."),
        (["id"], "ERROR: Invalid command: 'id'"),
        (["git-upload-archive '/acme/shop.git'"], "ERROR: Invalid command"),
        (["git-upload-pack '/acme/shop.git'; id"], "ERROR: Invalid command"),
        (["git-upload-pack '/acme/../shop.git'"], "ERROR: Invalid command"),
        (["git-upload-pack --strict '/acme/shop.git'"], "ERROR: Invalid command"),
        (["git-upload-pack '/acme/$(id).git'"], "ERROR: Repository not found."),
    ],
)
def test_ssh_runs_gits_two_programs_and_nothing_else(
    workplace: Callable[..., Any], deploy_key: Callable[..., Any], forge: Sandbox, command: Any, answer: str
) -> None:
    clone = workplace(key=deploy_key("acme/shop"))
    ssh = clone.environment["GIT_SSH_COMMAND"].split(" ")
    done = subprocess.run(
        [*ssh, "-p", str(forge.ssh_port), "git@127.0.0.1", *command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert answer in done.stderr
    assert "uid=" not in done.stdout + done.stderr


# Features of git


@pytest.fixture(params=["http", "ssh"])
def either(request: pytest.FixtureRequest, workplace: Callable[..., Any], deploy_key: Callable[..., Any]) -> Any:
    """A working copy over each transport."""
    return lambda name="acme/shop": (
        workplace(name, login="olivia") if request.param == "http" else workplace(name, key=deploy_key(name, "w"))
    )


@pytest.mark.parametrize("version", [0, 1, 2])
def test_every_protocol_version_fetches_and_pushes(
    either: Callable[..., Any], version: int, bare: Callable[..., Any]
) -> None:
    clone = either()
    clone.git("config", "protocol.version", str(version))
    trace = clone.directory / "trace"
    clone.environment["GIT_TRACE_PACKET"] = str(trace)
    clone.git("fetch", "origin", "main")
    clone.git("checkout", "--quiet", "FETCH_HEAD")
    assert (f"< version {version}" in trace.read_text()) == (version > 0)
    sha = clone.commit()
    assert clone.push("HEAD:main").returncode == 0
    assert bare().resolve("refs/heads/main") == sha


def test_the_first_push_to_an_empty_repository_makes_the_default_branch(
    either: Callable[..., Any], forge: Sandbox, bare: Callable[..., Any]
) -> None:
    forge.add_repository("acme/empty")
    clone = either("acme/empty")
    assert clone.git("ls-remote", "origin").stdout == ""
    clone.commit()
    assert clone.push("HEAD:refs/heads/trunk").returncode == 0
    assert forge.repository("acme/empty").default_branch == "trunk"
    assert bare("acme/empty").head() == "refs/heads/trunk"
    assert "ref: refs/heads/trunk\tHEAD" in clone.git("ls-remote", "--symref", "origin").stdout
    assert clone.push("HEAD:refs/heads/second").returncode == 0
    assert forge.repository("acme/empty").default_branch == "trunk"


def test_of_several_first_branches_the_configured_default_wins(either: Callable[..., Any], forge: Sandbox) -> None:
    forge.add_repository("acme/empty")
    clone = either("acme/empty")
    clone.commit()
    assert clone.push("HEAD:refs/heads/a", "HEAD:refs/heads/main").returncode == 0
    assert forge.repository("acme/empty").default_branch == "main"


def test_a_history_of_thousands_of_commits_is_pushed_and_fetched(
    either: Callable[..., Any], forge: Sandbox, bare: Callable[..., Any]
) -> None:
    count = 4000
    forge.add_repository("acme/large")
    clone = either("acme/large")
    lines = []
    for number in range(1, count + 1):
        lines += ["commit refs/heads/main", f"mark :{number}", f"committer T <t@example.test> {10**9 + number} +0000"]
        lines += ["data 1", "x", *([f"from :{number - 1}"] if number > 1 else [])]
        lines += [f"M 644 inline f{number % 50}.txt", f"data {len(str(number))}", str(number), ""]
    clone.git("fast-import", "--quiet", text="\n".join(lines) + "\n")
    assert clone.push("refs/heads/main").returncode == 0
    assert bare("acme/large").run("rev-list", "--count", "main") == str(count)
    clone.git("clone", "--quiet", "--bare", clone.url, "whole")
    assert clone.git("--git-dir=whole", "rev-list", "--count", "main").stdout.strip() == str(count)
    clone.git("clone", "--quiet", "--bare", "--depth=3", clone.url, "shallow")
    assert clone.git("--git-dir=shallow", "rev-list", "--count", "main").stdout.strip() == "3"
    assert bare("acme/large").run("fsck", "--connectivity-only") == ""


def test_a_shallow_clone_can_push_a_thin_pack(either: Callable[..., Any], bare: Callable[..., Any]) -> None:
    clone = either()
    clone.git("fetch", "--depth=1", "origin", "main")
    clone.git("checkout", "--quiet", "-B", "main", "FETCH_HEAD")
    sha = clone.commit("README.md", "# shop\nmore\n")
    assert clone.git("push", "--thin", "origin", "main", check=False).returncode == 0
    assert bare().resolve("refs/heads/main") == sha


def test_a_partial_clone_is_served(either: Callable[..., Any]) -> None:
    clone = either()
    clone.git("fetch", "--filter=blob:none", "origin", "main")
    assert clone.git("cat-file", "-p", "FETCH_HEAD:README.md").stdout == "# shop\n"


def test_push_options_and_atomic_pushes_are_understood(cloned: Callable[..., Any]) -> None:
    clone = cloned(login="dana")
    clone.commit()
    assert clone.git("push", "--atomic", "-o", "ci.skip", "origin", "main", "main:other").returncode == 0


def test_a_large_push_is_sent_in_chunks(cloned: Callable[..., Any], bare: Callable[..., Any]) -> None:
    clone = cloned(login="dana")
    clone.git("config", "http.postBuffer", "1024")
    (clone.directory / "large.bin").write_bytes(b"".join(bytes([n % 251]) * 7 for n in range(200_000)))
    sha = clone.commit()
    assert clone.push("main").returncode == 0
    assert bare().resolve("refs/heads/main") == sha


def test_gzip_bodies_are_unpacked_and_damaged_ones_end_the_request(forge: Sandbox, bare: Callable[..., Any]) -> None:
    main = bare().resolve("refs/heads/main")
    body = packet(f"want {main} no-progress\n".encode()) + b"0000" + packet(b"done\n")
    path, token = "/acme/shop.git/git-upload-pack", forge.token("dana")
    encoded = {"Content-Type": f"application/x-{UPLOAD}-request", "Content-Encoding": "gzip"}
    assert b"PACK" in request(forge, "POST", path, token, gzip.compress(body), **encoded).content
    assert b"PACK" not in request(forge, "POST", path, token, b"no gzip", **encoded).content


def test_a_branch_cannot_take_the_place_of_a_folder_of_branches(
    cloned: Callable[..., Any], bare: Callable[..., Any]
) -> None:
    clone = cloned(login="dana")
    assert clone.push("HEAD:refs/heads/env/a").returncode == 0
    assert clone.push("HEAD:refs/heads/env").returncode == 1
    assert clone.push("HEAD:refs/heads/env/a/b").returncode == 1
    assert "refs/heads/env" not in bare().refs()


@pytest.mark.parametrize("ref", ["HEAD", "refs/heads/a..b", "refs/heads/-x", "refs/heads/$(id)", "refs/heads/a;b`c`"])
def test_strange_ref_names_do_no_harm(cloned: Callable[..., Any], bare: Callable[..., Any], ref: str) -> None:
    clone = cloned(login="dana")
    before = bare().resolve("refs/heads/main"), bare().head()
    clone.push(f"+HEAD:{ref}")
    assert (bare().resolve("refs/heads/main"), bare().head()) == before


def test_a_corrupt_pack_is_refused(forge: Sandbox, bare: Callable[..., Any]) -> None:
    main = bare().resolve("refs/heads/main")
    command = f"{ABSENT} {main[::-1]} refs/heads/x\0report-status".encode()
    body = packet(command) + b"0000" + b"PACK\0\0\0\2\0\0\0\1garbage"
    answer = request(forge, "POST", "/acme/shop.git/git-receive-pack", forge.token("dana"), body)
    assert b"unpack " in answer.content
    assert b"unpack ok" not in answer.content
    assert bare().resolve("refs/heads/x") is None


def test_pushes_at_the_same_time_move_the_branch_once(
    cloned: Callable[..., Any], bare: Callable[..., Any], forge: Sandbox
) -> None:
    clones = [cloned(login=login) for login in ("dana", "mara", "adam", "olivia")]
    shas = [clone.commit() for clone in clones]
    with ThreadPoolExecutor(4) as pool:
        codes = [done.returncode for done in pool.map(lambda clone: clone.push("main"), clones)]
    winners = [sha for sha, code in zip(shas, codes, strict=True) if code == 0]
    assert winners == [bare().resolve("refs/heads/main")]
    assert [push.after for push in forge.pushes if push.allowed] == winners


def test_a_refused_push_costs_little_on_the_server(
    cloned: Callable[..., Any], ruleset: Callable[..., Any], forge: Sandbox
) -> None:
    """Against a fetch of the same repository, so that a slow machine does not matter."""
    ruleset("locked", ["refs/heads/main"], ["update"])
    clone = cloned(login="dana")
    clone.commit()

    def timed(*arguments: Any) -> float:
        start = time.perf_counter()
        clone.git(*arguments, check=False)
        return time.perf_counter() - start

    # In turns, so that a load which comes and goes meets both.
    rounds = [(timed("push", "origin", "main"), timed("ls-remote", "origin")) for _ in range(7)]
    pushed, read = (min(column) for column in zip(*rounds, strict=True))
    assert pushed < read * 4 + 0.1


def test_the_host_key_stays_and_is_private(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state") as first:
        pinned = first.known_hosts.split(" ", 1)[1]
    with Sandbox(tmp_path / "state") as second:
        assert second.known_hosts.split(" ", 1)[1] == pinned
    assert (tmp_path / "state" / "ssh_host_key").stat().st_mode & 0o777 == 0o600


def test_a_forge_that_stops_ends_open_ssh_connections(tmp_path: Path) -> None:
    """An agent in a cluster looks when it likes, also when the forge stops."""
    forge = Sandbox(tmp_path / "forge").start()
    with socket.create_connection(("127.0.0.1", forge.ssh_port), timeout=10) as connection:
        assert connection.recv(4) == b"SSH-"
        forge.stop()
        connection.settimeout(10)
        with suppress(ConnectionResetError):
            while connection.recv(4096):
                pass
