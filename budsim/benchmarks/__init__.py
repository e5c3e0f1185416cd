"""Measured serving points of users: files of benchmark tools in, calibrations and tracked accuracy out."""
