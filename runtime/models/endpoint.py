"""Where a vendor's server is and who pays: read from the environment once, checked before a run depends on it.

A vendor here is also who is named in errors; its key is known to whatever writes sentences, so that it can be kept out
of them, and is shown by nothing.
"""

import os
from urllib.parse import urlsplit

from ..masking import remember
from .model import ModelNotOpened

NO_KEY = "none"
"""What goes in the header for a server that wants no key: the SDKs do not do without one."""


class Endpoint:
    """A vendor as people know it, its key and the variable that held it, its URL or None for the vendor's own."""

    def __init__(self, vendor: str, key_name: str, key: str, url: str | None = None) -> None:
        self.vendor = vendor
        self.key_name = key_name
        self.key = key
        self.url = url
        if key != NO_KEY:
            remember(key)

    def __repr__(self) -> str:
        return f"<{self.vendor}, {self.key_name}>"

    def without_key(self, text: str) -> str:
        """The text as it may be logged: some servers quote the key."""
        return text if self.key == NO_KEY else text.replace(self.key, "[key]")


def endpoint_from_environment(vendor: str, extra: str, model: str, example: str) -> Endpoint:
    """What `EXTRA_API_KEY` and `EXTRA_BASE_URL` say. Raises ModelNotOpened.

    A base URL points to a compatible server, which may be local and want no key.
    """
    key_name, url_name = f"{extra.upper()}_API_KEY", f"{extra.upper()}_BASE_URL"
    if not model:
        raise ModelNotOpened(f"{extra}: wants a model's name, as in {extra}:{example}")
    url = os.environ.get(url_name, "").strip() or None
    if url and not url.startswith(("http://", "https://")):
        raise ModelNotOpened(f"{url_name} is {url!r} and should begin with http:// or https://")
    # A key that was read from a file often has a line's end, which no header takes.
    key = os.environ.get(key_name, "").strip() or (NO_KEY if url else "")
    if not key:
        raise ModelNotOpened(
            f"{extra}:{model} needs a key: set {key_name}, or {url_name} for a compatible server that wants none"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelNotOpened(f"{key_name} holds characters that no key has; set it again")
    # Only its host is named in errors: a URL may hold a password.
    return Endpoint(f"the server at {urlsplit(url).hostname}" if url else vendor, key_name, key, url)
