"""Operations on people, teams and tokens. Importing this package registers them."""

from smsmarketing.accounts.operations import choosers, owners, teams, tokens

__all__ = ["choosers", "owners", "teams", "tokens"]
