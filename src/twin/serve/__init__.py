"""Adapters become replies."""
