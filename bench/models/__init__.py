"""Small programs with races, `main(linux)` each, and all their outcomes: what an explorer of orders is measured by.

OUTCOMES is the whole set: pairs of exit status, or "deadlock", and what was printed.
"""
