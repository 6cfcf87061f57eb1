"""The Protocols in Google Cloud."""
