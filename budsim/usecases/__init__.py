"""Use cases, and the models and hardware that serve them."""
