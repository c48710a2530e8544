"""What tests and drills stand on: builders, a simulated alliance, faults and checkers. No node imports it."""
