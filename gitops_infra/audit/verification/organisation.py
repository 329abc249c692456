"""The owner: deploy keys allowed, a price plan that holds the rules, and a base role that gives nobody a way in."""

from gitops_infra.audit.checks.owner import PLAN_NAMES, RANK
from gitops_infra.audit.verification.exposure import Code, Repair, Report, Severity, Unverifiable
from gitops_infra.audit.verification.scene import Scene
from gitops_infra.plan.model import CredentialKind
from gitops_infra.topology.vocabulary import OwnerKind

KEYS = Code(
    "deploy-keys-disallowed",
    Severity.MEDIUM,
    "nobody gains by it; deploy keys cannot be made, so promotions and agents come to a stop",
    Repair.HAND,
    "An organisation owner opens Settings, Deploy keys, and chooses Enabled",
)
PRICE_PLAN = Code(
    "price-plan",
    Severity.HIGH,
    "rules that are not paid for are dropped without a word: whoever they stopped is stopped no more",
    Repair.HAND,
    "Pay for it again, or set `github_plan: {live}` and see what the topology then refuses",
)
BASE_WRITE = Code(
    "base-role-writes",
    Severity.MEDIUM,
    "every member may push to every repository; the rulesets refuse it on environment branches, nothing does elsewhere",
    Repair.HAND,
    "Set the organisation's base permission to read or none",
)
BASE_ADMIN = Code(
    "base-role-admin",
    Severity.CRITICAL,
    "every member administers every repository: they can lift the rulesets and open the environments",
    Repair.HAND,
    "Set the organisation's base permission to read or none",
)
CODES = (KEYS, PRICE_PLAN, BASE_WRITE, BASE_ADMIN)
NEEDS = "organization_administration (read) and members (read)"


def check(scene: Scene) -> Report:
    """Findings about the owner of all repositories."""
    where = f"owner {scene.plan.owner}"
    if scene.plan.owner_kind is OwnerKind.USER:
        own = (scene.identity.login or "").casefold() == scene.plan.owner.casefold()
        yield from _price_plan(scene, where, scene.identity.price_plan if own else None)
        return
    live = yield from scene.ask(where, "its settings", NEEDS, "/orgs/{}", scene.plan.owner)
    if live is None:
        return
    yield from _price_plan(scene, where, (live.get("plan") or {}).get("name"))
    allowed = live.get("deploy_keys_enabled_for_repositories")
    if _makes_keys(scene) and allowed is False:
        yield KEYS.at(where, "deploy keys allowed", "not allowed")
    base = live.get("default_repository_permission")
    if base is None or (_makes_keys(scene) and allowed is None):
        why = "GitHub shows them to owners, and to Apps that may read the organisation"
        yield Unverifiable(
            where, "its base permission and whether it allows deploy keys", why, f"Give the token {NEEDS}"
        )
    elif base == "admin":
        yield BASE_ADMIN.at(where, "base permission read or none", "admin")
    elif base == "write":
        yield BASE_WRITE.at(where, "base permission read or none", "write")


def _price_plan(scene: Scene, where: str, name: str | None) -> Report:
    live, declared = PLAN_NAMES.get(str(name).lower()), scene.plan.price_plan
    if live is None:
        said = "this token is not shown it" if name is None else f"`{ascii(name)[1:-1]}` is no price plan that is known"
        yield Unverifiable(where, "its price plan", said, f"Give the token {NEEDS}")
    elif RANK.index(live) < RANK.index(declared):
        yield PRICE_PLAN.at(where, f"the price plan `{declared}`", f"`{live}`", live=live)


def _makes_keys(scene: Scene) -> bool:
    return any(
        each.delivery is not None or (each.credential is not None and each.credential.kind is CredentialKind.DEPLOY_KEY)
        for each in scene.plan.environments
    )
