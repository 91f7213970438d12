"""Documentation of the exact versions a project has installed or locked."""
