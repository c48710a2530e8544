"""Real nodes in simulated time: a world of clocks, wires and crashes from one seed, and officers who play a scenario in it."""
