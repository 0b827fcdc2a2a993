"""WebSocket messages as a server sends them, and how much of them one client may leave unread."""

TEXT, BINARY = 0x81, 0x82  # first byte of a message that is whole in its one frame
# Unread by one client, in this process: some 10 s of a full small room, or 6 keyframes.
BEHIND_BYTES = 64 * 1024


def server_frame(payload: bytes, kind: int = BINARY) -> bytes:
    """One unmasked WebSocket message in one frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 1 << 16:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + size.to_bytes(8, "big") + payload
