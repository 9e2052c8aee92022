"""Whether a request has the shape that a vendor's SDK wants, by the SDK's own types: no field that it does not know."""

from collections.abc import Iterable, Mapping
from typing import Any

from plait.runtime.models.model import JSON


def has_shape(request: JSON, shape: Any, *, but: frozenset[str] = frozenset()) -> None:
    """Raises for a request that the type does not take. Fields named in `but` the API takes and the SDK omits."""
    from pydantic import TypeAdapter

    request = {field: value for field, value in request.items() if field not in but}
    adapter = TypeAdapter(shape)  # Named: what it gives still needs it.
    # Fields that the type does not have are dropped on the way, so an equal request has none.
    assert _whole(adapter.validate_python(request)) == request


def _whole(value: Any) -> Any:
    """The SDKs' types are lazy where they say Iterable: nothing is checked before it is read."""
    if isinstance(value, Mapping):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_whole(each) for each in value]
    return value
