"""katchi: allies consult on one record that neither can alter and no outage can lose."""

__version__ = "0.1.0"
