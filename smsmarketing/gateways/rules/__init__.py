"""Pure rules of the wire: no ORM, no network, no clock of their own."""
