/*
 * random - bytes that nobody can guess, from the system.
 *
 * Blocking: no, once the system has started.
 * Threads:  any.
 */
#ifndef GP_IO_RANDOM_H
#define GP_IO_RANDOM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* gp_random_bytes - n of them. GP_TEMP when the system gives none. */
GP_MUST_USE enum gp_rc gp_random_bytes(uint8_t *out, size_t n);

#endif
