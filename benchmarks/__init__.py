"""Benchmarks: ratios within one run, against a limit or a peer.

The one absolute time is that from a click to its effect, which people feel as it is.
"""
