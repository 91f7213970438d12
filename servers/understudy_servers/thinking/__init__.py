"""A notebook of numbered, revisable, branching thoughts that talks back in at most a line."""
