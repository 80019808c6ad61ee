"""Outlets: what shows and sends what came of the events. All of them are folds over the effects log.

`board` answers for cases and alerts as they stand, `metrics` speaks to Prometheus, `console` to people. An outlet
never decides anything and may be thrown away and rebuilt.
"""
