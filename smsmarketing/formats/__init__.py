"""How dates and times are written: one way, with a 24-hour clock, whatever the browser's language."""
