"""Twin broken on purpose: faults, kills, shortages. `make chaos` runs it; what it found is tested in the default suite."""
