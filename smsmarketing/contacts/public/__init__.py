"""Pages for everybody, without login: opt-out by link, opt-in form."""
