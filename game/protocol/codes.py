"""What both ends of the wire agree on: its version, types, limits, and the codes of refusals."""

VERSION = 2
MAX_MESSAGE_BYTES = 4096  # the longest honest message is a join of about 100 bytes
HOLD_SECONDS = 10  # how long a dropped player's seat is kept: a tunnel, a lift, a hand-over

HELLO, JOIN, ACTION, RESYNC, ACK, PING, LEAVE, LOOK, CHECK = range(0x01, 0x0A)
WELCOME, FRAME, NOTE, SEATED, ACKED, PONG, ERROR, SAVED, OWN, SUMS, NOTICE = range(0x81, 0x8C)


class Malformed(ValueError):
    """Bytes that no Kogame client would send; the text says what is wrong with them."""


# Below 1000 the socket stays open, from 4000 it is closed with that code.
ROOM_FULL, NAME_TAKEN, NAME_REFUSED, SCORES_BACKLOG, NO_ENGINE, NOT_SEATED = 1, 2, 3, 4, 5, 6
NAME_FOUL = 7
WRONG_VERSION, NO_IDENTITY, ROOM_GONE = 4001, 4003, 4004
TOO_MANY, REPLACED, MALFORMED, REMOVED = 4008, 4009, 4010, 4011
RESTARTING, TOO_SLOW, NO_HELLO, SILENT = 4012, 4013, 4014, 4015
BANNED, CROWDED, SHUT_OUT = 4016, 4017, 4018
SENTENCES = {
    ROOM_FULL: "This room is full. Watch it, or play in another one.",
    NAME_TAKEN: (
        "Someone in this room already has that name, or one that looks like it. "
        "Please choose another."
    ),
    NAME_REFUSED: "That name cannot be used. Please choose 1 to 16 visible characters.",
    SCORES_BACKLOG: "Scores are waiting to be saved. New lives begin again in a moment.",
    NO_ENGINE: "Waiting for a game engine to pick up this room.",
    NOT_SEATED: "You are watching. Join first.",
    NAME_FOUL: "That name is not allowed here. Please choose another.",
    WRONG_VERSION: "This page is of another version than the server. It reloads now.",
    NO_IDENTITY: "The server does not know this browser yet. The page reloads now.",
    ROOM_GONE: "This room is gone.",
    TOO_MANY: "Too many messages in a short time.",
    REPLACED: "You continued in another tab.",
    MALFORMED: "The server could not read what this page sent.",
    REMOVED: "An operator removed you from this room.",
    RESTARTING: "The server is restarting. You come back by yourself.",
    TOO_SLOW: "The connection is too slow to follow the game.",
    NO_HELLO: "The page did not introduce itself in time.",
    SILENT: "Nothing was heard from this page for a while.",
    BANNED: "An operator has banned you.",
    SHUT_OUT: "You may not see the metrics. Log in again as someone who may.",
    CROWDED: "This game is open in too many places at once. Close one, then try again.",
}
