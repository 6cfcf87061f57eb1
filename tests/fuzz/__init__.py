"""Fuzzing guided by coverage: every parser, the zip reader, the API and the forms. `make fuzz` runs it.

The targets know nothing of the fuzzer, so that what it finds becomes an ordinary test.
"""
