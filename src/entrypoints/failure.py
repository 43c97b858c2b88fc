"""Why the service did not start, in words for whoever runs it."""


class StartError(Exception):
    """A step of starting failed. `advice` says what to do about it."""

    def __init__(self, step: str, what: str, advice: str) -> None:
        super().__init__(f"{step}: {what}; {advice}")
        self.step = step
        self.what = what
        self.advice = advice
