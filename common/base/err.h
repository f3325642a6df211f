/*
 * err - the four outcomes, and one sentence that explains the bad ones.
 *
 * Temporary is not permanent is not absent: the four values travel unchanged
 * from DNS to the SMTP reply, and what each means is decided by policy, once.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_BASE_ERR_H
#define GP_BASE_ERR_H

#define GP_MUST_USE          __attribute__((warn_unused_result))
#define GP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Room for one sentence: what, with which value, where. */
#define GP_ERR_MAX 400

enum gp_rc {
	GP_OK,   /* the question was answered, the value is there */
	GP_NONE, /* a definite "there is none" */
	GP_TEMP, /* no answer now; asking again later may give one */
	GP_PERM, /* broken, and will stay so until somebody mends it */
};

struct gp_err {
	char msg[GP_ERR_MAX]; /* NUL-terminated, cut at the end if too long */
};

/*
 * gp_fail - write the sentence (err may be NULL) and return `rc`, so that
 * `return gp_fail(err, GP_PERM, "...")` reads as one step.
 */
enum gp_rc gp_fail(struct gp_err *err, enum gp_rc rc, const char *fmt, ...)
    GP_PRINTF(3, 4);

/* gp_rc_of_errno - GP_TEMP for a failure that may be gone at the next try (a
 * shortage, an interruption, an I/O error), GP_PERM for what somebody must
 * mend. */
enum gp_rc gp_rc_of_errno(int error);

/* gp_rc_name - "ok", "none", "temporary" or "permanent"; never NULL. */
const char *gp_rc_name(enum gp_rc rc);

#endif
