"""Measures: one SQL file each (`sql/`), run by DuckDB over the facts of cases, with the formula beside each figure.

`facts` turns cases into tables, `folding` brings a log to a position, `registry` reads the SQL files, `asking` runs
them by window and place, `published` freezes months, `report` prints them. Nothing here writes to a log.
"""
