"""Any scaffold as an OpenAI-compatible endpoint."""
