"""Benchmarks: one per file. Each states its visible check, hidden grade, cluster and reply rule."""

from understudy_harness.benchmarks.registry import KNOWN, open_benchmark

__all__ = ["KNOWN", "open_benchmark"]
