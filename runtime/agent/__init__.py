"""Agents at work: their definition, their steps, their crew."""
