"""Rate limits: who has which budget, how a refusal reads, and what is free."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gitops_infra.sandbox.forge.limits import SECONDARY_DOCUMENTATION
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
SHOP = "/repos/acme/shop"
START = 1_800_000_000.0


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forge(tmp_path: Path, clock: Clock, seed: Callable[[Sandbox], Sandbox]) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge", clock=clock) as running:
        yield seed(running)


def rates(answer: httpx.Response) -> tuple[int, int, int]:
    """Limit, remaining, used."""
    return tuple(int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Used"))  # type: ignore[return-value]


def test_without_a_limit_nobody_hears_of_one(client: Client) -> None:
    assert not [name for name in client("dana").get(SHOP).headers if name.startswith("x-ratelimit")]


def test_every_answer_says_what_is_left_and_when_it_is_full_again(forge: Sandbox, client: Client, clock: Clock) -> None:
    dana = client("dana")
    forge.limits(primary=5, per=600)
    first = dana.get(SHOP)
    assert rates(first) == (5, 4, 1)
    assert first.headers["X-RateLimit-Reset"] == str(int(START) + 600)
    assert first.headers["X-RateLimit-Resource"] == "core"
    clock.now += 599
    second = dana.get("/repos/acme/none")
    assert (second.status_code, rates(second)) == (404, (5, 3, 2))
    clock.now += 1
    assert rates(dana.get(SHOP)) == (5, 4, 1)


@pytest.mark.parametrize("status", [403, 429])
def test_beyond_the_primary_limit_nothing_is_done(forge: Sandbox, client: Client, clock: Clock, status: int) -> None:
    dana = client("dana")
    forge.limits(primary=1, status=status)
    dana.get(SHOP)
    refused = dana.post(f"{SHOP}/labels", json={"name": "x"})
    assert (refused.status_code, rates(refused), "Retry-After" in refused.headers) == (status, (1, 0, 1), False)
    number = forge.user("dana").id
    assert re.match(rf"API rate limit exceeded for user ID {number}\. If you reach out", refused.json()["message"])
    assert forge.requests[-1].counted is False
    clock.now += 3600
    assert dana.get(f"{SHOP}/labels").json() == []


def test_all_tokens_of_a_user_share_one_budget_and_others_have_their_own(forge: Sandbox, client: Client) -> None:
    forge.app("acme", "robot", {"contents": "read", "metadata": "read"})
    dana, again, mara, robot = client("dana"), client("dana"), client("mara"), client(token=forge.app_token("robot"))
    forge.limits(primary=1)
    assert [each.get(SHOP).status_code for each in (dana, again, mara, robot, robot)] == [200, 403, 200, 200, 403]
    assert "for installation ID " in robot.get(SHOP).json()["message"]


def test_those_without_a_token_have_sixty_an_hour(forge: Sandbox, client: Client) -> None:
    forge.limits()
    anonymous = client()
    assert rates(anonymous.get("/users/dana")) == (60, 59, 1)
    for _ in range(59):
        anonymous.get("/users/dana")
    message = anonymous.get("/users/dana").json()["message"]
    assert message.startswith("API rate limit exceeded for 127.0.0.1. (But here's the good news:")


def test_a_304_and_the_question_for_the_limit_are_free(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.limits(primary=2)
    tag = dana.get(SHOP).headers["ETag"]
    for _ in range(3):
        assert rates(dana.get(SHOP, headers={"If-None-Match": tag})) == (2, 1, 1)
    wanted = {"limit": 2, "remaining": 1, "used": 1, "reset": int(START) + 3600, "resource": "core"}
    body = dana.get("/rate_limit").json()
    assert body["rate"] == body["resources"]["core"] == wanted
    assert body["resources"]["graphql"]["remaining"] == 2
    dana.get(SHOP)
    assert (dana.get(SHOP).status_code, dana.get("/rate_limit").json()["rate"]["remaining"]) == (403, 0)


def test_graphql_has_a_budget_of_its_own(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.limits(primary=1)
    asked = {"query": "{ viewer { login } }"}
    answers = [dana.get(SHOP), *(dana.post(f"{forge.url}/api/graphql", json=asked) for _ in range(2))]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert answers[1].headers["X-RateLimit-Resource"] == "graphql"


def test_too_many_writes_in_a_minute_are_told_how_long_to_wait(forge: Sandbox, client: Client, clock: Clock) -> None:
    dana = client("dana")
    forge.limits(secondary_writes_per_minute=2)
    for number in range(2):
        assert dana.post(f"{SHOP}/labels", json={"name": f"l{number}"}).status_code == 201
        clock.now += 10
    refused = dana.post(f"{SHOP}/labels", json={"name": "l2"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (403, "40")
    assert refused.headers["X-RateLimit-Remaining"] == "4998"
    assert refused.json()["message"].startswith("You have exceeded a secondary rate limit. Please wait a few minutes")
    assert refused.json()["documentation_url"] == SECONDARY_DOCUMENTATION
    assert dana.get(SHOP).status_code == 200
    clock.now += 39.9
    assert dana.post(f"{SHOP}/labels", json={"name": "l2"}).status_code == 403
    clock.now += 0.1
    assert dana.post(f"{SHOP}/labels", json={"name": "l2"}).status_code == 201


def test_points_weigh_a_write_like_five_reads(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.limits(points_per_minute=7)
    assert dana.post(f"{SHOP}/labels", json={"name": "x"}).status_code == 201
    assert [dana.get(SHOP).status_code for _ in range(3)] == [200, 200, 403]


def test_a_secondary_limit_may_keep_silent_about_the_time(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.limits(secondary_writes_per_minute=1, retry_after=False)
    answers = [dana.post(f"{SHOP}/labels", json={"name": name}) for name in "xy"]
    assert ("Retry-After" in answers[1].headers, answers[1].status_code) == (False, 403)


def test_too_many_at_once_are_refused(forge: Sandbox, client: Client) -> None:
    dana, other = client("dana"), client("dana")
    forge.limits(concurrent=1)
    entered, leave = threading.Event(), threading.Event()

    def hold(request: object) -> None:
        entered.set()
        leave.wait(20)

    remove = forge.before(hold)  # type: ignore[arg-type]
    waiting = threading.Thread(target=lambda: dana.get(SHOP))
    waiting.start()
    assert entered.wait(20)
    remove()
    assert (other.get(SHOP).status_code, client("mara").get(SHOP).status_code) == (403, 200)
    leave.set()
    waiting.join()
    assert other.get(SHOP).status_code == 200


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"primary": 0}, "limit primary is 0, needed is at least 1, or None for no limit"),
        ({"status": 500}, "limits: status 500 is none of 403, 429"),
        ({"per": 0}, "limits: per and minute are seconds, more than 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(forge: Sandbox, settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        forge.limits(**settings)


def test_limits_end_when_they_are_taken_away(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.limits(primary=1)
    dana.get(SHOP)
    forge.unlimited()
    assert dana.get(SHOP).status_code == 200
