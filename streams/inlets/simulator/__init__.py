"""The simulator: a seeded city that reports, mistypes, repeats itself, and works on its cases.

`incidents` says what happens, `reporters` who reports it (`habits` how, `tales` in which words, `ground` what stands
there), `mischief` what arrives broken, `people` what the offices do about it. `play` runs all of it through a host in
virtual time; `follow` goes on against a running engine. Same city and seed, same bytes.
"""

from streams.inlets.simulator.follow import Follower
from streams.inlets.simulator.habits import CROWDED, Habits
from streams.inlets.simulator.incidents import Simulation, simulate
from streams.inlets.simulator.people import People
from streams.inlets.simulator.play import play
from streams.inlets.simulator.reporters import Arrival

__all__ = ["CROWDED", "Arrival", "Follower", "Habits", "People", "Simulation", "play", "simulate"]
