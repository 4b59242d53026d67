"""Pure rules about what is said: no ORM, no network, no clock."""
