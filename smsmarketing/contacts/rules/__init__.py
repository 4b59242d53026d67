"""Pure rules about people: numbers, replies, zones. No ORM, no network, no clock."""
