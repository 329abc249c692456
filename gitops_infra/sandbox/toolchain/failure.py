"""The one error of the toolchain: what could not be had, why, and what to do about it."""


class ToolError(RuntimeError):
    """A program could not be found, built or used. Shown to users as it is, without a traceback.

    `what` names the program or folder, `why` is the observed reason, `remedy` is one thing to do.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__(f"{what}: {why}. {remedy}.")
