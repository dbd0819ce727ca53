"""Tiles of a plan as actions on one core's DTCM: one file for each family of recipes."""
