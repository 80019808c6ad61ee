"""Duty lists as cities publish them, made into a draft of catalogue, conditions, units and candidate rows.

What differs between lists stands in a map file (`form`, examples in `maps/`); a list is read by it (`lists`), its
limits (`limits`) and its spellings of units (`spellings`) are understood as far as its own words go, and `draft`
writes the tables. Nothing is guessed: what a list doesn't say is left undecided, and the loader refuses it until
a worksheet brings the answer. No city's words stand in the code.
"""
