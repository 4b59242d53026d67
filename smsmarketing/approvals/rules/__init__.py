"""Pure rules of approvals: conditions, voting, time limits, drift."""
