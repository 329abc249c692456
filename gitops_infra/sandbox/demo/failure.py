"""The one error of the demo."""


class DemoFailed(Exception):  # noqa: N818 - says what happened; the text is what is shown
    """Something did not go as it must. The text is one line."""
