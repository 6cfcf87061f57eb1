"""Adapters become replies: llama.cpp in a child process or vLLM, what the owner said before, and the twin before its training."""
