"""What a data scientist would run outside the database; each module is a program of its own, started afresh for each run."""
