/**
 * What lies where in the memory that `src/domain/LineTable.ts` reads: rows of lines, places of members, figures, and
 * behind them the bytes that are looked over. All lengths are in bytes.
 */

/** Lines that one call looks over, at most. */
export const MOST_LINES: i32 = 1024

/** A row: what a line is, where it begins and ends, and what its head says. */
export const ROW: i32 = 40
export const ROW_KIND: i32 = 0
export const ROW_FROM: i32 = 4
export const ROW_TO: i32 = 8
export const ROW_TIME_FROM: i32 = 12
export const ROW_TIME_TO: i32 = 16
/** Where the members of this line are, or its figures; 0 without any. */
export const ROW_DETAIL: i32 = 20
/** A double; -1 without an ordinal. */
export const ROW_ORDINAL: i32 = 24

/** Where the values of the members begin and end that are looked for, two words each; 0 for one that is not there. */
export const KEYS: i32 = 28
export const MEMBERS: i32 = KEYS * 8

/** Thirteen doubles: the six counters of the total, those of the last response, the window. */
export const FIGURES: i32 = 104
export const COUNTERS: i32 = 48

/** Bytes of pieces that items are printed with, and of a passage's printed items. */
const PIECE_ROOM: i32 = 4096
const PRINT_ROOM: i32 = 1024 * 1024

export const ROWS: i32 = ((__heap_base + 63) & ~63) as i32
export const DETAILS: i32 = ROWS + MOST_LINES * ROW
/** Items of a passage, in columns: where each begins in the rollout, its line's number, its length, 4 where a user speaks. */
export const OFFSETS: i32 = DETAILS + MOST_LINES * MEMBERS
export const LINES: i32 = OFFSETS + MOST_LINES * 8
export const LENGTHS: i32 = LINES + MOST_LINES * 4
export const USERS: i32 = LENGTHS + MOST_LINES * 4
/**
 * What a passage comes to, in words: bytes printed, items, does the last reasoning go on, items filed, the last word, the row of
 * the last figures (-1); and a double, its highest ordinal. Of whole turns: bytes printed, items, turns, items filed, and the double.
 */
export const PASSAGE: i32 = USERS + MOST_LINES * 4
export const PASSAGE_BYTES: i32 = 64
/** Pieces that items are printed with: first where each begins and ends, then their bytes. */
export const PIECES: i32 = PASSAGE + PASSAGE_BYTES
export const PRINTED: i32 = PIECES + PIECE_ROOM
export const PRINTED_END: i32 = PRINTED + PRINT_ROOM
/**
 * A whole turn, in words: 0 the row of its first line, 1 that line's number, 2 its length; 3 how many items the turn has, 4 how many were
 * filed up to its end; 5 the row of its last figures (-1), 6 of its last line; in what was printed, 9 where its items begin, 10 where
 * they end, 11 where it ends. And a double at 12: where it begins in the rollout.
 */
export const TURN_ROW: i32 = 56
export const TURN_ROWS: i32 = PRINTED_END + 64
/** The settings that turns are compared with: five values, each behind its length (0: absent); -1 without any. */
export const REFERENCE: i32 = TURN_ROWS + (MOST_LINES / 2) * TURN_ROW
export const REFERENCE_ROOM: i32 = 4096
/** Where the bytes go that are to be looked over. */
export const BYTES: i32 = REFERENCE + REFERENCE_ROOM

/** Kinds of lines. What is none of these has to be read whole. */
export const UNKNOWN: i32 = 0
/** An item of the model's conversation that no projection reads, */
export const ITEM: i32 = 1
/** one of a tool, */
export const TOOL_ITEM: i32 = 2
/** what the agent said, */
export const AGENT_ITEM: i32 = 3
/** what a user said. */
export const USER_ITEM: i32 = 4
export const TOKEN_COUNT: i32 = 5
export const AGENT_REASONING: i32 = 6
export const AGENT_MESSAGE: i32 = 7
export const USER_MESSAGE: i32 = 8
export const TASK_STARTED: i32 = 9
export const TASK_COMPLETE: i32 = 10
export const TURN_CONTEXT: i32 = 11
