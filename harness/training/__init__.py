"""How the bundled models were made: text, tokenizer, network, training, export, evaluation. Not part of the wheel.

Run from the repository root: `PYTHONPATH=harness python -m training prepare|fit|export|evaluate`.
"""
