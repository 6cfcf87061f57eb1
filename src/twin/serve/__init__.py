"""Adapters become replies: llama.cpp in process, what the owner said before, and the twin before its training."""
