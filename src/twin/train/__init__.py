"""Examples become an adapter; the home of Keras and JAX."""
