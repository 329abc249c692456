"""Why a cluster could not be looked at."""

INSTALL = "Install Flux there: docs/clusters.md says how"


class ClusterFailed(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """The cluster gave no usable answer. Its texts are one line each and never hold a value of the kubeconfig."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.code, self.reason, self.remedy = code, reason, remedy
