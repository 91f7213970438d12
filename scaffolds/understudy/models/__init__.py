"""Models: one file per wire dialect."""
