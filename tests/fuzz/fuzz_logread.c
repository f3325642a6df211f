/*
 * logread: any bytes are read to an end; what is read as a line is the line
 * that logfmt writes of the same values, where nothing was cut.
 */
#include "core/logread.h"

#include "core/logfmt.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

/* Canonical: a value stands bare where it may, hex is in lower case. */
static bool
is_canonical(struct gp_str raw, struct gp_str value)
{
	char text[GP_LOG_LINE_MAX];

	(void)gp_log_escape(value, text, sizeof(text));
	return gp_str_eq(raw, gp_str(text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str rest = gp_str_n((const char *)data, size);
	struct gp_logfield f;
	struct gp_buf id;
	struct gp_str was;
	enum gp_rc rc;

	gp_buf_init(&id, SIZE_MAX);
	gp_buf_init(&f.value, SIZE_MAX);
	rc = gp_logread_id(&rest, &id, NULL);
	REQUIRE(rc == GP_OK || rc == GP_PERM);
	REQUIRE(id.n <= size);
	for (was = rest; rc == GP_OK; was = rest) {
		rc = gp_logread_next(&rest, &f, NULL);
		REQUIRE(rest.n <= was.n);
		if (rc == GP_PERM)
			REQUIRE(rest.p == was.p && rest.n == was.n);
		if (rc == GP_NONE)
			REQUIRE(rest.n == 0 || gp_str_eq(rest, GP_STR("...")));
		if (rc != GP_OK)
			break;
		REQUIRE(f.key.n > 0 && rest.n < was.n);
		REQUIRE(f.key.p == was.p + 1);
		REQUIRE(f.value.n < was.n);
		if (!f.cut && f.value.n < 40) {
			const char *raw = f.key.p + f.key.n + 1;
			struct gp_str form =
			    gp_str_n(raw, (size_t)(rest.p - raw));

			/* not the only form, but never a shorter one */
			REQUIRE(is_canonical(form, gp_buf_str(&f.value)) ||
				form.p[0] == '"');
		}
	}
	gp_buf_clear(&f.value);
	gp_buf_clear(&id);
	return 0;
}
