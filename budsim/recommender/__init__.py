"""GPU recommendations: which devices hold a model, how many requests, and how fast."""
