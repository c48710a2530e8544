"""The main job, run on one computer: two or three nodes consult while the link is cut, and check themselves."""
