"""The activity network: stages that wait for each other, posts that do them, bearers that carry them. Notional."""
