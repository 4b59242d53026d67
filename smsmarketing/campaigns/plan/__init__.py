"""Planning a send: one decision per contact, counted for people and reused for the real thing (design.md §7)."""

from smsmarketing.campaigns.plan.audience import AudiencePlan, PlanRequest, audience_plan
from smsmarketing.campaigns.plan.cost import CostPlan, CountryCost, cost_plan
from smsmarketing.campaigns.plan.statement import (
    REASONS,
    SENDABLE,
    DecisionStatement,
    decision_statement,
)

__all__ = [
    "REASONS",
    "SENDABLE",
    "AudiencePlan",
    "CostPlan",
    "CountryCost",
    "DecisionStatement",
    "PlanRequest",
    "audience_plan",
    "cost_plan",
    "decision_statement",
]
