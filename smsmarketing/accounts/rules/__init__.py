"""Pure rules of the accounts app: permissions, roles, scopes, tokens."""
