"""The ways between two nodes: TLS now; NATS and courier files later."""
