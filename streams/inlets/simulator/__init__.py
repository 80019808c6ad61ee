"""The simulator: a seeded city that reports, mistypes, repeats itself, and works on its cases.

`incidents` says what happens and who reports it, `mischief` what arrives broken, `people` what the offices do
about it. `play` runs all of it through a host in virtual time; `follow` goes on against a running engine. Same
city and seed, same bytes.
"""

from streams.inlets.simulator.follow import Follower
from streams.inlets.simulator.incidents import Arrival, Simulation, simulate
from streams.inlets.simulator.people import People
from streams.inlets.simulator.play import play

__all__ = ["Arrival", "Follower", "People", "Simulation", "play", "simulate"]
