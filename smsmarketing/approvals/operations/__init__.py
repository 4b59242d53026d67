"""Operations on policies and requests. Importing this package registers them."""

from smsmarketing.approvals.operations import choosers, policies, requests, votes

__all__ = ["choosers", "policies", "requests", "votes"]
