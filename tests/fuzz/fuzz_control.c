/*
 * control: a request is found by its first line alone, however the bytes
 * arrive, and never is anything but trimmed, printable and bounded.
 */
#include "io/control.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

static void
check_request(struct gp_str request, struct gp_str received)
{
	REQUIRE(request.n > 0 && request.n < GP_CONTROL_REQUEST_MAX);
	REQUIRE(request.p >= received.p);
	REQUIRE(request.p + request.n <= received.p + received.n);
	REQUIRE(request.p[0] != ' ' && request.p[request.n - 1] != ' ');
	for (size_t i = 0; i < request.n; i++)
		REQUIRE(gp_is_print(request.p[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str all = gp_str_n((const char *)data, size);
	struct gp_str whole = gp_str_n(NULL, 0);
	struct gp_str part = whole;
	enum gp_rc rc_whole = gp_control_request(all, true, &whole, NULL);
	enum gp_rc rc_part = GP_NONE;
	size_t n = 0;

	REQUIRE(rc_whole == GP_OK || rc_whole == GP_PERM);
	while (rc_part == GP_NONE && n <= size)
		rc_part = gp_control_request(gp_str_n(all.p, n++), false, &part,
		    NULL);
	if (rc_part == GP_NONE) {
		/* no newline: only the end makes it a request */
		REQUIRE(gp_str_find(all, '\n') == size);
		REQUIRE(size < GP_CONTROL_REQUEST_MAX);
		rc_part = gp_control_request(all, true, &part, NULL);
	}
	REQUIRE(rc_part == rc_whole);
	if (rc_whole == GP_OK) {
		check_request(whole, all);
		REQUIRE(gp_str_eq(whole, part));
	}
	return 0;
}
