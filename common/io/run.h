/*
 * run - another program, without a shell: its exit code and what it says.
 *
 * Source:   posix_spawnp(3).
 * Blocking: until it ends, or the time is over and it was killed.
 * Threads:  any.
 */
#ifndef GP_IO_RUN_H
#define GP_IO_RUN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define GP_RUN_OUTPUT_MAX 1048576 /* bytes kept of each stream */

struct gp_run {
	const char *const *argv; /* NULL at the end; argv[0] by PATH */
	struct gp_str input;     /* its standard input */
	int64_t timeout_ms;
};

struct gp_run_result {
	int code; /* exit code, 0 to 255 */
	struct gp_buf out, err;
};

/*
 * gp_run - `result` is initialised here and cleared by gp_run_clear, whatever
 * is returned.
 * GP_OK    it ended by itself; result->code may be any.
 * GP_NONE  there is no such program.
 * GP_TEMP  it was killed by a signal or by us, or could not be started now.
 * GP_PERM  it may not be started.
 */
GP_MUST_USE enum gp_rc gp_run(const struct gp_run *what,
    struct gp_run_result *result, struct gp_err *err);
void gp_run_clear(struct gp_run_result *result);

#endif
