/** The games this page can draw, by the name the server gives them: the only registry. */

import type { GameModule } from "./contract";
import { snek } from "./snek";

export const GAMES: Readonly<Record<string, GameModule>> = { snek };
