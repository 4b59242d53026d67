"""Operations on policies and requests. Importing this package registers them."""

from smsmarketing.approvals.operations import policies, requests, votes

__all__ = ["policies", "requests", "votes"]
