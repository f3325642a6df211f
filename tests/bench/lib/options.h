/*
 * options - the command line of milterload.
 *
 * Threads:  read once, then shared by all.
 */
#ifndef GP_BENCH_OPTIONS_H
#define GP_BENCH_OPTIONS_H

#include "proc.h"

#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ML_CHAIN_MAX    8
#define ML_EXPECT_MAX   8
#define ML_SESSIONS_MAX 4096
#define ML_IDLE_MAX     20000
#define ML_FILES_MAX    256
#define ML_TEXT_MAX     512 /* an expanded template, with the NUL */

/* What becomes of a message. */
enum ml_fate {
	ML_ACCEPTED,
	ML_REJECTED,
	ML_TEMPFAILED,
	ML_DISCARDED,
	ML_HELD,
	ML_BROKEN, /* no proper answer: connection lost or protocol error */
	ML_FATES,
};
extern const char *const ml_fate_names[ML_FATES];

struct ml_expected_header {
	const char *name;
	const char *part; /* must be in its value; "" for any */
};

struct ml_options {
	const char *socket[ML_CHAIN_MAX];
	size_t n_sockets;
	unsigned sessions;
	uint64_t count;     /* 0: no bound but the time */
	int64_t ms;         /* length of the run after the warm-up */
	int64_t warmup_ms;  /* what comes back so early is not counted */
	uint64_t per_conn;  /* messages on one connection; 0: no bound */
	unsigned timeout_s; /* for one answer */
	int64_t pause_ms;   /* between the messages of a session */
	unsigned idle;      /* connections held beside the sessions */
	bool lean;          /* see milterload --help */
	size_t write_size;

	struct gp_ip client;
	const char *client_name, *helo, *from, *rcpt, *login, *listener;
	const char *mta, *queue_id;
	unsigned recipients;
	bool from_header;

	const char *files[ML_FILES_MAX];
	size_t n_files;
	size_t generate, min_body, max_body;

	enum ml_fate fate;
	const char *reply; /* must be in the SMTP reply; NULL: any */
	struct ml_expected_header header[ML_EXPECT_MAX];
	size_t n_headers;

	struct ml_pids pids, helpers;
	const char *label;
};

/* What the placeholders of a template stand for. */
struct ml_numbers {
	uint64_t message;
	unsigned session, recipient;
};

/*
 * ml_options_parse - GP_OK; GP_NONE: --help was asked for and given; GP_PERM:
 * err says what is wrong.  Strings of argv are borrowed, and cut in place.
 */
GP_MUST_USE enum gp_rc ml_options_parse(int argc, char **argv,
    struct ml_options *out, struct gp_err *err);

/* ml_expand - {n} message, {s} session, {r} recipient, {NUMBER} the message
 * modulo NUMBER; anything else stands for itself.  Cut to fit. */
void ml_expand(const char *template, const struct ml_numbers *numbers,
    char out[ML_TEXT_MAX]);

#endif
