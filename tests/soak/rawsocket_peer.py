"""The same client over RawSocket (specification, 8.2)."""

from __future__ import annotations

from typing import Final

from tests.soak.codecs import decode
from tests.soak.peer import Peer, Refused

__all__ = ["HANDSHAKES", "MESSAGE", "PING", "PONG", "RawSocketPeer", "raw_frame"]

MESSAGE, PING, PONG = 0, 1, 2
#: What a client says first: it takes 16 MiB at a time.
HANDSHAKES: Final = {
    "json": b"\x7f\xf1\0\0",
    "msgpack": b"\x7f\xf2\0\0",
    "cbor": b"\x7f\xf3\0\0",
}


def raw_frame(payload: bytes, kind: int = MESSAGE) -> bytes:
    """Return a frame of less than 16 MiB."""
    return bytes((kind,)) + len(payload).to_bytes(3, "big") + payload


class RawSocketPeer(Peer):
    """One connection. It ends without a code."""

    def data_received(self, data: bytes) -> None:
        """Take what came apart."""
        self._rest += data
        if not self.opened.done() and not self._agreed():
            return
        while len(self._rest) >= 4:
            end = 4 + int.from_bytes(self._rest[1:4], "big")
            if len(self._rest) < end:
                break
            kind, payload = self._rest[0], self._rest[4:end]
            self._rest = self._rest[end:]
            if kind == PING and not self.deaf:
                self.write(raw_frame(payload, PONG))
            elif kind == MESSAGE and self.uninterested:
                self._take([payload])
            elif kind == MESSAGE:
                self._take(decode(self.serializer, payload))

    def _agreed(self) -> bool:
        if len(self._rest) < 4:
            return False
        reply, self._rest = self._rest[:4], self._rest[4:]
        if reply[1] & 0x0F:
            self.opened.set_result(None)
            return True
        self.opened.set_exception(Refused(reply.hex()))
        self._transport.abort()
        return False

    def send_payload(self, payload: bytes) -> None:
        """Send a message."""
        self.write(raw_frame(payload))

    def send_ping(self) -> None:
        """Send a ping."""
        self.write(raw_frame(b"", PING))

    def begin_message(self, size: int) -> None:
        """Send the beginning of a message of so many bytes."""
        self.write(b"\0" + size.to_bytes(3, "big") + b"[")

    def close(self) -> None:
        """Close the connection: there is nothing to say before."""
        self.finish()
