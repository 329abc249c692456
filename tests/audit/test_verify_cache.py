"""Answers that are kept between runs: asked for by their tags, and not trusted when others could have written them."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gitops_infra.audit.etag_store import EtagStore, default_folder
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.sandbox.forge.server import Sandbox

API = "https://forge.example/api/v3"
TOKEN = "ghp_canary"


class Forge:
    """A forge whose answers have tags."""

    def __init__(self) -> None:
        self.body, self.tag = [{"name": "main"}], '"1"'
        self.statuses: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        known = request.headers.get("if-none-match") == self.tag
        headers = {"ETag": self.tag, "Link": '<https://forge.example/api/v3/next>; rel="last"'}
        answer = httpx.Response(304, headers={"ETag": self.tag}) if known else None
        answer = answer or httpx.Response(200, json=self.body, headers=headers)
        self.statuses.append(answer.status_code)
        return answer

    def asked(self, folder: Path, path: str = "/branches", token: str = TOKEN) -> tuple[object, int]:
        with GitHubReader(token, "https://forge.example", etags=folder, transport=httpx.MockTransport(self)) as reader:
            answer = reader.get(path)
        return answer.data, answer.status


@pytest.fixture
def forge() -> Forge:
    return Forge()


def kept(folder: Path) -> Path:
    (found,) = folder.glob("*.json")
    return found


def test_what_has_not_changed_is_taken_from_the_run_before(forge: Forge, tmp_path: Path) -> None:
    assert forge.asked(tmp_path) == forge.asked(tmp_path) == ([{"name": "main"}], 200)
    assert forge.statuses == [200, 304]


def test_what_has_changed_is_read_anew(forge: Forge, tmp_path: Path) -> None:
    forge.asked(tmp_path)
    forge.body, forge.tag = [], '"2"'
    assert forge.asked(tmp_path) == ([], 200)
    assert forge.asked(tmp_path) == ([], 200)
    assert forge.statuses == [200, 200, 304]


def test_another_token_is_shown_nothing_that_the_forge_would_not_show_it(forge: Forge, tmp_path: Path) -> None:
    """Its tag is another one; this forge does not make tags as GitHub does, so it is not known here."""
    forge.asked(tmp_path)
    forge.body = [{"name": "hidden"}]
    assert forge.asked(tmp_path, token="ghp_other") == ([{"name": "hidden"}], 200)
    assert forge.statuses == [200, 200]


def test_a_new_token_of_an_app_is_answered_with_304_too(tmp_path: Path) -> None:
    """As GitHub makes tags: of the body and the token."""
    with Sandbox(tmp_path / "forge") as sandbox:
        sandbox.add_user("olivia")
        sandbox.add_organization("acme", owners=["olivia"])
        sandbox.add_repository("acme/shop", auto_init=True)
        sandbox.app("acme", "verifier", {"contents": "read"})
        for _ in range(2):
            token = sandbox.app_token("verifier")
            with GitHubReader(token, sandbox.url, etags=tmp_path / "cache") as reader:
                assert [each["name"] for each in reader.get("/repos/acme/shop/branches").data] == ["main"]
        assert [each.status for each in sandbox.requests] == [200, 304]


def test_only_its_owner_can_read_it_and_no_token_is_in_it(forge: Forge, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    forge.asked(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept(folder).stat().st_mode) == 0o600
    assert TOKEN not in kept(folder).read_text() + kept(folder).name


@pytest.mark.parametrize("path", ["/repos/acme/shop/hooks", "/repos/acme/shop/environments/staging/variables"])
def test_answers_that_may_hold_something_secret_are_not_kept(forge: Forge, tmp_path: Path, path: str) -> None:
    forge.asked(tmp_path, path)
    forge.asked(tmp_path, path)
    assert forge.statuses == [200, 200]
    assert list(tmp_path.glob("*.json")) == []


def garbage(path: Path) -> None:
    path.write_text("{")


def foreign_forge(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "api": "https://other.example"}))


def another_format(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 0}))


def odd_answers(path: Path) -> None:
    document = json.loads(path.read_text())
    document["answers"] = {url: ['"1"', "asker", "no json", {}] for url in document["answers"]}
    path.write_text(json.dumps(document))


def writable_by_others(path: Path) -> None:
    path.chmod(0o666)


def a_link(path: Path) -> None:
    real = path.with_suffix(".real")
    path.rename(real)
    path.symlink_to(real)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "spoil", [garbage, foreign_forge, another_format, odd_answers, writable_by_others, a_link, a_folder, a_pipe]
)
def test_a_file_that_is_not_ours_counts_as_nothing(forge: Forge, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    forge.asked(tmp_path)
    spoil(kept(tmp_path))
    assert forge.asked(tmp_path) == ([{"name": "main"}], 200)
    assert forge.statuses == [200, 200]


def test_a_folder_that_cannot_be_written_is_no_error(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert forge.asked(tmp_path / "file" / "cache") == ([{"name": "main"}], 200)


def test_two_runs_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    stores = [EtagStore(tmp_path, API, TOKEN) for _ in range(2)]
    for number, store in enumerate(stores):
        store.keep(f"{API}/{number}", '"1"', "[]", {})
    for store in stores:
        store.save()
    found = EtagStore(tmp_path, API, TOKEN)
    assert found.find(f"{API}/1", {}) is not None
    assert [path.name for path in tmp_path.iterdir()] == [kept(tmp_path).name]


def test_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "gitops-infra" / "verify"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "gitops-infra" / "verify"
