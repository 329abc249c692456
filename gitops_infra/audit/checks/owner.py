"""The owner: there, of the declared kind, on the declared price plan, and letting repositories have deploy keys."""

from collections.abc import Iterator

from gitops_infra.audit.findings import Finding, error
from gitops_infra.audit.scene import Scene
from gitops_infra.topology.vocabulary import OwnerKind, PricePlan

PLAN_NAMES = {
    "free": PricePlan.FREE,
    "pro": PricePlan.PRO,
    "team": PricePlan.TEAM,
    "business": PricePlan.ENTERPRISE,
    "business_plus": PricePlan.ENTERPRISE,
    "enterprise": PricePlan.ENTERPRISE,
}
"""`plan.name` as the REST API gives it. A name that is not here is not judged."""
RANK = tuple(PricePlan)


def check(scene: Scene) -> Iterator[Finding]:
    """Findings about the owner; `owner-absent` means that nothing else can be looked at."""
    where = f"owner {scene.plan.owner}"
    answer = scene.reader.get("/users/{}", scene.plan.owner)
    if not answer.ok or not isinstance(answer.data, dict):
        yield error(
            where,
            "owner-absent",
            "the forge has no such organisation or user",
            "Correct `owner`, or the base URL if the owner lives on another server",
        )
        return
    live = OwnerKind.ORGANIZATION if answer.data.get("type") == "Organization" else OwnerKind.USER
    if live is not scene.plan.owner_kind:
        yield error(
            where,
            "owner-kind",
            f"the topology says `{scene.plan.owner_kind}`, the forge says `{live}`",
            f"Set `owner_kind: {live}`",
        )
    yield from (_organisation if live is OwnerKind.ORGANIZATION else _user)(scene)


def _organisation(scene: Scene) -> Iterator[Finding]:
    answer = scene.reader.get("/orgs/{}", scene.plan.owner)
    if not answer.ok or not isinstance(answer.data, dict):
        return
    yield from _price_plan(scene)
    if scene.makes_keys and answer.data.get("deploy_keys_enabled_for_repositories") is False:
        yield error(
            f"organisation {scene.plan.owner}",
            "deploy-keys-disallowed",
            "it does not allow deploy keys (new organisations do not)",
            "An organisation owner opens Settings, Deploy keys, and chooses Enabled; once is enough",
        )


def _user(scene: Scene) -> Iterator[Finding]:
    login = scene.identity.login
    if login is None:
        return
    if login.lower() != scene.plan.owner.lower():
        yield error(
            f"owner {scene.plan.owner}",
            "foreign-user",
            f"the token belongs to {login}, and repositories of a user are made by that user only",
            f"Use a token of {scene.plan.owner}",
        )
        return
    yield from _price_plan(scene)


def live_price_plan(scene: Scene) -> PricePlan | None:
    """The owner's price plan as the forge tells it; None where it does not: GitHub shows it to owners only."""
    login = scene.identity.login
    if login is not None and login.lower() == scene.plan.owner.lower():
        return PLAN_NAMES.get((scene.identity.price_plan or "").lower())
    answer = scene.reader.get("/orgs/{}", scene.plan.owner)
    found = answer.data if answer.ok and isinstance(answer.data, dict) else {}
    return PLAN_NAMES.get(str((found.get("plan") or {}).get("name", "")).lower())


def _price_plan(scene: Scene) -> Iterator[Finding]:
    live = live_price_plan(scene)
    declared = scene.plan.price_plan
    if live is not None and RANK.index(live) < RANK.index(declared):
        yield error(
            f"owner {scene.plan.owner}",
            "price-plan",
            f"the topology declares the price plan `{declared}`, the owner has `{live}`",
            f"Set `github_plan: {live}`, or upgrade; protections that are not paid for are dropped without a word",
        )
