"""Values and Protocols that everything else speaks in; standard library only."""
