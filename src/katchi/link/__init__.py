"""Replication between nodes without I/O: frames, and what to send a peer next."""
