"""Several epochs of the same sample."""

from math import comb


def pass_at_k(*, n: int, correct: int, k: int) -> float:
    """Estimate, without bias, the chance that at least one of `k` epochs is right (Chen et al. 2021).

    Raises:
        ValueError: `k` is larger than `n`, so the estimate does not exist.
    """
    _known(n, correct, k)
    return 1 - comb(n - correct, k) / comb(n, k)


def pass_hat_k(*, n: int, correct: int, k: int) -> float:
    """Estimate, without bias, the chance that all of `k` epochs are right (pass^k).

    Raises:
        ValueError: `k` is larger than `n`, so the estimate does not exist.
    """
    _known(n, correct, k)
    return comb(correct, k) / comb(n, k)


def _known(n: int, correct: int, k: int) -> None:
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} right out of {n} epochs cannot be")
    if not 1 <= k <= n:
        raise ValueError(f"k={k} needs at least that many epochs, got n={n}")
