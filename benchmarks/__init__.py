"""Benchmarks: server CPU per operation, beside that of a bare aiohttp handler.

``python -m benchmarks`` (``make bench``) prints a table; ``--help`` says what can be
chosen. What is measured and why stands in `rows`; who takes part, in `contestants`.

Absolute figures of one machine mean little, ratios within one run do: every figure of
the table is the median over several rounds, in each of which all contestants had their
turn.
"""
