"""A verifier that is warm, sandboxed, and makes a pass prove itself."""
