"""Comparisons with PyTorch, Transformers, PEFT and Go; `make test-oracles` runs them in an environment of their own."""
