"""Objectives: errors, costs and budgets as named figures."""

from daedalus.objectives.budget import budget_shares, gentle_budget, steep_budget

__all__ = ["budget_shares", "gentle_budget", "steep_budget"]
