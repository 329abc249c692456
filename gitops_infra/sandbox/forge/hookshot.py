"""Tells webhooks of events: in order per webhook, promptly, once, and never in the way of what caused the event.

The store announces what happened; the forge's own loop delivers it. What a forge that ends has not delivered is lost,
as is what happens while it does not run. GitHub does not repeat a failed delivery either.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from gitops_infra.sandbox.forge import webhook_payloads as payloads
from gitops_infra.sandbox.forge import webhook_post
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import Identity, of_user
from gitops_infra.sandbox.forge.model import HookDelivery, Webhook
from gitops_infra.sandbox.forge.router import Endpoints
from gitops_infra.sandbox.forge.rules import RefUpdate
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.forge.webhook_post import Answer
from gitops_infra.sandbox.forge.webhooks import Pinged, Pushed, Repeated, Tested, told, wants

LOG = logging.getLogger(__name__)
KEPT = 200
"""Deliveries that are remembered of each webhook; GitHub remembers those of some days."""
USER_AGENT = "GitHub-Hookshot/5a4db0c"
MEDIA = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
MAX_PAYLOAD = 25 * 1024 * 1024
"""Bytes; GitHub tells nobody of an event that is larger."""


@dataclass
class Event:
    """Something that one or more webhooks are told of: the same id and body for all of them."""

    name: str
    body: Callable[[], str]
    """Its JSON text. May take some milliseconds of git's time."""
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    redelivery: bool = False
    _text: str | None = None
    _making: threading.Lock = field(default_factory=threading.Lock)

    def text(self) -> str:
        """The body, made once."""
        with self._making:
            if self._text is None:
                self._text = self.body()
            return self._text


@dataclass(frozen=True)
class Prepared:
    """A delivery as it goes out."""

    hook: Webhook
    event: Event
    headers: Mapping[str, str]
    text: str
    content: bytes


