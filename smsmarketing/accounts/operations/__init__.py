"""Operations on people, teams and tokens. Importing this package registers them."""

from smsmarketing.accounts.operations import owners, teams, tokens

__all__ = ["owners", "teams", "tokens"]
