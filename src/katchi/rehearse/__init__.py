"""Real nodes in simulated time: a world of clocks, wires and crashes from one seed."""
