/*
 * policy_file - the files of the policy, through libconfuse and its guards.
 *
 * FILE first, then the *.conf of `policy.d` beside it in C-locale order
 * (not: *~, *.dpkg-*, dot files).  libconfuse is not thread safe, takes a
 * missing brace for the end, lets the last of two equal options win and
 * expands ${ENV}: each is guarded against here.
 *
 * Blocking: file I/O.
 * Threads:  any; calls wait for one another.
 */
#ifndef GP_IO_POLICY_FILE_H
#define GP_IO_POLICY_FILE_H

#include "core/policy.h"

/*
 * gp_policy_load - read, check and build.
 * GP_OK    *out has one reference.
 * GP_PERM  problems were added, all that one run can find; *out is NULL.
 * GP_TEMP  a file could not be read for a passing reason; also in problems.
 */
GP_MUST_USE enum gp_rc gp_policy_load(const char *path, struct gp_config **out,
    struct gp_problems *problems);

/* A text that is to become one of the files. */
struct gp_policy_instead {
	const char *path; /* as the policy names it, "DIRECTORY/policy.d/X" */
	struct gp_str text;
};

/*
 * gp_policy_load_with - the same as if that text stood in that file already,
 * a new one too.  What is wrong with it is said before it is written.
 */
GP_MUST_USE enum gp_rc
gp_policy_load_with(const char *path, const struct gp_policy_instead *instead,
    struct gp_config **out, struct gp_problems *problems);

/*
 * gp_policy_parse - the same from memory, under the name `name`; no policy.d.
 * For tests and the fuzzer.
 */
GP_MUST_USE enum gp_rc gp_policy_parse(struct gp_str text, const char *name,
    struct gp_config **out, struct gp_problems *problems);

#endif
