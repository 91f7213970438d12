"""Draw several answers and keep the one that most of them agree on.

Self-consistency, Wang et al. 2022 (https://arxiv.org/abs/2203.11171).
"""

from collections import Counter
from dataclasses import KW_ONLY, replace
from functools import partial

from understudy.answer import Answer
from understudy.context import Context
from understudy.direct import Direct
from understudy.problem import Problem
from understudy.reply import answer_key
from understudy.scaffold import Scaffold, scaffold
from understudy.together import draw_together


@scaffold
class Vote:
    """Take the most frequent of `n` sampled answers; of equally frequent ones, the one drawn first.

    Answers are the same when their calls, value, files or words are the same. `agreement` is the winner's share of the
    answers that were drawn; the budget may allow fewer than `n`.
    """

    inner: Scaffold = Direct()
    _: KW_ONLY
    n: int = 5
    temperature: float = 0.7

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"Vote needs n of at least 1, not {self.n!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        drawing = context.drawing(self.temperature)
        draws = [partial(self.inner, problem, drawing.at(f"vote/{index}")) for index in range(self.n)]
        answers, refused = await draw_together(draws)
        keys = [answer_key(answer) for answer in answers]
        winner, votes = Counter(keys).most_common(1)[0]
        answer = replace(answers[keys.index(winner)], agreement=votes / len(answers))
        return replace(answer, stopped="budget") if refused else answer
