"""Where a record is kept: memory and SQLite, held to one contract by the same tests."""
