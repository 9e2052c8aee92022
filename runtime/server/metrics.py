"""What `/metrics` tells: numbers pulled from outside at scrape time, in a registry of our own.

Nobody counts for Prometheus while it publishes: connections keep plain integers, rooms have `statistics()`, and the
collector reads both when it is asked. What a connection counted is added up here when it ends.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from .admission import Admission
from .outbox import Outbox
from .rooms import Rooms

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


GAUGES = {
    "rooms": ("plait_rooms_awake", "Rooms that are in memory."),
    "tabs": ("plait_tabs", "Tabs that watch a room."),
}
COUNTERS = {
    "records": ("plait_records_appended", "Records that were committed."),
    "reopened": ("plait_rooms_reopened", "Times that a room was read again from its log after a failure."),
}
"""Key of `Rooms.statistics()` -> the metric's name and what it says."""


class Tally:
    """What sockets have sent: those that ended as sums, those that live through their outboxes. `live` has one for each
    socket, `beside` those of the documents on sockets that carry many."""

    def __init__(self) -> None:
        self.live: set[Outbox] = set()
        self.beside: set[Outbox] = set()
        self._ended = [0, 0, 0]

    def ended(self, outbox: Outbox) -> None:
        """The socket or its document is gone; what it counted stays."""
        self.live.discard(outbox)
        self.beside.discard(outbox)
        for index, count in enumerate((outbox.deliveries, outbox.bytes_out, outbox.catch_ups)):
            self._ended[index] += count

    def totals(self) -> tuple[int, int, int]:
        """Deliveries, bytes out and catch-ups since the start."""
        deliveries, bytes_out, catch_ups = self._ended
        for outbox in (*self.live, *self.beside):
            deliveries += outbox.deliveries
            bytes_out += outbox.bytes_out
            catch_ups += outbox.catch_ups
        return deliveries, bytes_out, catch_ups


class Metrics(Collector):
    """The server's numbers and its rooms', as Prometheus text."""

    def __init__(self, rooms: Rooms, tally: Tally, admission: Admission) -> None:
        self._admission = admission
        self._rooms = rooms
        self._tally = tally
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        """The registry's question: every metric, as it stands now."""
        deliveries, bytes_out, catch_ups = self._tally.totals()
        yield GaugeMetricFamily("plait_connections", "WebSockets that are open.", len(self._tally.live))
        yield CounterMetricFamily("plait_deliveries", "Deltas that were sent, once for each socket.", deliveries)
        yield CounterMetricFamily("plait_bytes_out", "Bytes that were sent to WebSockets.", bytes_out)
        yield CounterMetricFamily("plait_catch_ups", "Merged updates that took the place of deltas.", catch_ups)
        turned = CounterMetricFamily("plait_turned_away", "Who was not let in, by the code.", labels=["code"])
        for code, count in self._admission.refused.items():
            turned.add_metric([code], count)
        yield turned
        yield GaugeMetricFamily("plait_tcp_connections", "Connections of any kind.", self._admission.connections)
        known = self._rooms.statistics()
        for key, (name, said) in GAUGES.items():
            yield GaugeMetricFamily(name, said, known.get(key, 0))
        for key, (name, said) in COUNTERS.items():
            yield CounterMetricFamily(name, said, known.get(key, 0))
        yield SummaryMetricFamily(
            "plait_commit_seconds",
            "How long rooms waited for their commits.",
            count_value=int(known.get("commits", 0)),
            sum_value=known.get("commit_seconds", 0.0),
        )
