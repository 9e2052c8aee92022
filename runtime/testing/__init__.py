"""For tests of your own: exported logs that today's agents are held to. This is what `plait.testing` means.

    @pytest.mark.parametrize("bundle", bundles("tests/logs"))
    def test_nothing_diverges(bundle):
        replay(bundle, [helper])

The one module that imports by full names: its own is not where its folder stands.
"""

from plait.runtime.replay.suite import Diverged, bundles, replay, rerun_bundle

__all__ = ["Diverged", "bundles", "replay", "rerun_bundle"]
