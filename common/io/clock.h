/*
 * clock - the two clocks of the system; core gets their values as arguments.
 *
 * Blocking: no.
 * Threads:  any.
 */
#ifndef GP_IO_CLOCK_H
#define GP_IO_CLOCK_H

#include "base/time.h"

/* Microseconds since an arbitrary start; never steps; for deadlines. */
int64_t gp_clock_us(void);

/* Milliseconds since the system was started, sleep included; for meters, which
 * outlive a process. */
int64_t gp_clock_boot_ms(void);

/* Seconds since 1970 by the wall clock; may step; for t=, x=, days. */
int64_t gp_clock_wall_s(void);

#endif
