"""One target under atheris, which changes inputs until they reach branches that no input had reached.

It runs as a process of its own, because libFuzzer ends its process: `python -m tests.fuzz` starts it.
"""

import sys

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["plait.protocol"]):  # pyright: ignore[reportAttributeAccessIssue]
    from .targets import run


def main() -> None:
    target, *options = sys.argv[1:]

    def once(data: bytes) -> None:
        run(target, data)

    atheris.Setup([sys.argv[0], *options], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
