"""Our adapters beside the official clients."""
