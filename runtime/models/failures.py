"""How a vendor's failure becomes a ModelError: one table of codes, and how statuses and error types map to them.

The codes are what the log keeps and what people match on, so they say what went wrong and not who said it. Whether
another try makes sense is a property of the code, with one exception: a quota that is used up is a rate limit that
waiting does not lift.
"""

import email.utils
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...protocol.limits import MODEL_ERROR_CHARS
from .endpoint import Endpoint
from .model import ModelError


class Failure(NamedTuple):
    """Whether another try makes sense, and what the code means."""

    retry: bool
    sentence: str


FAILURES: dict[str, Failure] = {
    "model-auth": Failure(False, "The vendor refused the key, or the key may not use this model (401, 403)."),
    "model-failed": Failure(True, "The vendor's server failed or is overloaded (5xx)."),
    "model-garbled": Failure(True, "What the server sent does not decode as its own protocol."),
    "model-rate-limited": Failure(True, "The vendor wants fewer requests (429); not retried if a quota is used up."),
    "model-refused-request": Failure(False, "The vendor refused the request itself (any other 4xx)."),
    "model-timeout": Failure(True, "The server did not connect, answer or go on in time (also 408, 504)."),
    "model-too-many-calls": Failure(False, "One answer asked for more calls than TOOL_CALLS_PER_STEP."),
    "model-truncated": Failure(True, "The stream ended without its terminal event."),
    "model-unreachable": Failure(True, "No connection to the server, or it closed before it answered."),
}

STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""An error's type in a body or in the middle of a stream, of either vendor -> the status that it would have had."""

USED_UP = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached"})
"""Types or codes of a 429 that no waiting lifts."""


def failure(
    code: str, message: str = "", *, retry: bool | None = None, retry_after_s: float | None = None
) -> ModelError:
    """The error of that code; without a message it says what the code means."""
    known = FAILURES[code]
    return ModelError(
        code, message or known.sentence, retry=known.retry if retry is None else retry, retry_after_s=retry_after_s
    )


def code_of_status(status: int) -> str:
    """The code of an HTTP status that is not a success."""
    match status:
        case 401 | 403:
            return "model-auth"
        case 408 | 504:
            return "model-timeout"
        case 429:
            return "model-rate-limited"
        case _ if 400 <= status < 500:
            return "model-refused-request"
        case _:
            return "model-failed"


def status_failure(endpoint: Endpoint, status: int, error: Any, headers: Mapping[str, str]) -> ModelError:
    """The error of an answer with that status; `error` is its body's `error` object, if it had one."""
    code = code_of_status(status)
    after_s = retry_after(headers)
    if code == "model-auth":
        # Never the vendor's own sentence: some quote the key.
        return failure(
            code, f"{endpoint.vendor} refused the key ({status}); check {endpoint.key_name} and what it may do"
        )
    kinds = {error.get("type"), error.get("code")} if isinstance(error, dict) else set()
    retry = False if kinds & USED_UP else None
    said = endpoint.without_key(sentence_of(error)) or "nothing more"
    return failure(code, f"{endpoint.vendor} answered {status}: {said}", retry=retry, retry_after_s=after_s)


def event_failure(endpoint: Endpoint, error: Any) -> ModelError:
    """The error of an `error` in the middle of a stream, whose status line said 200."""
    status = 500
    if isinstance(error, dict):
        code, kind = error.get("code"), error.get("type")
        if isinstance(code, int) and 400 <= code < 600:
            status = code
        else:
            status = STATUSES.get(str(kind)) or STATUSES.get(str(code)) or 500
    return status_failure(endpoint, status, error, {})


def sentence_of(error: Any) -> str:
    """What the vendor said, in one line and not too long."""
    said = error.get("message") if isinstance(error, dict) else error
    text = " ".join(said.split()) if isinstance(said, str) else ""
    return text if len(text) <= MODEL_ERROR_CHARS else text[:MODEL_ERROR_CHARS] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, by `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3); a date counts from the server's own
    `Date`, so that no clock of ours is asked. None if there is none that makes sense."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit_s
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        until = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        since = email.utils.parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError):
        return None
