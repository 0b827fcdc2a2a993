"""How long a client may take over an HTTP request, how big it may be, and who waits at the door."""

from typing import Any

from twisted.protocols import basic
from twisted.web import http

from kogame.turns import Turns

REQUEST_SECONDS = 15.0  # from a request's first byte to its last: ample for 1 MiB on a phone
REQUEST_BYTES = 1024 * 1024  # headers and body; the largest real request is an admin form
IDLE_SECONDS = 60.0  # between requests: as long as browsers keep a connection for the next click
# New connections that are read from in one turn of the loop. A handshake takes some 3 ms, and
# hundreds that come at once would hold up everybody's frames for as long as they take together.
ADMITTED = 2


class Channel(http.HTTPChannel):
    """One HTTP connection that does not wait for ever.

    Twisted starts its time-out anew with every byte, so that a client which drips one header line
    a minute holds a connection as long as it likes. Here the clock starts with a request's first
    byte and nothing the client sends winds it back.
    """

    _begun = False
    _taken = 0  # bytes of the request that is coming in

    def __init__(self, door: Turns) -> None:
        super().__init__()
        self._door = door

    def connectionMade(self) -> None:
        """Wait for its turn, when many come at once."""
        super().connectionMade()
        connection: Any = self._networkProducer
        if not self._door.may(connection.resumeProducing):
            connection.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; a request that is over its size is answered with 400 and cut."""
        if not self._handlingRequest:
            if not self._begun:
                self._begun = True
                self._taken = 0
                self.setTimeout(REQUEST_SECONDS)
            self._taken += len(data)
            if self._taken > REQUEST_BYTES:
                self._respondToBadRequestAndDisconnect()
                return
        basic.LineReceiver.dataReceived(self, data)

    def requestDone(self, request: http.Request) -> None:
        """The answer is out: the next request has its own clock."""
        self._begun = False
        self._savedTimeOut = IDLE_SECONDS
        super().requestDone(request)
