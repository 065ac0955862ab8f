"""Identifiers of rows."""

import secrets


def new_id() -> str:
    """A new random identifier: 32 hexadecimal characters (128 bits)."""
    return secrets.token_hex(16)
