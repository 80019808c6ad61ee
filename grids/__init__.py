"""The map and the rules: layers, fusion, locating, catalogue, units, duties, working time, and the City.

Everything here is a pure function of a city pack's files; nothing reads a clock, a network or an environment,
and nothing imports `streams`.
"""
