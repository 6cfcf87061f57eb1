"""Channels through which a twin can be reached."""
