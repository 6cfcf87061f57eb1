"""An adapter becomes what servers read."""
