"""The index: SQLite as the truth, vectors derived from it, one indexer process that writes."""
