"""The conversation as a model is shown it: derived from the fold at the moment of each request, never stored.

Vendors want every call answered by exactly one result, so a call that was never carried out (a stopped run, a crash
that nobody resolved) is told as such. Of a failed or stopped run the model sees what people saw.
"""

from ...protocol.events import Attachment
from ...protocol.state import TITLE_STEP, RoomState, Run, Step
from ..models.model import Assistant, File, Message, Result, User


def transcript(state: RoomState, run: Run) -> list[Message]:
    """What was said in the run's branch up to and including the run, oldest first. A sub-agent's run is a conversation
    of its own: its parent's is not its business."""
    earlier = [run] if run.parent else state.branch(run.id)
    # A prompt that was stopped before its turn was taken back, so nobody is shown it.
    return [message for each in earlier if each.started or each.open for message in _of_run(each)]


def _of_run(run: Run) -> list[Message]:
    messages: list[Message] = [User(run.prompt, _files(run.attachments))]
    done = [(at, step) for at, step in enumerate(run.steps.values()) if step.kind in ("tool", "run")]
    # What no request has held yet is the newest word, whichever step was asked for while it was said: before an answer
    # that was given without it, the model would take it for answered.
    steers = [steer for steer in run.steers if steer.seen]
    for index, step in enumerate(run.steps.values()):
        if step.kind == "model" and step.id != TITLE_STEP:
            text = "".join(step.text)
            while steers and steers[0].after <= index:
                messages.append(User(steers.pop(0).text))
            if step.status == "done" or (text and not run.open):
                messages.append(Assistant(text, step.calls))
                # The first one behind the answer: a vendor may use an id again in its next answer.
                after = {each.call: each for at, each in reversed(done) if at > index}
                messages += [_result(call.id, call.name, after.get(call.id)) for call in step.calls]
    # Once the run has ended, what it never heard was said to nobody.
    return messages + [User(steer.text) for steer in [*steers, *(run.unseen() if run.open else [])]]


def _result(call: str, name: str, step: Step | None) -> Result:
    if step is None or step.status in ("asking", "ready", "open", "retry"):
        return Result(call, name, "This call was not carried out.", failed=True)
    if step.status == "done":
        return Result(call, name, step.result, files=_files(step.files))
    if step.status == "unknown":
        return Result(call, name, "Nobody knows whether this call happened.", failed=True)
    return Result(call, name, step.message, failed=True)


def _files(attachments: tuple[Attachment, ...]) -> tuple[File, ...]:
    return tuple(File(file.blob, file.media_type, file.name, file.bytes) for file in attachments)
