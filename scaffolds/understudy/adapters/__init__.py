"""Adapters: a scaffold where another framework wants a model or a solver, and a framework's model where we want one."""
