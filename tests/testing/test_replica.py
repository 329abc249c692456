"""The copy of a forge that assertions work in."""

from pathlib import Path

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.replica import replica, taken_back

from .test_branches import everything


def pushed(forge: Sandbox, folder: Path, refspec: str) -> None:
    """A push of an unrelated commit by olivia."""
    clone = Clone.empty(folder)
    commit = clone.commit(None, "another", {"a": "b"})
    outcome = clone.push(forge.http_url("acme/shop"), refspec.format(commit), TokenCredential(forge.token("olivia")))
    assert outcome.allowed, outcome.message


def git(forge: Sandbox) -> BareRepository:
    return BareRepository(forge.store.git_dir(forge.repository("acme/shop")))


def test_it_has_everything_of_the_original_and_gives_nothing_back(forge: Sandbox, tmp_path: Path) -> None:
    forge.add_repository("acme/shop", auto_init=True)
    for name in ("hooks", "state.json", "forge.lock-no"):  # files of a forge's folder are called so too
        pushed(forge, tmp_path / name, f"{{}}:refs/heads/{name}")
    before = everything(forge)
    with replica(forge) as copy:
        assert git(copy).refs() == git(forge).refs()
        assert copy.url != forge.url
        assert copy.known_hosts.split()[1:] == forge.known_hosts.split()[1:]
        copy.add_user("somebody")
        pushed(copy, tmp_path / "clone", "+{}:refs/heads/main")
        git(copy).run("gc", "--quiet", "--prune=now")
    assert everything(forge) == before
    git(forge).run("fsck", "--strict")


def test_what_was_pushed_is_taken_back_with_what_follows_from_it(forge: Sandbox, tmp_path: Path) -> None:
    """Refs, the default branch of what was empty, pull requests that were opened or closed."""
    forge.add_repository("acme/shop", auto_init=True)
    forge.add_repository("acme/empty")
    pushed(forge, tmp_path / "change", "{}:refs/heads/change")
    git(forge).run("update-ref", "refs/heads/next", git(forge).commit_tree("main^{tree}", ["main"], "x", FORGE))
    pull = forge.open_pull_request("acme/shop", "olivia", "next", "main")
    refs = git(forge).refs()
    with taken_back(forge, forge.repository("acme/shop")):
        pushed(forge, tmp_path / "clone", "+{}:refs/heads/change")
        pushed(forge, tmp_path / "other", "{}:refs/heads/more")
        forge.open_pull_request("acme/shop", "olivia", "change", "main")
        assert forge.merge(pull, "olivia").verdict.allowed
        assert pull.state == "merged"
    assert git(forge).refs() == refs
    assert [each.state for each in forge.store.pull_requests.values()] == ["open"]
    assert pull.state == "open"
