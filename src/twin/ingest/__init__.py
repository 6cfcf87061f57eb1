"""Exports become messages: one module per platform, recognised by content."""
