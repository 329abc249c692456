"""What tests do with webhooks: make them, wait for deliveries, look at them, lose them."""

from collections.abc import Iterable

from gitops_infra.sandbox.forge import webhooks
from gitops_infra.sandbox.forge.hookshot import Hookshot
from gitops_infra.sandbox.forge.identity import ANONYMOUS, Identity, of_user
from gitops_infra.sandbox.forge.model import HookDelivery, Repository, Webhook
from gitops_infra.sandbox.forge.seed_lookup import Lookup


class WebhookControl(Lookup):
    """Methods of a forge whose deliveries are `_hookshot`."""

    _hookshot: Hookshot

    def add_webhook(  # noqa: PLR0913  (by name; what a webhook has)
        self,
        full_name: str,
        url: str,
        *,
        secret: str = "",
        events: Iterable[str] = ("push",),
        content_type: str = "json",
        insecure_ssl: bool = False,
        active: bool = True,
    ) -> Webhook:
        """A new webhook of a repository, made by its owner. Raises Refusal, as the REST call answers."""
        with self.store.transaction():
            repository = self.repository(full_name)
            return webhooks.create(
                self.store,
                repository,
                identity=self._maker(repository),
                config={
                    "url": url,
                    "content_type": content_type,
                    "insecure_ssl": int(insecure_ssl),
                    "secret": secret,
                },
                events=list(events),
                active=active,
            )

    def _maker(self, repository: Repository) -> Identity:
        """The owner; of an organisation, the first of its owners."""
        owner = self.store.accounts[repository.owner_id]
        people = sorted(owner.owners) if owner.kind == "Organization" else [owner.id]
        return of_user(self.store.accounts[people[0]]) if people else ANONYMOUS

    def webhook_deliveries(self, full_name: str) -> list[HookDelivery]:
        """The last deliveries of all webhooks of a repository, oldest first; those that were lost are not among them.

        `wait_for_deliveries` lets them be complete.
        """
        with self.store.lock:
            number = self.repository(full_name).id
            found = self.store.hook_deliveries.values()
            return sorted((each for each in found if each.repository_id == number), key=lambda each: each.id)

    def wait_for_deliveries(self, seconds: float = 15.0) -> None:
        """Returns when everything that has happened is delivered, has failed or is lost. Raises TimeoutError."""
        self._hookshot.wait(seconds)

    def drop_deliveries(self, times: int | None = None) -> None:
        """Loses the next `times` deliveries (None: all from now on, 0: none any more), as GitHub does in bad hours.

        Nothing is sent and nothing is remembered of them.
        """
        if times is not None and times < 0:
            raise ValueError(f"times is {times}, needed is 0 or more, or None for all")
        self._hookshot.lose(times)

    def dropped_deliveries(self) -> int:
        """How many deliveries were lost so far."""
        return self._hookshot.lost
