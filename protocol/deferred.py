"""Names that a package offers and loads when somebody asks for them (PEP 562).

A package's `__init__` is run for every module below it. If it imported all that it offers, `plait --version` would wait
for the database, the server and the models, and so would every program that asks for one name. So:

- The `__init__` imports its names under TYPE_CHECKING, for type checkers and readers, and gives the same list to
  `deferred` for Python. A test compares the two.
- A name is looked up once; then it is an ordinary attribute of the package.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def deferred(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: `places` says for a relative module which names it holds, as words."""
    homes = {name: place for place, names in places.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(homes[name], package), name)
        setattr(import_module(package), name, found)
        return found

    return load
