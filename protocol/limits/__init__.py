"""Everything has a limit (law 6): each stands here once, with its unit and its reason.

`specs/limits.md` is generated from `LIMITS`, in the order of these pages, and a test holds them equal. Code reads plain
integers (`limits.FRAME_BYTES`). The limits of admission are written down in `admission`, because an operator may change
some of them.
"""

from ..admission import Limit as Limit
from .agents import *  # noqa: F403
from .documents import *  # noqa: F403
from .serving import *  # noqa: F403
from .storing import *  # noqa: F403
from .table import LIMITS as LIMITS
