"""Codes of what can be wrong in a cluster."""

from gitops_infra.audit.cluster_failure import INSTALL
from gitops_infra.audit.verification.exposure import Code, Repair, Severity

MISSING = Code("object-missing", Severity.MEDIUM, "nobody gains by it; nothing more is delivered there", Repair.UP)
RECEIVER_MISSING = Code(
    "receiver-missing", Severity.LOW, "nobody gains by it; the cluster hears of a push at its next poll", Repair.UP
)
LABELS = Code(
    "namespace-labels", Severity.LOW, "another stack may take the namespace for its own or for nobody's", Repair.FORCE
)
PODS = Code(
    "pod-security", Severity.HIGH, "whoever writes manifests starts pods that reach their machine", Repair.FORCE
)
TOKEN = Code("account-token", Severity.MEDIUM, "a pod that runs as the agent's account gets its token", Repair.FORCE)
WIDENED = Code(
    "role-widened", Severity.CRITICAL, "whoever writes manifests can do more there than the topology says", Repair.FORCE
)
NARROWED = Code("role-narrowed", Severity.MEDIUM, "nobody gains by it; manifests are refused", Repair.FORCE)
SUBJECT = Code(
    "binding-subject", Severity.HIGH, "whoever was added has the rights of the agent's account", Repair.FORCE
)
UNBOUND = Code("binding-lacks", Severity.MEDIUM, "nobody gains by it; manifests are refused", Repair.FORCE)
BINDING = Code(
    "binding-extra",
    Severity.CRITICAL,
    "whoever writes manifests has these rights too, by the agent's account",
    Repair.HAND,
    "Delete the binding, and look what was done by it",
)
SOURCE = Code(
    "source-differs",
    Severity.CRITICAL,
    "whoever may push to what it reads now decides what {environment} runs",
    Repair.FORCE,
)
SIGNATURES = Code(
    "signatures-off", Severity.CRITICAL, "a commit that nobody signed is delivered to {environment}", Repair.FORCE
)
SIGNERS = Code(
    "signers-differ",
    Severity.CRITICAL,
    "whoever holds a key that was added signs what {environment} runs",
    Repair.HAND,
    "Delete the Secret, then run `pulumi up --refresh`",
)
ACCOUNT = Code(
    "kustomization-account",
    Severity.CRITICAL,
    "whoever writes manifests acts with the rights of another account, or of the agent itself",
    Repair.FORCE,
)
APPLIES = Code(
    "kustomization-differs", Severity.CRITICAL, "{environment} runs something else than its branch says", Repair.FORCE
)
PRUNE = Code("kustomization-prune", Severity.MEDIUM, "what was taken out of the branch goes on running", Repair.FORCE)
TUNED = Code("agent-tuned", Severity.LOW, "nobody gains by it; it looks, tries or waits otherwise", Repair.FORCE)
ADDED = Code(
    "agent-changes-more",
    Severity.HIGH,
    "whoever set it changes what is applied, without a commit",
    Repair.HAND,
    "Take the fields out by `kubectl edit`",
)
SUSPENDED = Code(
    "agent-suspended",
    Severity.MEDIUM,
    "nobody gains by it; promotions to {environment} are not delivered",
    Repair.HAND,
    "Run `flux resume {kind} {name} -n {namespace}`",
)
EXTRA = Code(
    "agent-extra",
    Severity.HIGH,
    "whoever made it has something else delivered into the namespace of {environment}",
    Repair.HAND,
    "Delete it, and find out who made it",
)
FLUX_ABSENT = Code(
    "flux-absent", Severity.MEDIUM, "nobody gains by it; nothing is delivered there", Repair.HAND, INSTALL
)
LOCKDOWN_OFF = Code(
    "flux-lockdown",
    Severity.HIGH,
    "whoever writes manifests of one tenant reaches other tenants, or the agent's own rights",
    Repair.HAND,
    "Install Flux with the flags that `gitops-infra render --agents` prints",
)
SECRET_MISSING = Code(
    "agent-secret-missing",
    Severity.MEDIUM,
    "nobody gains by it; the agent cannot read the branch, or is not told",
    Repair.UP,
)
CODES = (
    MISSING,
    RECEIVER_MISSING,
    LABELS,
    PODS,
    TOKEN,
    WIDENED,
    NARROWED,
    SUBJECT,
    UNBOUND,
    BINDING,
    SOURCE,
    SIGNATURES,
    SIGNERS,
    ACCOUNT,
    APPLIES,
    PRUNE,
    TUNED,
    ADDED,
    SUSPENDED,
    EXTRA,
    FLUX_ABSENT,
    LOCKDOWN_OFF,
    SECRET_MISSING,
)
