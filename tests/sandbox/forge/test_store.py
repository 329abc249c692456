"""The forge's memory: on disk at once, whole or not at all, one process at a time."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops_infra.sandbox.forge.model import Account, DeployKey, Repository, Role, Team
from gitops_infra.sandbox.forge.store import DATABASE, FORMAT, Store, StoreFormatError, StoreInUseError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_records_come_back_with_their_types(tmp_path: Path) -> None:
    first = Store(tmp_path)
    account = Account(first.new_id(), "acme", "Organization", owners={7, 3})
    team = Team(first.new_id(), account.id, "Core", "core", {3}, {9: Role.MAINTAIN})
    repository = Repository(
        first.new_id(), account.id, "shop", "private", "main", 1.5, 2.5, collaborators={3: Role.READ}
    )
    for record in (account, team, repository):
        first.add(record)
    first.close()
    second = Store(tmp_path)
    assert second.accounts == {account.id: account}
    assert second.teams == {team.id: team}
    assert second.repositories == {repository.id: repository}
    assert isinstance(second.teams[team.id].repositories[9], Role)
    second.close()


def test_a_directory_of_another_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.add(Account(first.new_id(), "acme", "User"))
    first.close()
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute(f"PRAGMA user_version = {FORMAT - 1}")
    database.close()
    with pytest.raises(StoreFormatError) as caught:
        Store(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} was written by another version of gitops-infra (format {FORMAT - 1}, not {FORMAT}):"
        " `gitops-infra sandbox reset` empties it, or give another directory"
    )
    with pytest.raises(StoreFormatError):  # and it was let go
        Store(tmp_path)


def test_ids_are_never_given_twice_not_even_after_deletion_and_restart(tmp_path: Path) -> None:
    first = Store(tmp_path)
    account = Account(first.new_id(), "acme", "User")
    first.add(account)
    first.delete(account)
    first.close()
    second = Store(tmp_path)
    assert second.new_id() > account.id
    second.close()


def fail_after(store: Store, *steps: Callable[[], object]) -> None:
    with store.transaction():
        for step in steps:
            step()
        raise ZeroDivisionError


def test_a_failed_transaction_leaves_memory_and_disk_as_they_were(store: Store) -> None:
    account = Account(store.new_id(), "acme", "User")
    store.add(account)
    account.login = "other"
    with pytest.raises(ZeroDivisionError):
        fail_after(store, lambda: store.save(account), lambda: store.add(Account(store.new_id(), "third", "User")))
    assert [known.login for known in store.accounts.values()] == ["acme"]
    store.close()
    again = Store(store.directory)
    assert [known.login for known in again.accounts.values()] == ["acme"]
    again.close()


def test_an_inner_transaction_is_part_of_the_outer_one(store: Store) -> None:
    def inner() -> None:
        with store.transaction():
            store.add(Account(store.new_id(), "acme", "User"))

    with pytest.raises(ZeroDivisionError):
        fail_after(store, inner)
    assert not store.accounts


def test_files_are_removed_only_when_the_transaction_is_on_disk(store: Store) -> None:
    done: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail_after(store, lambda: store.after_commit(lambda: done.append("rolled back")))
    with store.transaction():
        store.after_commit(lambda: done.append("committed"))
        assert not done
    assert done == ["committed"]


def test_saving_what_was_never_added_is_an_error(store: Store) -> None:
    with pytest.raises(KeyError, match="no account 5"):
        store.save(Account(5, "acme", "User"))


def test_an_id_cannot_be_added_twice(store: Store) -> None:
    store.add(Account(5, "acme", "User"))
    with pytest.raises(ValueError, match="id 5 of the new account is taken"):
        store.add(Account(5, "other", "User"))


def test_two_processes_cannot_share_a_directory(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreInUseError, match="another sandbox forge is using"):
        Store(tmp_path)


def test_logins_and_repository_names_ignore_case(store: Store) -> None:
    account = Account(store.new_id(), "Acme", "Organization")
    store.add(account)
    repository = Repository(store.new_id(), account.id, "Shop", "private", "main", 0, 0)
    store.add(repository)
    assert store.repository("aCME", "sHOP") is repository
    assert store.full_name(repository) == "Acme/Shop"
    assert store.user("acme") is None


def test_what_belongs_to_a_repository_is_listed_in_the_order_it_was_made(store: Store) -> None:
    repository = Repository(50, 1, "shop", "private", "main", 0, 0)
    read_only = True
    for number in (62, 61):
        store.add(DeployKey(number, 50, "", "k", read_only, None, "x", 0))
    store.add(DeployKey(63, 51, "", "k", read_only, None, "x", 0))
    assert [key.id for key in store.deploy_keys_of(repository)] == [61, 62]


def test_git_data_without_a_record_is_removed_at_the_next_start(tmp_path: Path) -> None:
    """A create or delete that was killed half-way leaves some."""
    orphan, other = tmp_path / "git" / "100001.git", tmp_path / "git" / "notes"
    orphan.mkdir(parents=True)
    other.mkdir()
    Store(tmp_path).close()
    assert (orphan.exists(), other.exists()) == (False, True)


def test_the_database_is_readable_by_its_owner_only(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / "forge.sqlite3").stat().st_mode & 0o077 == 0
