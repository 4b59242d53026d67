"""How a caller proves who they are, as OpenAPI says it. Imports nothing: the settings read it."""

SECURITY_SCHEMES = {
    "bearerToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, created in the admin. It belongs to a person and can never approve.",
    },
    "browserSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A signed-in browser session. Writes also need the header X-CSRFToken.",
    },
}
