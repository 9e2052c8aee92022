"""What a token costs a React page that shows 100, 1,000 and 10,000 parts: `python -m tests.bench.react`.

In Chromium, with React as it is shipped, hidden from the layout. `nested` is the package's `Parts`, `listed` a plain
list of the same components: as many of them render, but React itself touches all siblings of what it renders.
"""

import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COUNTS = (100, 1_000, 10_000)
TOKENS = 300
ROUNDS = 5


def main() -> None:
    chromium = next(found for name in BROWSERS if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "page.js"
        subprocess.run(["node", str(HERE / "react_page.mjs"), str(script)], check=True)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=str(script))
        for how in ("nested", "listed"):
            for count in COUNTS:
                found = [page.evaluate("([n, t, h]) => measure(n, t, h)", [count, TOKENS, how]) for _ in range(ROUNDS)]
                took = [each["us"] for each in found]
                rendered = {each["components"] for each in found}
                print(
                    f"{how}, {count:>6,} parts: {min(took):6.0f} µs a token at best, "
                    f"{statistics.median(took):.0f} in the middle; components rendered by it: {rendered}"
                )
        browser.close()


if __name__ == "__main__":
    main()
