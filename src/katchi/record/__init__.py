"""The signed record: canonical form, entries, chains, checkpoints, charters, audit. It stands on nothing else."""
