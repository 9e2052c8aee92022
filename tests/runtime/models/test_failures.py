"""Statuses, error types and retry times become one small table of codes."""

from pathlib import Path

import pytest
from plait.protocol.limits import MODEL_ERROR_CHARS
from plait.runtime.models.endpoint import Endpoint, endpoint_from_environment
from plait.runtime.models.failures import (
    FAILURES,
    STATUSES,
    code_of_status,
    event_failure,
    retry_after,
    status_failure,
)

ENDPOINT = Endpoint("Vendor", "VENDOR_API_KEY", "sk-very-secret")


@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [
        (400, "model-refused-request", False),
        (401, "model-auth", False),
        (403, "model-auth", False),
        (404, "model-refused-request", False),
        (408, "model-timeout", True),
        (413, "model-refused-request", False),
        (429, "model-rate-limited", True),
        (500, "model-failed", True),
        (503, "model-failed", True),
        (504, "model-timeout", True),
        (529, "model-failed", True),
    ],
)
def test_a_status_has_a_code(status: int, code: str, retry: bool) -> None:
    """MD5."""
    failed = status_failure(ENDPOINT, status, {"message": "so\nit is"}, {})
    assert (failed.code, failed.retry) == (code, retry)
    assert failed.code in FAILURES
    if code != "model-auth":
        assert failed.message == f"Vendor answered {status}: so it is"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after_is_read_without_a_clock(headers: dict[str, str], seconds: float | None) -> None:
    """MD6: seconds, milliseconds, or a date that counts from the server's own."""
    assert retry_after(headers) == seconds
    assert status_failure(ENDPOINT, 429, None, headers).retry_after_s == seconds


def test_a_quota_that_is_used_up_is_not_waited_for() -> None:
    """MD5: the one rate limit that is not retried."""
    failed = status_failure(ENDPOINT, 429, {"message": "pay", "type": "insufficient_quota"}, {"retry-after": "1"})
    assert (failed.code, failed.retry) == ("model-rate-limited", False)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_no_sentence_holds_the_key(status: int) -> None:
    """MD7."""
    failed = status_failure(ENDPOINT, status, {"message": "bad key sk-very-secret"}, {})
    assert "sk-very-secret" not in failed.message + str(failed) + repr(failed)
    assert "sk-very-secret" not in repr(ENDPOINT)


def test_no_sentence_holds_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """MD7: not the one in a URL either; and the word that stands for no key is no secret."""
    monkeypatch.delenv("VENDOR_API_KEY", raising=False)
    monkeypatch.setenv("VENDOR_BASE_URL", "http://me:hunter2@localhost:8080/v1?token=t0k3n")
    endpoint = endpoint_from_environment("Vendor", "vendor", "m", "some-model")
    failed = status_failure(endpoint, 500, "there is none", {})
    assert failed.message == "the server at localhost answered 500: there is none"


def test_a_vendors_sentence_is_cut() -> None:
    failed = status_failure(ENDPOINT, 400, {"message": "x" * 10_000}, {})
    assert len(failed.message) < MODEL_ERROR_CHARS + 50
    assert status_failure(ENDPOINT, 502, "<html>", {}).message == "Vendor answered 502: <html>"
    assert status_failure(ENDPOINT, 502, None, {}).message == "Vendor answered 502: nothing more"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *[({"type": kind, "message": "m"}, code_of_status(status)) for kind, status in STATUSES.items()],
        ({"code": "rate_limit_exceeded"}, "model-rate-limited"),
        ({"code": 401, "type": "whatever"}, "model-auth"),
        ({"code": 7, "type": "whatever"}, "model-failed"),
        ({}, "model-failed"),
        ("it broke", "model-failed"),
    ],
)
def test_an_error_inside_a_stream_has_the_code_of_its_type(error: object, code: str) -> None:
    """MD5: as if it had come with the status that it names."""
    assert event_failure(ENDPOINT, error).code == code


def test_the_page_holds_the_codes() -> None:
    """MD5: specs/models.md and the table are one."""
    page = (Path(__file__).parents[3] / "specs" / "models.md").read_text()
    rows = [
        tuple(cell.strip() for cell in row.strip("|").split("|")) for row in page.splitlines() if row[:9] == "| `model-"
    ]
    told = [(f"`{code}`", "yes" if known.retry else "no", known.sentence) for code, known in FAILURES.items()]
    assert rows == told
