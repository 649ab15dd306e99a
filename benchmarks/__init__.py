"""Benchmarks: what an operation costs the server, beside a bare aiohttp handler.

``python -m benchmarks`` (``make bench``) prints a summary and its details; ``--help``
says what can be chosen. What is measured stands in `rows`, who takes part in
`contestants`, what they say to each other in `dialects`; `compete` runs it all.

Absolute figures of one machine mean little, ratios within one run do: every figure is
the median over several rounds, in each of which all contestants had their turn.
"""
