"""Test frameworks outside of Python: one file each says how to find it, how to start it, and how to read its report."""
