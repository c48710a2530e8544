"""What a simulation of consultation can tell planners: sweeps, exact answers, games.

Results are notional; nothing here orders anything.
"""
