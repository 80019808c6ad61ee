"""Who is responsible: duty rows, relative selectors, resolution, the proof, and receipts.

Rules live in the pack's duties.csv, never here; what is here turns them into one decision for one place,
category and moment, and says why. Nothing here knows of reports, cases or clocks.
"""
