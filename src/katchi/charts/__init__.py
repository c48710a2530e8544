"""What a simulation found, for people to look at: charts as SVG without scripts, and a report that is one HTML file.

Every chart is a function of values, in one language: the same values give the same bytes. It is drawn grey where all is as usual,
in colour only where not, and never in colour alone; it says in words what it shows (`title`, `desc`). Nothing here counts
or solves, and nothing that a file's author wrote is ever read as anything but text. All of it is notional.
"""
