"""Which layer of one Keras model is which of another, by what is computed, and the weights that go across."""
