"""Random topologies as users write them: every isolation, every price plan that is sold, and what a life leaves behind.

Each is valid by construction: a refusal by `validate` is a fault of this strategy or of the product, and is raised.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

OWNER = "acme"
NAMES = ("staging", "production", "review", "qa", "eu", "us", "demo", "canary", "live")
KINDS = ("staging", "production", "review")
"""The three names that say their kind; any other name gets one of them."""

SOLD = (
    ("free", "public"),
    ("pro", "private"),
    ("pro", "public"),
    ("team", "private"),
    ("team", "public"),
    ("enterprise", "internal"),
    ("enterprise", "private"),
)
"""Price plan and visibility. `pro` is a user's; `free` and private is refused, for nothing would hold there."""

STATE_VISIBILITIES = {"free": ("public",), "pro": ("public", "private"), "team": ("public", "private")}
PUBLIC_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0AAAA==\n-----END PGP PUBLIC KEY BLOCK-----\n"
"""Has the form of one, and is none: what an agent does with it is proved with real ones elsewhere."""


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Valid topologies of one to six environments in one to three repositories."""
    price_plan, visibility = draw(st.sampled_from(SOLD))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    environments = [draw(_environment(name, position, price_plan)) for position, name in enumerate(names)]
    _require_deployments(draw, environments)
    if draw(st.integers(0, 3)) == 0:
        for each in environments:
            if each["kind"] != "review":
                each["paths"] = ["services/api"]
    bots = [{"user": each["writer"]["user"], "role": "write"} for each in environments if "user" in _writer(each)]
    more = draw(st.sampled_from([(), (), (), ("lib",), ("lib", "web")]))
    repositories = [draw(_repository(name, visibility, bots)) for name in ("shop", *more)]
    if not more:
        _name_states(draw, environments)
    return validate(
        {
            "owner": OWNER,
            "owner_kind": "user" if price_plan == "pro" else "organization",
            "github_plan": price_plan,
            "application": repositories[0],
            "repositories": repositories[1:],
            "environments": environments,
            "clusters": [{"name": "east"}, {"name": "west"}],
            "promotions": draw(st.sampled_from([None, _by_release(environments)])),
        }
    )


@st.composite
def _repository(draw: st.DrawFn, name: str, visibility: str, bots: Sequence[dict[str, str]]) -> dict[str, Any]:
    existing = draw(st.booleans())
    made: dict[str, Any] = {
        "name": name,
        "existing": existing,
        "visibility": visibility,
        "linear_history": draw(st.booleans()),
        "required_reviews": draw(st.sampled_from([1, 1, 2, 6])),
        "required_checks": draw(st.sampled_from([[], ["build"]])),
        "grants": list(bots),
    }
    if existing:
        made["default_branch"] = draw(st.sampled_from(["main", "trunk"]))
        made["code_owners"] = draw(st.booleans())
    elif draw(st.booleans()):
        made["owners"] = ["@ana"]
        made["grants"] = [*bots, {"user": "ana", "role": "write"}]
    return made


@st.composite
def _environment(draw: st.DrawFn, name: str, position: int, price_plan: str) -> dict[str, Any]:
    kind = name if name in KINDS else draw(st.sampled_from(KINDS))
    made: dict[str, Any] = {"name": name, "kind": kind, "isolation": "repository", "allow_degraded": True}
    if kind == "production":
        made["reviewers"] = [draw(st.sampled_from([{"user": "ana"}, {"user": "ben"}]))]
        made["prevent_self_review"] = draw(st.booleans())
    made["secrets"] = draw(st.sampled_from([{}, {"DATABASE_URL": f"{name}-database"}]))
    if kind == "review":
        return made
    # A user's repository takes nobody into a bypass list, so `branch` is for organisations.
    isolation = draw(st.sampled_from(["repository", "shared"] + ["repository", "branch"] * (price_plan != "pro")))
    made |= {"isolation": isolation} | draw(
        st.fixed_dictionaries(
            {},
            optional={
                "branch": st.sampled_from([f"env/{name}", f"live-{name}", f"deploy/{name}/x"]),
                "retired": st.sampled_from([True, False, False]),
                "write_credential": st.sampled_from([True, True, False]),
                "generation": st.integers(1, 3),
                "wait_minutes": st.sampled_from([0, 30]),
                "formerly": st.just(f"old-{name}"),
                "moved_from": st.sampled_from(["branch", "shared"] if isolation == "repository" else ["repository"]),
                "cluster": st.sampled_from(["east", "west"]),
            },
        )
    )
    if "cluster" in made and draw(st.booleans()):
        made["sync"] = {"signed_by": [PUBLIC_KEY], "generation": draw(st.integers(1, 2))}
    if isolation == "branch":
        writers = [{"app": 100 + position}, {"user": f"bot{position}"}, {"user": f"bot{position}", "id": 7 + position}]
        made["writer"] = {**draw(st.sampled_from(writers)), "key": f"key-{position}"}
    if isolation == "shared":
        made["accept_shared_bypass"] = True
    if isolation != "repository":
        made["required_checks"] = draw(st.sampled_from([[], ["build"]]))
    if "repository" in (isolation, made.get("moved_from")) and draw(st.booleans()):
        made["state_visibility"] = draw(st.sampled_from(STATE_VISIBILITIES.get(price_plan, ("public", "internal"))))
    return made


def _writer(environment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = environment.get("writer", {})
    return found


def _moves(environment: dict[str, Any]) -> bool:
    """Whether commits of the default branch are ever deployed to it."""
    idle = environment.get("retired") or environment.get("write_credential") is False
    return environment["kind"] != "review" and not idle


def _require_deployments(draw: st.DrawFn, environments: Sequence[dict[str, Any]]) -> None:
    """Some branch waits for a deployment to an environment that is listed before it, so that none waits in a circle."""
    for position, each in enumerate(environments):
        before = [other["name"] for other in environments[:position] if _moves(other)]
        if before and each["kind"] != "review" and each["isolation"] != "repository" and draw(st.booleans()):
            each["required_deployments"] = [draw(st.sampled_from(before))]


def _name_states(draw: st.DrawFn, environments: Sequence[dict[str, Any]]) -> None:
    for each in environments:
        has_state = each["kind"] != "review" and "repository" in (each["isolation"], each.get("moved_from"))
        if has_state and draw(st.integers(0, 3)) == 0:
            each["state_repository"] = f"state-of-{each['name']}"


def _by_release(environments: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Promotions of which the second waits for a release; None where no two environments are moved."""
    moved = [each["name"] for each in environments if _moves(each)]
    if len(moved) < 2:  # noqa: PLR2004 - a source and a target
        return None
    return [{"target": moved[0]}, {"target": moved[1], "source": moved[0], "trigger": "on_release", "tags": "v*"}]
