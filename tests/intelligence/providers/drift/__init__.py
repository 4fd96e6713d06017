"""Our adapters beside the official clients: what both send, what both read, and which words both know.

``make drift`` runs it with the newest clients; the tests run it with the pinned ones.
"""
