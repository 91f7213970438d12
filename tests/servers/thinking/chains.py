"""Chains of thoughts, made up: genuine ones of eight kinds, and the ways in which a chain goes round in circles.

Genuine chains repeat their method on new figures and names, enumerate cases and check results; that is what a detector
must not take for a loop. Loops start from a genuine chain, so that nothing but the loop gives them away.
"""

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

NAMES = ["Alice", "Bob", "Carol", "Dan", "Eve", "Fatima", "Goran", "Hana", "Ivan", "Jun"]
THINGS = ["apples", "pencils", "marbles", "tickets", "coins", "stamps", "bottles", "bricks"]
COLORS = ["red", "blue", "green", "yellow", "white", "black"]
CITIES = ["Lyon", "Oslo", "Turin", "Porto", "Ghent", "Basel"]


def purchases(rng: random.Random) -> list[str]:
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    steps = [f"Given: {name} goes to the shop {rng.randint(3, 6)} times and buys {thing}. Plan: add up each visit."]
    total = 0
    for visit in range(1, rng.randint(3, 6)):
        count, price = rng.randint(2, 9), rng.randint(2, 9)
        total += count * price
        steps.append(
            f"On visit {visit} {name} buys {count} {thing} at {price} dollars, so {count} * {price} = {count * price}."
        )
    return [
        *steps,
        f"The sum of all visits is {total} dollars.",
        f"Check: the visits add up to {total}. The answer is {total}.",
    ]


def rates(rng: random.Random) -> list[str]:
    speed, hours = rng.randint(30, 90), rng.randint(2, 6)
    more = rng.randint(20, 80)
    return [
        f"The train goes {speed} km/h for {hours} hours. First find this distance, then the second leg.",
        f"The first leg is {speed} * {hours} = {speed * hours} km.",
        f"The second leg is {more} km at {speed // 2} km/h, so it takes {more / (speed // 2):.2f} hours.",
        f"The whole way is {speed * hours} + {more} = {speed * hours + more} km.",
        f"Check: {speed * hours + more} - {more} = {speed * hours}, which is the first leg.",
    ]


def knights(rng: random.Random) -> list[str]:
    one, two, three = rng.sample(NAMES, 3)
    return [
        f"Given that {one} says {two} lies, {two} says {three} lies. Plan: assume each in turn to be a knight.",
        f"If {one} is a knight, then {two} is a knave and the statement of {two} is false, so {three} is a knight.",
        f"If {two} is a knight, then {three} is a knave and the statement of {one} is false, so {one} is a knave.",
        f"If {three} is a knight, then {two} lies, and so {one} tells the truth.",
        f"Both cases are consistent unless the third says something. {three} says that exactly one of them lies.",
        f"Only the first case has exactly one liar, so {one} and {three} are knights and {two} is a knave.",
    ]


def boxes(rng: random.Random) -> list[str]:
    colors = rng.sample(COLORS, 3)
    steps = ["One of three boxes holds the ring and exactly one label is true. Plan: try each box."]
    for color, other in zip(colors, [*colors[1:], colors[0]], strict=True):
        steps.append(f"Suppose the {color} box holds the ring. Then the label on the {other} box is false.")
        steps.append(f"With the ring in the {color} box we count {rng.randint(1, 3)} true labels.")
    return [*steps, f"Exactly one label is true only for the {colors[1]} box, so that is the answer."]


def code(rng: random.Random) -> list[str]:
    name = rng.choice(["parse_date", "merge_intervals", "find_median", "count_words", "rotate"])
    return [
        f"{name} fails for an empty list. Read the function and find where it indexes.",
        f"Line {rng.randint(4, 9)} of {name} reads items[0] without looking at the length.",
        "An early return for the empty list is the smallest change.",
        f"Add `if not items: return []` at the top of {name}.",
        "Now the test with one element: the loop runs once and the result has one element.",
        "Now the test with two elements: the loop compares them once and the order is kept.",
        f"All three cases of {name} pass, so the change is complete.",
    ]


