"""From a file of one kind to chunks: nothing is imported, built or run."""
