"""Every message of Kogame, to bytes and back: the only Python package that knows bytes.

The browser's side is `frontend/src/protocol.ts`; `tests/vectors.json` holds the two together.
Numbers are little-endian, the first byte of a browser message is its type, JSON is UTF-8.
Between processes (inputs, ticks, journal, checkpoint) everything is MessagePack.
"""

from game.protocol.bus import (
    Ack as Ack,
    Act as Act,
    Close as Close,
    Command as Command,
    Drop as Drop,
    Here as Here,
    Input as Input,
    Join as Join,
    Keys as Keys,
    Kick as Kick,
    Leave as Leave,
    Notice as Notice,
    RoomTick as RoomTick,
    action_fields as action_fields,
    decode_batch as decode_batch,
    decode_inputs as decode_inputs,
    decode_plain as decode_plain,
    decode_tick as decode_tick,
    encode as encode,
    encode_json as encode_json,
    state_hash as state_hash,
)
from game.protocol.checks import Check as Check, fingerprint as fingerprint, sums as sums
from game.protocol.codes import (
    BANNED as BANNED,
    CROWDED as CROWDED,
    HOLD_SECONDS as HOLD_SECONDS,
    MALFORMED as MALFORMED,
    MAX_MESSAGE_BYTES as MAX_MESSAGE_BYTES,
    NAME_FOUL as NAME_FOUL,
    NAME_REFUSED as NAME_REFUSED,
    NAME_TAKEN as NAME_TAKEN,
    NO_ENGINE as NO_ENGINE,
    NO_HELLO as NO_HELLO,
    NO_IDENTITY as NO_IDENTITY,
    NOT_SEATED as NOT_SEATED,
    REMOVED as REMOVED,
    REPLACED as REPLACED,
    RESTARTING as RESTARTING,
    ROOM_FULL as ROOM_FULL,
    ROOM_GONE as ROOM_GONE,
    SCORES_BACKLOG as SCORES_BACKLOG,
    SENTENCES as SENTENCES,
    SILENT as SILENT,
    TOO_MANY as TOO_MANY,
    TOO_SLOW as TOO_SLOW,
    VERSION as VERSION,
    WRONG_VERSION as WRONG_VERSION,
    Malformed as Malformed,
)
from game.protocol.inbound import (
    Entry as Entry,
    FromBrowser as FromBrowser,
    Goodbye as Goodbye,
    Hello as Hello,
    Look as Look,
    NotesSeen as NotesSeen,
    Ping as Ping,
    Press as Press,
    Resync as Resync,
    parse as parse,
)
from game.protocol.outbound import (
    acked as acked,
    error as error,
    events_part as events_part,
    forget_part as forget_part,
    frame as frame,
    is_error as is_error,
    is_seated as is_seated,
    note as note,
    notice as notice,
    own as own,
    pong as pong,
    roster_part as roster_part,
    saved as saved,
    seated as seated,
    tables_part as tables_part,
    welcome as welcome,
)
from game.rules.contract import ROOM as ROOM
