/*
 * redis_script - what a store does inside of a Redis.
 *
 *   EVALSHA SHA N KEY... OPERATION CLOCK ...
 *
 *   CLOCK    "" for the server's, else milliseconds
 *   charge   KEYS: of n meters, then of their marks; ARGV: n, then for each
 *   peek     meter capacity rate factor share cost flags keep_ms mark_ms least;
 *   refund   flags: 1 it is watched, 2 it has a mark.  charge and peek answer
 *   debit    1 or 0 (all that bind fit), then for each 1 (fits) + 2 (free) and
 *            the level; the others 1
 *   put      KEYS: of a note; ARGV: keep_ms, its text.  Answers 1
 *   get      KEYS: of a note.  Answers its text, or nil
 *   list     KEYS: of meters.  Answers the clock, then for each the level and
 *            its time, or two empty texts
 *
 * One hash tag in the prefixes of all keys keeps them together on
 * one node, where keys are spread over several.  Values:
 *
 *   m1 LEVEL AT UNTIL   k1 UNTIL   n1 UNTIL TEXT
 *
 * in milliseconds, LEVEL such that the same double is read again.
 */
#ifndef GP_IO_REDIS_SCRIPT_H
#define GP_IO_REDIS_SCRIPT_H

extern const char gp_redis_script[];

#define GP_REDIS_METERS "{gatepost}:m:"
#define GP_REDIS_MARKS  "{gatepost}:k:"
#define GP_REDIS_NOTES  "{gatepost}:n:"

/* Of each charge in ARGV. */
#define GP_REDIS_FIELDS 9

#define GP_REDIS_WATCH 1u
#define GP_REDIS_MARK  2u

#define GP_REDIS_FITS 1
#define GP_REDIS_FREE 2

#endif
