"""Scaffolds that help a small local model: composable, budgeted, traced."""
