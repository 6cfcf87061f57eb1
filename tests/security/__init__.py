"""What keeps people's words from others: isolation, deletion, what twin is made of. See SECURITY.md."""
