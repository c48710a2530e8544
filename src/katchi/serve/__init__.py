"""The shell that drives a node: its directory, its one writer, its timers, its links."""
