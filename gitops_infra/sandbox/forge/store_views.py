"""Reading what the forge remembers: live views by id, lookups by name, and what belongs to a repository."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from gitops_infra.sandbox.forge.model import (
    Account,
    App,
    DeployKey,
    Deployment,
    EnvironmentRecord,
    HookDelivery,
    Installation,
    ManifestCode,
    PullRequest,
    PushRecord,
    Repository,
    Ruleset,
    Status,
    Team,
    Token,
    UserKey,
    Webhook,
)


class _Owned(Protocol):
    repository_id: int


_OwnedRecord = TypeVar("_OwnedRecord", bound=_Owned)


class Views:
    """The reading half of `store.Store`."""

    directory: Path
    _records: dict[str, dict[int, Any]]
    _token_ids: dict[str, int]

    # Reading: live views by id

    @property
    def accounts(self) -> Mapping[int, Account]:
        """Users and organisations."""
        return MappingProxyType(self._records["account"])

    @property
    def teams(self) -> Mapping[int, Team]:
        """Teams of all organisations."""
        return MappingProxyType(self._records["team"])

    @property
    def user_keys(self) -> Mapping[int, UserKey]:
        """SSH keys of users."""
        return MappingProxyType(self._records["user_key"])

    @property
    def apps(self) -> Mapping[int, App]:
        """GitHub Apps, installed or not."""
        return MappingProxyType(self._records["app"])

    @property
    def installations(self) -> Mapping[int, Installation]:
        """Installations of Apps on accounts."""
        return MappingProxyType(self._records["installation"])

    @property
    def manifest_codes(self) -> Mapping[int, ManifestCode]:
        """Codes of the manifest flow that were not exchanged yet, expired ones too."""
        return MappingProxyType(self._records["manifest_code"])

    @property
    def tokens(self) -> Mapping[int, Token]:
        """Tokens, the revoked and expired ones too."""
        return MappingProxyType(self._records["token"])

    @property
    def deploy_keys(self) -> Mapping[int, DeployKey]:
        """Deploy keys of all repositories."""
        return MappingProxyType(self._records["deploy_key"])

    @property
    def rulesets(self) -> Mapping[int, Ruleset]:
        """Rulesets of all repositories."""
        return MappingProxyType(self._records["ruleset"])

    @property
    def environments(self) -> Mapping[int, EnvironmentRecord]:
        """Environments of all repositories."""
        return MappingProxyType(self._records["environment"])

    @property
    def pull_requests(self) -> Mapping[int, PullRequest]:
        """Pull requests of all repositories."""
        return MappingProxyType(self._records["pull_request"])

    @property
    def statuses(self) -> Mapping[int, Status]:
        """Commit statuses of all repositories."""
        return MappingProxyType(self._records["status"])

    @property
    def repositories(self) -> Mapping[int, Repository]:
        """Repositories of all accounts."""
        return MappingProxyType(self._records["repository"])

    @property
    def deployments(self) -> Mapping[int, Deployment]:
        """Deployments of all repositories."""
        return MappingProxyType(self._records["deployment"])

    @property
    def pushes(self) -> Mapping[int, PushRecord]:
        """Every evaluated ref update, refused ones too."""
        return MappingProxyType(self._records["push"])

    @property
    def webhooks(self) -> Mapping[int, Webhook]:
        """Webhooks of all repositories."""
        return MappingProxyType(self._records["webhook"])

    @property
    def hook_deliveries(self) -> Mapping[int, HookDelivery]:
        """What became of the last deliveries of all webhooks."""
        return MappingProxyType(self._records["hook_delivery"])

    # Reading: by name, and what belongs to a repository in the order it was made

    def account(self, login: str) -> Account | None:
        """The user or organisation of that name, in any case."""
        return next((a for a in self.accounts.values() if a.login.lower() == login.lower()), None)

    def user(self, login: str) -> Account | None:
        """As `account`, users only."""
        account = self.account(login)
        return account if account and account.kind == "User" else None

    def team(self, organization: Account, slug: str) -> Team | None:
        """The team of that slug."""
        teams = (t for t in self.teams.values() if t.organization_id == organization.id)
        return next((t for t in teams if t.slug == slug.lower()), None)

    def app(self, slug: str) -> App | None:
        """The App of that slug."""
        return next((a for a in self.apps.values() if a.slug == slug.lower()), None)

    def installation(self, app: App, account: Account) -> Installation | None:
        """The App's installation on the account."""
        here = (i for i in self.installations.values() if i.app_id == app.id)
        return next((i for i in here if i.account_id == account.id), None)

    def keys_of(self, user: Account) -> list[UserKey]:
        """The user's SSH keys, oldest first."""
        return [key for _, key in sorted(self.user_keys.items()) if key.user_id == user.id]

    def token(self, digest: str) -> Token | None:
        """The token whose value has this SHA-256 (hexadecimal), valid or not."""
        number = self._token_ids.get(digest)
        return None if number is None else self.tokens[number]

    def repository(self, owner: str, name: str) -> Repository | None:
        """The repository of that owner and name, in any case."""
        account = self.account(owner)
        if account is None:
            return None
        owned = (r for r in self.repositories.values() if r.owner_id == account.id)
        return next((r for r in owned if r.name.lower() == name.lower()), None)

    def moved(self, owner: str, name: str) -> Repository | None:
        """The repository that had this owner and name before, unless another one has them now."""
        if self.repository(owner, name) is not None:
            return None
        former = f"{owner}/{name}".lower()
        return next((r for r in self.repositories.values() if former in r.former_names), None)

    def full_name(self, repository: Repository) -> str:
        """`owner/name`."""
        return f"{self.accounts[repository.owner_id].login}/{repository.name}"

    def git_dir(self, repository: Repository) -> Path:
        """Folder of the bare repository; named by id, so a rename moves nothing."""
        return self.directory / "git" / f"{repository.id}.git"

    def deploy_keys_of(self, repository: Repository) -> list[DeployKey]:
        """The repository's deploy keys, dead ones too."""
        return _of(self.deploy_keys, repository)

    def rulesets_of(self, repository: Repository) -> list[Ruleset]:
        """The repository's rulesets, disabled ones too."""
        return _of(self.rulesets, repository)

    def environments_of(self, repository: Repository) -> list[EnvironmentRecord]:
        """The repository's environments."""
        return _of(self.environments, repository)

    def environment(self, repository: Repository, name: str) -> EnvironmentRecord | None:
        """The environment of that name, in any case (GitHub's environment names ignore case)."""
        return next((e for e in self.environments_of(repository) if e.name.lower() == name.lower()), None)

    def pull_requests_of(self, repository: Repository) -> list[PullRequest]:
        """The repository's pull requests, closed ones too."""
        return _of(self.pull_requests, repository)

    def statuses_of(self, repository: Repository) -> list[Status]:
        """The repository's commit statuses; of one context the last one counts."""
        return _of(self.statuses, repository)

    def deployments_of(self, repository: Repository) -> list[Deployment]:
        """The repository's deployments."""
        return _of(self.deployments, repository)

    def pushes_of(self, repository: Repository) -> list[PushRecord]:
        """Evaluated updates of the repository's refs."""
        return _of(self.pushes, repository)

    def webhooks_of(self, repository: Repository) -> list[Webhook]:
        """The repository's webhooks, inactive ones too."""
        return _of(self.webhooks, repository)

    def deliveries_of(self, hook: Webhook) -> list[HookDelivery]:
        """The webhook's last deliveries, oldest first."""
        return [found for _, found in sorted(self.hook_deliveries.items()) if found.hook_id == hook.id]


def _of(records: Mapping[int, _OwnedRecord], repository: Repository) -> list[_OwnedRecord]:
    owned = ((number, record) for number, record in records.items() if record.repository_id == repository.id)
    return [record for _, record in sorted(owned, key=lambda pair: pair[0])]
