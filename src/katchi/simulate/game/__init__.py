"""Games of decisions that interact: what is stable, how stable, and over which ranges. Results are notional.

A game is a value (`tree`); whoever remembers what it did has a stable mixture (`recall`); `answer` puts the
solvers together. No module here reads a file, a clock or chance.
"""