class Hookshot:
    """The deliveries of one forge. They happen between `start` and `stop`."""

    def __init__(self, store: Store, endpoints: Callable[[], Endpoints]) -> None:
        """`endpoints` are the addresses that bodies name."""
        self._store = store
        self._endpoints = endpoints
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state = threading.Condition()
        self._open = 0
        self._losing: int | None = 0
        self._lost = 0
        self._waiting: dict[int, deque[Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        store.listeners.append(self._note)

    def start(self) -> None:
        """Delivers, on the loop that calls it."""
        with self._state:
            self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Drops what is not delivered yet; a receiver that hangs is not waited for."""
        with self._state:
            self._loop = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with self._state:
            self._open = 0
            self._state.notify_all()
        self._waiting.clear()

    def wait(self, seconds: float) -> None:
        """Returns when nothing is left to deliver. Raises TimeoutError after so many seconds."""
        with self._state:
            if not self._state.wait_for(lambda: self._open == 0, seconds):
                raise TimeoutError(f"{self._open} webhook deliveries are not done after {seconds} s")

    def lose(self, times: int | None) -> None:
        """Loses the next deliveries (None: all, 0: none), which then nobody hears of and nothing remembers."""
        with self._state:
            self._losing = times

    @property
    def lost(self) -> int:
        """How many were lost so far."""
        with self._state:
            return self._lost

    # Taking note, in the thread of what happened

    def _note(self, happened: Any) -> None:
        found = list(self._events(happened))
        with self._state:
            loop = self._loop
            if loop is None or not found:
                return
            self._open += len(found)
            loop.call_soon_threadsafe(self._accept, found)

    def _events(self, happened: Any) -> Iterator[tuple[int, Event]]:
        """Who is to be told what. The store is locked."""
        store = self._store
        if isinstance(happened, Pushed):
            yield from self._of_push(happened)
        elif isinstance(happened, Pinged):
            yield happened.hook_id, Event("ping", lambda: self._ping(happened))
        elif isinstance(happened, Tested):
            hook = store.webhooks[happened.hook_id]
            pushes = store.pushes_of(store.repositories[hook.repository_id]) if wants(hook, "push") else []
            last = next((push for push in reversed(pushes) if push.allowed), None)
            user = None if last is None else store.user(last.actor)
            if last is not None and user is not None:
                update = RefUpdate(last.ref, last.before, last.after)
                yield hook.id, self._event("push", hook.repository_id, of_user(user), update)
        elif isinstance(happened, Repeated):
            old = store.hook_deliveries[happened.delivery_id]
            yield old.hook_id, Event(old.event, lambda: old.payload, old.guid, redelivery=True)

    def _of_push(self, push: Pushed) -> Iterator[tuple[int, Event]]:
        hooks = self._store.webhooks_of(self._store.repositories[push.repository_id])
        for name, update in told(push.updates):
            wanting = [hook for hook in hooks if wants(hook, name)]
            event = self._event(name, push.repository_id, push.identity, update) if wanting else None
            yield from ((hook.id, event) for hook in wanting if event is not None)

    def _event(self, name: str, repository_id: int, identity: Identity, update: RefUpdate) -> Event:
        return Event(name, lambda: self._moved(name, repository_id, identity, update))

    # Bodies, in a worker thread

    def _moved(self, name: str, repository_id: int, identity: Identity, update: RefUpdate) -> str:
        store = self._store
        git = BareRepository(store.git_dir(store.repositories[repository_id]))
        commits = payloads.read(git, update) if name == "push" else None  # without the lock: git takes its time
        with store.lock:
            call, repository = payloads.call_of(store, self._endpoints(), identity), store.repositories[repository_id]
            if commits is not None:
                return json.dumps(payloads.push(call, repository, update, commits), separators=(",", ":"))
            body = payloads.created if update.creates else payloads.deleted
            return json.dumps(body(call, repository, update), separators=(",", ":"))

    def _ping(self, ping: Pinged) -> str:
        with self._store.lock:
            hook = self._store.webhooks[ping.hook_id]
            call = payloads.call_of(self._store, self._endpoints(), ping.identity)
            repository = self._store.repositories[hook.repository_id]
            return json.dumps(payloads.ping(call, repository, hook), separators=(",", ":"))

    # Delivering, on the loop

    def _accept(self, found: list[tuple[int, Event]]) -> None:
        if self._loop is None:  # stopped since
            return
        for hook_id, event in found:
            if hook_id in self._waiting:
                self._waiting[hook_id].append(event)
                continue
            self._waiting[hook_id] = deque([event])
            task = asyncio.get_running_loop().create_task(self._drain(hook_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self, hook_id: int) -> None:
        waiting = self._waiting[hook_id]
        while waiting:
            event = waiting.popleft()
            try:
                await self._deliver(hook_id, event)
            except Exception:  # the next event is told all the same
                LOG.exception("telling webhook %s of %s failed", hook_id, event.name)
            finally:
                self._done()
        del self._waiting[hook_id]

    def _done(self) -> None:
        with self._state:
            self._open = max(self._open - 1, 0)
            self._state.notify_all()

    async def _deliver(self, hook_id: int, event: Event) -> None:
        if self._loses():
            return
        prepared = await asyncio.to_thread(self._prepare, hook_id, event)
        if prepared is None:
            return
        hook, began = prepared.hook, asyncio.get_running_loop().time()
        answer = await webhook_post.post(hook.url, prepared.headers, prepared.content, verify=hook.insecure_ssl == "0")
        duration = asyncio.get_running_loop().time() - began
        await asyncio.to_thread(self._remember, prepared, answer, duration)

    def _loses(self) -> bool:
        with self._state:
            if self._losing == 0:
                return False
            if self._losing is not None:
                self._losing -= 1
            self._lost += 1
            return True

    def _prepare(self, hook_id: int, event: Event) -> Prepared | None:
        """The delivery; None when the webhook or its repository is gone by now, or the body is too large."""
        try:
            text = event.text()
        except Exception:
            if hook_id in self._store.webhooks:
                raise
            return None
        hook = self._store.webhooks.get(hook_id)
        if hook is None or len(text) > MAX_PAYLOAD:
            return None
        content = (urlencode({"payload": text}) if hook.content_type == "form" else text).encode()
        return Prepared(hook, event, headers_of(hook, event, content), text, content)

    def _remember(self, prepared: Prepared, answer: Answer, duration: float) -> None:
        hook, event, store = prepared.hook, prepared.event, self._store
        with store.transaction():
            if hook.id not in store.webhooks:
                return
            for old in store.deliveries_of(hook)[: 1 - KEPT]:
                store.delete(old)
            store.add(
                HookDelivery(
                    id=store.new_id(),
                    hook_id=hook.id,
                    repository_id=hook.repository_id,
                    guid=event.guid,
                    event=event.name,
                    delivered_at=store.now(),
                    redelivery=event.redelivery,
                    duration=round(duration, 3),
                    status=answer.status,
                    status_code=answer.status_code,
                    url=hook.url,
                    request_headers=dict(prepared.headers),
                    payload=prepared.text,
                    response_headers=dict(answer.headers),
                    response_payload=answer.payload,
                )
            )


def headers_of(hook: Webhook, event: Event, content: bytes) -> dict[str, str]:
    """GitHub's headers of a delivery, signed when the webhook has a secret."""
    signed = {}
    if hook.secret:
        key = hook.secret.encode()
        signed = {
            "X-Hub-Signature": f"sha1={hmac.new(key, content, hashlib.sha1).hexdigest()}",
            "X-Hub-Signature-256": f"sha256={hmac.new(key, content, hashlib.sha256).hexdigest()}",
        }
    return {
        "Accept": "*/*",
        "Content-Type": MEDIA[hook.content_type],
        "User-Agent": USER_AGENT,
        "X-GitHub-Delivery": event.guid,
        "X-GitHub-Event": event.name,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.repository_id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
        **signed,
    }
