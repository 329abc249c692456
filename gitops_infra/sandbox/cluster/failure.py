"""The one error of the clusters: what does not run, why, and what to do about it."""


class ClusterError(RuntimeError):
    """A cluster could not be started, reached or stopped. Shown to users as it is, without a traceback.

    `what` names the process or cluster, `why` is the observed reason, `remedy` is one thing to do.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__(f"{what}: {why}. {remedy}.")


class PortTakenError(ClusterError):
    """Another program took a port between its choice and its use: another choice helps."""
