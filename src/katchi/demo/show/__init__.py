"""The demo's own page: the sides and the link side by side while the story plays, and the same as one file."""
