"""What a request shows of who asks: a token, from wherever one may stand.

A header (`Authorization: Bearer`) for programs; the subprotocol `plait.token.TOKEN`, offered beside `plait.v1` or
`plait.sync`, for browsers, which can set no header on a WebSocket; `?token=` for stock clients that can do neither. The
first of these counts. A token of the subprotocol stands there as it is, if it is a JWT, or in base64url.
"""

from base64 import urlsafe_b64decode

from ..auth.gate import Asker
from .exchange import Request

_BEARER = "bearer "
_OFFERED = "plait.token."


def asker(request: Request, token: str = "") -> Asker:  # nosec B107  # "" says that no token was shown
    """Who asks. `token` is what was shown in band, and counts before all else."""
    peer = request.peer
    return Asker(
        request.method,
        request.path,
        request.query,
        request.headers,
        token or _shown(request),
        address=peer.address,
        secure=peer.secure,
    )


def _shown(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if header[: len(_BEARER)].lower() == _BEARER:
        return header[len(_BEARER) :].strip()
    if request.upgrades:
        for offered in request.headers.get("sec-websocket-protocol", "").split(","):
            if offered.strip().startswith(_OFFERED):
                return _plain(offered.strip()[len(_OFFERED) :])
    return request.query.get("token", "")


def _plain(token: str) -> str:
    if "." in token:
        return token
    try:
        return urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        return token
