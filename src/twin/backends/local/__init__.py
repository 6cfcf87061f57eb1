"""The Protocols on one machine: a folder, an SQL database, child processes."""
