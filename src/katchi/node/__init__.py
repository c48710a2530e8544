"""The one place where the rules of record, consultation and link meet: a machine without I/O."""
