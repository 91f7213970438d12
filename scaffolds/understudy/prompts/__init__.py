"""Versioned prompt builders."""
