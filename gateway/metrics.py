"""What Prometheus reads. Labels hold no personal data and few values."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()

CALLS: Final = Counter("hotline_calls", "Calls taken", ["admission"], registry=REGISTRY)
TURNS: Final = Counter("hotline_turns", "Turns of the dialogue", ["channel", "engine"], registry=REGISTRY)
FAILURES: Final = Counter("hotline_failures", "Turns that a fault of ours broke", ["channel"], registry=REGISTRY)
ADMITTED_UNCHECKED: Final = Counter(
    "hotline_admitted_unchecked", "Calls admitted because restrictions could not be looked up", registry=REGISTRY
)
DIALOG_SECONDS: Final = Histogram(
    "hotline_dialog_seconds",
    "From a recognised utterance to its reply",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 2.5, 5),
    registry=REGISTRY,
)
ANSWER_SECONDS: Final = Histogram(
    "hotline_answer_seconds",
    "From the decision that the caller has finished to the first packet of the answer",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2, 5),
    registry=REGISTRY,
)
NODES: Final = Gauge("hotline_nodes", "ivr nodes linked", registry=REGISTRY)
LIVE_CALLS: Final = Gauge("hotline_live_calls", "Calls in progress", registry=REGISTRY)
READY_AGENTS: Final = Gauge("hotline_ready_agents", "Agents who would take a hand-over now", registry=REGISTRY)
WAITING: Final = Gauge("hotline_waiting", "Hand-overs waiting for an agent", registry=REGISTRY)
