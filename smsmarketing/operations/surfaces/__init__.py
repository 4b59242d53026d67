"""The thin surfaces generated from the registry: REST, MCP, admin pages and forms (design.md §3).

They translate: a request into a payload and an actor, an outcome into an answer. Every rule lives behind `execute()`.
"""
