"""Benchmarks read: measures, statistics, charts, exports, and what changed between two of them."""
