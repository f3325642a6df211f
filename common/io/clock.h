/*
 * clock - the two clocks of the system; core gets their values as arguments.
 *
 * Blocking: no.
 * Threads:  any.
 */
#ifndef GP_IO_CLOCK_H
#define GP_IO_CLOCK_H

#include "base/err.h"
#include "base/time.h"

/* Microseconds since an arbitrary start; never steps; for deadlines. */
int64_t gp_clock_us(void);

/* Milliseconds since the system was started, sleep included; for meters, which
 * outlive a process. */
int64_t gp_clock_boot_ms(void);

/* gp_clock_day - the day that `wall_s` is in, by the time zone of this system:
 * days since 1970 of its date.  *ends_s is when the next one begins. */
int64_t gp_clock_day(int64_t wall_s, int64_t *ends_s);

/* Seconds since 1970 by the wall clock; may step; for t=, x=, days. */
int64_t gp_clock_wall_s(void);

/* The same in milliseconds; for times that are promised. */
int64_t gp_clock_wall_ms(void);

/* gp_clock_synced - GP_OK: the kernel is told the right time, *error_us is how
 * far off it may be; GP_NONE: it is not; GP_PERM: it does not say. */
GP_MUST_USE enum gp_rc gp_clock_synced(int64_t *error_us);

#endif
