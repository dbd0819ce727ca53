"""Recipes: how a core computes one tile of a stage, by kinds of stages."""
