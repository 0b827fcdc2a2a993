"""Every number that tunes Snek, with its unit and its reason, and the names of the directions."""

from typing import Final

RATE: Final = 10  # ticks/s unless asked for: quick enough to feel direct, slow enough to plan
RATE_MIN: Final = 5  # ticks/s: slower, and a turn feels late
RATE_MAX: Final = 30  # ticks/s: faster, and nobody can steer
CAPACITY: Final = 5_000  # seats: what one step of these rules can carry within 12 ms

UP: Final = 0
RIGHT: Final = 1
DOWN: Final = 2
LEFT: Final = 3
ROCK: Final = -1  # in the occupancy list; also what lies beyond a wall
SEED: Final = 255  # the colour of food that grew by itself
COLOURS: Final = 8  # player colours, 0 to 7

SIDE_MIN: Final = 8  # cells: room for a start and for one rock with space around it
SIDE_MAX: Final = 1024  # cells: the neighbour tables stay small and a crossing takes minutes
CELLS_MAX: Final = 512 * 512  # cells: room for thousands; its tables take some 15 MB
WHOLE_CELLS: Final = 8_192  # cells of a board that is one region: not much more than a view shows
CELLS_PER_ROCK: Final = 64  # cells: rocks this sparse always find a place of their own
ROCK_GAP: Final = 2  # cells free around every rock, so that it can neither close nor narrow a way

START_LENGTH: Final = 3  # cells
SAFE_SECONDS: Final = 2  # s of spawn protection: time to find oneself on the board
QUEUE: Final = 3  # turns a player may be ahead: a U-turn and one more
SPAWNS_PER_TICK: Final = 64  # lives begun: bounds the tick in which a big room fills

SEEDS_SPARE: Final = 2  # seeds on the board beyond one per living snake
CELLS_PER_SEED: Final = 16  # cells: small boards keep room to move between seeds
SEEDS_PER_TICK: Final = 64  # seeds planted: bounds the tick after a big room's start
SEED_TRIES: Final = 8  # random cells tried per seed; a crowded board gets it some ticks later
REMAINS_EVERY: Final = 2  # a piece in every second cell: dying feeds others less than it cost

GROWTH_SEED: Final = 2  # cells
GROWTH_REMAINS: Final = 1  # cells: leftovers feed half as well
POINTS_SEED: Final = 10  # points
POINTS_REMAINS: Final = 5  # points: half a seed, as with growth
POINTS_KILL: Final = 50  # points: five seeds, so cutting someone off beats grazing
TIME_SECONDS: Final = 5  # s between points for time: each is a row on everyone's wire
POINTS_SECOND: Final = 1  # points per second alive: staying alive counts, hiding does not pay
LEADERS: Final = 10  # of the best, whose numbers everyone on a large board sees

BOT_PAUSE_MIN: Final = 1.5  # s a bot stays dead at least: a death should look like one
BOT_PAUSE_SPREAD: Final = 2.5  # s on top, at random, so that bots do not return in step
