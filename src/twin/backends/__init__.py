"""Who fulfils the Protocols."""
