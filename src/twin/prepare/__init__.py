"""Messages become conversations, and conversations become examples."""
