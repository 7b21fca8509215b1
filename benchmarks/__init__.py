"""Benchmarks: ratios within one run, against a limit or a peer; never absolute times."""
