"""How a plan is carried out on each system, and what holds it: forks, processes, layers, turns."""
