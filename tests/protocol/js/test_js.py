"""The browser client's package, from outside: its types are current and whole, and its own tests pass."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

SPECS = Path(__file__).resolve().parents[3] / "specs"

BUILD_S = 300
UNITS_S = 400
"""Half a minute on a machine of one's own; they wait for real servers, and so for whatever else is at work."""
FIRST_BYTES = 15_000
WITH_LIB0_BYTES = 16_500
LATER_BYTES = 3_200
REACT_BYTES = 5_000

CONSUMER = """
import { connect, Refused, type Part, type Room, type Run } from 'plait-client'
import { RoomProvider, useParts, useRoom } from 'plait-client/react'
import * as Y from 'yjs'

const room: Room = connect('http://127.0.0.1:8787', { room: 'lobby', grant: async () => 'a grant' })
const run: Run | undefined = room.at<Run>(['runs', '000000000002']).value
const said = (part: Part): string => (part.type === 'text' ? part.text : part.type)
const doc: Y.Doc = room.document('notes').doc
room.prompt('hi').then(({ run }) => run.length, (error: unknown) => error instanceof Refused && error.code)
export default [run?.parts.map(said), doc, RoomProvider, useParts, useRoom]
// @ts-expect-error: a prompt is a text, so these are types and not `any`.
room.prompt(7)
"""
"""What somebody who installed the package may write."""

LOADED = """
import * as core from 'plait-client'
import * as hooks from 'plait-client/react'
import * as Y from 'yjs'

const room = core.connect('http://127.0.0.1:1', { room: 'lobby', WebSocket: class { close() {} } })
const document = room.document('notes')
console.log(JSON.stringify([Object.keys(core).sort(), typeof hooks.useRoom, document.doc instanceof Y.Doc]))
process.exit(0)
"""
"""Imported by plain Node: nothing needs a page, and there is one yjs."""


def run(*command: str, cwd: Path, within_s: float = BUILD_S) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=within_s)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_generated_types_are_current(package: Path) -> None:
    """JS30, CT9: made again from specs/schema, they are byte for byte what is committed."""
    run("node", "generate.mjs", "--check", cwd=package)


def test_the_sources_and_their_tests_type_check(package: Path) -> None:
    """Under the compiler's strict mode, the generated types included."""
    run("npx", "--no-install", "tsc", "--noEmit", cwd=package)
    run("npx", "--no-install", "tsc", "--noEmit", "--project", "tsconfig.test.json", cwd=package)


def test_the_units_pass(package: Path) -> None:
    """What needs no browser, in Node: the same vectors as the server's tests, and the client's own rules."""
    run("npx", "--no-install", "vitest", "run", cwd=package, within_s=UNITS_S)


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the packed package is installed as npm would, with its peers and its dependencies beside it."""
    house = tmp_path_factory.mktemp("consumer")
    copy = house / "package"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(package / "node_modules")
    packed = json.loads(run("npm", "pack", "--json", "--pack-destination", str(house), cwd=copy))
    told = packed[0] if isinstance(packed, list) else next(iter(packed.values()))
    modules = house / "consumer" / "node_modules"
    (modules / "plait-client").mkdir(parents=True)
    tarball = ["tar", "--extract", "--strip-components=1", "--file", str(house / told["filename"])]
    run(*tarball, cwd=modules / "plait-client")
    for name in (
        *json.loads((package / "package.json").read_text())["dependencies"],
        "yjs",
        "react",
        "@types/react",
        "csstype",
    ):
        (modules / name).parent.mkdir(exist_ok=True)
        (modules / name).symlink_to(package / "node_modules" / name)
    (house / "consumer" / "package.json").write_text('{"type": "module", "private": true}')
    return house / "consumer"


def test_the_packed_package_is_loaded_by_node(installed: Path) -> None:
    """JS31: `npm pack` gives what can be published: both entries, with nothing but the files that they need."""
    package = installed / "node_modules" / "plait-client"
    assert {path.name for path in package.iterdir()} == {"dist", "LICENSE", "README.md", "package.json"}
    assert (package / "LICENSE").read_text() == (SPECS.parent / "LICENSE").read_text()
    (installed / "load.js").write_text(LOADED)
    # With `preserve-symlinks` the peers are found beside the package, as where nothing is a link.
    said = run("node", "--preserve-symlinks", "--preserve-symlinks-main", "load.js", cwd=installed)
    names, hooks, one_yjs = json.loads(said)
    assert {"connect", "Refused"} <= set(names)
    assert (hooks, one_yjs) == ("function", True)


def commands() -> str:
    """The commands of the vectors as TypeScript: what is accepted is a `Command`, and what is refused is none."""
    vectors: dict[str, Any] = yaml.safe_load((SPECS / "vectors" / "commands.yaml").read_text())
    lines = ["import type { Command } from 'plait-client'"]
    lines += [f"export const accepted{n}: Command = {each['text']}" for n, each in enumerate(vectors["accepted"])]
    for n, each in enumerate(vectors["refused"]):
        # Of what an id may hold no type can tell, and one is no JSON.
        if each["text"].startswith(("{", "[")) and not (each["id"] is None and '"id":' in each["text"]):
            lines.append(f"// @ts-expect-error\nexport const refused{n}: Command = {each['text']}")
    assert len(lines) > 15
    return "\n".join(lines)


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_the_packed_types_are_found(package: Path, installed: Path, resolution: str) -> None:
    """JS30, JS31: by a bundler's resolution and by Node's own, strictly; they take the vectors and the README."""
    (installed / "consumer.ts").write_text(CONSUMER)
    (installed / "commands.ts").write_text(commands())
    (hooks,) = re.findall(r"```tsx\n(.*?)```", (package / "README.md").read_text(), re.DOTALL)
    (installed / "readme.tsx").write_text(f"{hooks}\nexport default App")
    module = "esnext" if resolution == "bundler" else resolution
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", module, "--moduleResolution", resolution]
    compiler = package / "node_modules" / "typescript" / "bin" / "tsc"
    files = ["consumer.ts", "commands.ts", "readme.tsx"]
    run("node", str(compiler), *options, "--jsx", "react-jsx", "--preserveSymlinks", *files, cwd=installed)


def test_the_package_is_light(package: Path) -> None:
    """JS32: what a page that has yjs loads at first, what it loads later, if ever, and what the hooks add."""
    weights = json.loads(run("node", "size.mjs", cwd=package))
    print(f"plait-client: {weights}")
    assert weights["first"] < FIRST_BYTES
    assert weights["with_lib0"] < WITH_LIB0_BYTES
    assert len(weights["later"]) == 2
    assert sum(weights["later"].values()) < LATER_BYTES
    assert weights["react"] < REACT_BYTES
