"""Approvals in the admin: the list of requests, the approval page, policies and notes."""

from smsmarketing.approvals.admin.policies import ApprovalPolicyAdmin, OwnerNotificationAdmin
from smsmarketing.approvals.admin.requests import ActionRequestAdmin

__all__ = ["ActionRequestAdmin", "ApprovalPolicyAdmin", "OwnerNotificationAdmin"]
