/** The games whose boards can be drawn in the small; apart from the games, which are larger. */

import type { Welcome } from "../protocol";
import type { State } from "../state";
import { drawMiniature } from "./snek/miniature";

export type DrawMiniature = (canvas: HTMLCanvasElement, welcome: Welcome, state: State) => void;

export const MINIATURES: Readonly<Record<string, DrawMiniature>> = { snek: drawMiniature };
