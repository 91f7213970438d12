"""The ledger as a table in the terminal and as one self-contained HTML page."""
