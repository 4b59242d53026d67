"""What webhooks tell, where they may go, how they are signed and when they are tried again. Pure."""
