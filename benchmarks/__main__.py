"""Runs every benchmark; exits with 1 when one misses its limit."""

from __future__ import annotations

import sys

from benchmarks import audience, call_overhead, engine, unsubscribe

if __name__ == "__main__":
    sys.exit(max(engine.main(), call_overhead.main(), audience.main(), unsubscribe.main()))
