/* Base64 by the vectors of RFC 4648 section 10, and what is none. */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
	struct gp_str bytes;
	const char *text;
	const char *url;
};

static const struct row rows[] = {
	{ { "", 0 }, "", "" },
	{ GP_STR("f"), "Zg==", "Zg" },
	{ GP_STR("fo"), "Zm8=", "Zm8" },
	{ GP_STR("foo"), "Zm9v", "Zm9v" },
	{ GP_STR("foob"), "Zm9vYg==", "Zm9vYg" },
	{ GP_STR("fooba"), "Zm9vYmE=", "Zm9vYmE" },
	{ GP_STR("foobar"), "Zm9vYmFy", "Zm9vYmFy" },
	{ GP_STR("\xfb\xff\xbf"), "+/+/", "-_-_" },
	{ GP_STR("\0\0\0"), "AAAA", "AAAA" },
	{ GP_STR("\xff\xff\xff\xff"), "/////w==", "_____w" },
};

static const char *const refused[] = { "A", "AA", "AAA",
	"AA=", "A===", "====", "=", "AA==A", "AA==AAAA", "A=AA",
	"AB==", "AAB=", "AA-_", "AA A", "AAAA\n", " AAAA", "AA.A",
	"AAAA=", "AA\xc3\xa9" };

static void
base64_vectors_go_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const uint8_t *in = (const uint8_t *)rows[i].bytes.p;
		struct gp_buf out;
		uint8_t back[16];
		size_t n;

		gp_buf_init(&out, 100);
		gp_base64_encode(in, rows[i].bytes.n, &out);
		assert_string_equal(gp_buf_cstr(&out), rows[i].text);
		gp_buf_reset(&out);
		gp_base64url_encode(in, rows[i].bytes.n, &out);
		assert_string_equal(gp_buf_cstr(&out), rows[i].url);
		gp_buf_clear(&out);
		assert_int_equal(gp_base64_decode(gp_str(rows[i].text), back,
				     rows[i].bytes.n, &n),
		    GP_OK);
		assert_int_equal(n, rows[i].bytes.n);
		if (n == 0)
			continue;
		assert_memory_equal(back, in, n);
		assert_int_equal(gp_base64_decode(gp_str(rows[i].text), back,
				     rows[i].bytes.n - 1, &n),
		    GP_PERM);
		assert_int_equal(n, 0);
	}
}

static void
base64_with_a_second_spelling_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++) {
		uint8_t back[16];
		size_t n = 99;

		if (gp_base64_decode(gp_str(refused[i]), back, sizeof(back),
			&n) != GP_PERM)
			fail_msg("%s", refused[i]);
		assert_int_equal(n, 0);
	}
	assert_int_equal(gp_base64_decode(GP_STR("AA\0A"), (uint8_t[8]){ 0 }, 8,
			     &(size_t){ 0 }),
	    GP_PERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_vectors_go_both_ways),
		cmocka_unit_test(base64_with_a_second_spelling_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
