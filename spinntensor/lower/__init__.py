"""Lowering: a graph of tensor operations becomes stages, pieces of work that can be cut into tiles."""

from spinntensor.lower.lowering import lower

__all__ = ["lower"]
