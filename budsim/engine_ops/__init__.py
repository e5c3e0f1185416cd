"""Serving engines: the models, devices and versions they support, and the arguments they accept."""
