/* SipHash-1-3 under the seed 0, as CPython 3.11 hashes bytes with
 * PYTHONHASHSEED=0; and that the seed matters. */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct row {
	const char *text;
	uint64_t hash;
} rows[] = {
	{ "a", UINT64_C(0x407448d2b89b1813) },
	{ "abcdefg", UINT64_C(0x6db12aae9070f506) },
	{ "abcdefgh", UINT64_C(0x3f7b849c0b8e35ea) },
	{ "abcdefghi", UINT64_C(0xf89b34a3d11eb6e5) },
	{ "The quick brown fox jumps over the lazy dog",
	    UINT64_C(0x8df676d3d00c451e) },
};

static void
siphash_of_known_texts_is_known(void **state)
{
	static const uint64_t seed[2] = { 0, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (gp_siphash(seed, rows[i].text, strlen(rows[i].text)) !=
		    rows[i].hash)
			fail_msg("%s", rows[i].text);
}

static void
siphash_depends_on_seed_and_every_byte(void **state)
{
	static const uint64_t seed[2] = { 1, 2 };
	static const uint64_t other[2] = { 1, 3 };
	char text[20] = "";
	const uint64_t zeros = gp_siphash(seed, text, sizeof(text));

	(void)state;
	assert_true(zeros != gp_siphash(other, text, sizeof(text)));
	assert_true(zeros != gp_siphash(seed, text, sizeof(text) - 1));
	assert_true(gp_siphash(seed, NULL, 0) != gp_siphash(other, NULL, 0));
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = '\x80';
		assert_true(zeros != gp_siphash(seed, text, sizeof(text)));
		text[i] = '\0';
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_of_known_texts_is_known),
		cmocka_unit_test(siphash_depends_on_seed_and_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
