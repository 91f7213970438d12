"""What a run proves: which tests must show up, what they said, and whether a pass stands."""