def planning(rng: random.Random) -> list[str]:
    stops = rng.sample(CITIES, 4)
    steps = [f"Visit {', '.join(stops)} with the least travel. Plan: list the legs, then compare the orders."]
    for start, end in pairwise(stops):
        steps.append(f"The leg from {start} to {end} takes {rng.randint(2, 9)} hours.")
    steps.append(f"Going in the order {' - '.join(stops)} takes {rng.randint(10, 20)} hours in all.")
    swapped = [stops[0], stops[2], stops[1], stops[3]]
    steps.append(f"Going in the order {' - '.join(swapped)} takes {rng.randint(10, 20)} hours in all.")
    return [*steps, "The first order is shorter and keeps the overnight stop, so choose it."]


def algebra(rng: random.Random) -> list[str]:
    a, b, x = rng.randint(2, 9), rng.randint(2, 20), rng.randint(2, 12)
    return [
        f"Solve {a}x + {b} = {a * x + b}.",
        f"Take {b} from both sides: {a}x = {a * x}.",
        f"Divide both sides by {a}: x = {x}.",
        f"Check: {a} * {x} + {b} = {a * x + b}, as required.",
    ]


def research(rng: random.Random) -> list[str]:
    city = rng.choice(CITIES)
    return [
        f"The question is whether to move the depot to {city}. List what matters: rent, staff, distance.",
        f"Rent in {city} is about {rng.randint(8, 20)} per square meter, a fifth under the present one.",
        f"Staff would have to commute {rng.randint(20, 60)} minutes, and a third would not come along.",
        f"Deliveries to the north become {rng.randint(10, 40)} km longer and those to the south shorter.",
        "Hiring costs outweigh a year of rent, so the move pays only after the second year.",
        "Recommend the move only if the lease runs at least three years.",
    ]


KINDS: tuple[Callable[[random.Random], list[str]], ...] = (
    purchases,
    rates,
    knights,
    boxes,
    code,
    planning,
    algebra,
    research,
)


def genuine(count: int, seed: int = 1) -> Iterator[list[str]]:
    """Give `count` chains that make progress, of every kind in turn."""
    rng = random.Random(seed)
    for number in range(count):
        yield KINDS[number % len(KINDS)](rng)


def exact(rng: random.Random, chain: list[str]) -> list[str]:
    """Say one thought again, word for word, perhaps in another case or spacing."""
    step = rng.choice(chain[-3:])
    return [rng.choice([step, step.upper(), f"  {step} ", step.rstrip(".") + "!"])]


def renumbered(rng: random.Random, chain: list[str]) -> list[str]:
    """Say the last thought again under the next number."""
    position, step = len(chain), chain[-1]
    style = rng.choice(["Step {}: {}", "Thought {}: {}", "{}. {}", "({}/9) {}", "Step {} of 9 - {}"])
    chain[-1] = style.format(position, step)
    return [style.format(position + 1, step)]


def alternating(rng: random.Random, chain: list[str]) -> list[str]:
    """Go back and forth between the last two or three thoughts."""
    period = rng.choice([2, 3])
    return [chain[-period + index] for index in range(period)] * 2


SYNONYMS = {
    "so": "therefore",
    "find": "determine",
    "buys": "purchases",
    "takes": "needs",
    "whole": "entire",
    "then": "after that",
    "only": "just",
    "holds": "contains",
    "check": "verify",
    "sum": "total",
    "choose": "pick",
}
OPENERS = ["So ", "Now, ", "Okay, ", "Again, ", "Well, ", "Let me see: "]


def paraphrased(rng: random.Random, chain: list[str]) -> list[str]:
    """Say the last thought three times more in other words: an opener and at most two synonyms each."""
    said = []
    for _ in range(3):
        words = chain[-1].split(" ")
        places = [place for place, word in enumerate(words) if word.lower() in SYNONYMS]
        for place in rng.sample(places, min(len(places), rng.randint(0, 2))):
            words[place] = SYNONYMS[words[place].lower()]
        said.append(rng.choice(OPENERS) + " ".join(words))
    return said


LOOPS: dict[str, Callable[[random.Random, list[str]], list[str]]] = {
    "exact": exact,
    "renumbered": renumbered,
    "alternating": alternating,
    "paraphrased": paraphrased,
}


def looping(loop: str, count: int, seed: int = 2) -> Iterator[tuple[list[str], int]]:
    """Give `count` chains that end in a loop of this sort, and at which thought the loop begins."""
    rng = random.Random(seed)
    for chain in genuine(count, seed):
        kept = chain[: max(3, len(chain) - rng.randint(0, 2))]
        tail = LOOPS[loop](rng, kept)
        yield [*kept, *tail], len(kept) + 1
