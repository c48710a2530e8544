"""Measurements of katchi beside what limits it, interleaved in one run. `make bench`."""
