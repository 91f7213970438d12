"""Models: one file per wire dialect, and the specs that name them.

`model_from("ollama:qwen3:4b")` makes a model, `open_models` makes several and closes them, `price_of` says what a spec
costs. Importing this package loads neither an HTTP client nor price data.
"""

from understudy.models.prices import price_of
from understudy.models.specs import model_from, open_models

__all__ = ["model_from", "open_models", "price_of"]
