"""How a call ends that gave no result: the tool says no, nobody knows, or its time was over."""


class ToolError(Exception):
    """A tool says so itself: the sentence goes to the model and into the document, the code into the log."""

    code: str = "tool-error"


class OutcomeNotKnown(Exception):
    """The call was sent and no answer came: nobody here can say whether it happened.

    It does not mean that the call failed. Of a `write` it becomes a question to a person (law 7); of anything else the
    sentence goes to the model, which may ask again without harm.
    """

    code = "tool-error"


class ToolTimeout(OutcomeNotKnown):
    """The call took longer than its tool allows, and was cut: nobody can say how far it came."""

    code = "tool-timeout"
