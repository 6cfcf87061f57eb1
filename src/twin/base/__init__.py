"""Base models: their weights, tokenizer and template, loaded once and used by train, convert, likeness and serve."""
