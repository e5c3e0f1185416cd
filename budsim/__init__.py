"""BudSim: predict how an LLM deployment will perform, and find the one that meets your targets."""
