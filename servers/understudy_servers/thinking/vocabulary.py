"""Words the detectors weigh: those that make a different case, and those that carry nothing."""

_CONTRASTS = """
above accept add below big bigger black blue bottom boy brown cold column delete divide double down earlier east
eight even exclude fail false faster father fewer fifth first five four fourth friday girl gold gray greater green
half higher hot hundred include input insert inside large larger later least less long longer lower man maximum
minimum minus monday most mother multiply narrow negative never nine no north not odd old older one orange output
outside pass pink plus pop positive purple push red reject remove right row saturday second seven short shorter
silver six slower small smaller south subtract sunday tall taller ten third three thursday top triple true tuesday
twice two up wednesday west white wide without woman yellow young younger zero
"""
_FILLER = """
a about again ah all alright am and another answer anything are as at be before begin by can carefully consider
continue could do first for from further get give given go going good great have here hm hmm hmmm i if in is it it's
just keep let let's like long look me more moving my need next no now of oh ok okay on one or out over please
problem proceed process question ready really right see should so solution some something start started step steps
still sure task that that's the then there these thing things think thinking this thought thoughts through time to
try um understand up us very wait want we well what will with work would yes you
"""

# One of these changed is a different case, not a different wording.
CONTRASTS = frozenset(_CONTRASTS.split())
# Words that carry no fact, calculation or check by themselves.
FILLER = frozenset(_FILLER.split())
