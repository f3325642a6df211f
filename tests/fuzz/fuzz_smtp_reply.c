/*
 * smtp_reply: a reply is found however its octets arrive, and lies within
 * them.
 */
#include "core/smtp_reply.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_str all = gp_str_n((const char *)data, size);
	struct gp_str whole = all, part = all;
	struct gp_smtp_reply r, piece;
	const enum gp_rc rc = gp_smtp_reply_take(&whole, &r, NULL);
	enum gp_rc rc_part = GP_NONE;

	if (size > 4096)
		return 0;
	for (size_t n = 0; rc_part == GP_NONE && n <= size; n++) {
		part = gp_str_n(all.p, n);
		rc_part = gp_smtp_reply_take(&part, &piece, NULL);
	}
	REQUIRE(rc == rc_part);
	if (rc != GP_OK) {
		REQUIRE(whole.n == size);
		return 0;
	}
	REQUIRE(r.code >= 200 && r.code <= 599 && r.code == piece.code);
	REQUIRE(gp_str_eq(r.text, piece.text));
	REQUIRE(r.text.n + whole.n == size && r.text.n >= 4);
	(void)gp_smtp_reply_offers(&r, GP_STR("STARTTLS"));
	return 0;
}
