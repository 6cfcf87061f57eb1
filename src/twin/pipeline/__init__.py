"""The stages in order, on stored things."""
