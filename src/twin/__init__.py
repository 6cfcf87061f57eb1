"""twin: talk with an AI that writes the way you write."""
