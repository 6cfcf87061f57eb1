"""Examples become an adapter; the home of Keras and JAX.

`from twin.train.loop import train` does it; this package imports nothing, so that asking for a configuration
does not load JAX.
"""
