"""Finds which ports are open, gently; one file a way of sweeping."""
