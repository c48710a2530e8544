"""What an exercise is made of: the scenario as values. One file of it is played, rehearsed, swept and solved."""
