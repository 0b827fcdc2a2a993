/** The room page: wires connection, state, game, input and the elements around the board. */

import "./style/base.css";
import "./style/room.css";
import "./style/card.css";
import "./style/side.css";
import "./style/dialogs.css";
import "./style/small.css"; // last: it changes the others
import { Room } from "./play";
import { byId } from "./hud/dom";

const page = byId("game");
new Room(page.dataset.socket!, new URLSearchParams(location.search).has("watch")).start();
