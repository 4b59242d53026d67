"""MCP: Streamable HTTP at /mcp and /mcp/<group>, through django-mcp-server's DjangoMCP (stack.md §2, compliance.md §9).

Requests are dispatched directly: the SDK's own transport would cost three times the CPU and can hold a worker for ever.
"""
