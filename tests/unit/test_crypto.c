/* HMAC-SHA256 by the test cases of RFC 4231, SHA-256 by FIPS 180-4. */
#include "io/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEN(x)       x x x x x x x x x x
#define AA20         TEN("\xaa") TEN("\xaa")
#define KEY_OF_131AA AA20 AA20 AA20 AA20 AA20 AA20 TEN("\xaa") "\xaa"

struct row {
	const char *label;
	struct gp_str key;
	struct gp_str data;
	const char *mac; /* lower-case hex; a prefix in case 5 */
};

static const struct row rfc4231[] = {
	{ "case 1", GP_STR(TEN("\x0b") TEN("\x0b")), GP_STR("Hi There"),
	    "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7" },
	{ "case 2", GP_STR("Jefe"), GP_STR("what do ya want for nothing?"),
	    "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843" },
	{ "case 3", GP_STR(AA20),
	    GP_STR(TEN("\xdd") TEN("\xdd") TEN("\xdd") TEN("\xdd") TEN("\xdd")),
	    "773ea91e36800e46854db8ebd09181a7"
	    "2959098b3ef8c122d9635514ced565fe" },
	{ "case 4",
	    GP_STR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d"
		   "\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19"),
	    GP_STR(TEN("\xcd") TEN("\xcd") TEN("\xcd") TEN("\xcd") TEN("\xcd")),
	    "82558a389a443c0ea4cc819899f2083a"
	    "85f0faa3e578f8077a2e3ff46729665b" },
	{ "case 5, 128 bits", GP_STR(TEN("\x0c") TEN("\x0c")),
	    GP_STR("Test With Truncation"),
	    "a3b6167473100ee06e0c796c2955552b" },
	{ "case 6", GP_STR(KEY_OF_131AA),
	    GP_STR("Test Using Larger Than Block-Size Key - Hash Key First"),
	    "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54" },
	{ "case 7", GP_STR(KEY_OF_131AA),
	    GP_STR("This is a test using a larger than block-size key and a "
		   "larger than block-size data. The key needs to be hashed "
		   "before being used by the HMAC algorithm."),
	    "9b09ffa71b942fcb27635fbcd5b0e944"
	    "bfdc63644f0713938a7f51535c3a35e2" },
	{ "nothing under no key", { NULL, 0 }, { NULL, 0 },
	    "b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad" },
};

static void
hmac_of_rfc4231_cases_is_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc4231) / sizeof(rfc4231[0]); i++) {
		const struct row *row = &rfc4231[i];
		uint8_t mac[GP_SHA256_BYTES];
		char hex[2 * GP_SHA256_BYTES + 1];

		gp_hmac_sha256(row->key, row->data, mac);
		for (size_t j = 0; j < sizeof(mac); j++)
			(void)snprintf(hex + 2 * j, 3, "%02x",
			    (unsigned)mac[j]);
		if (strncmp(hex, row->mac, strlen(row->mac)) != 0)
			fail_msg("%s: %s", row->label, hex);
	}
}

/* -- SHA-256 -------------------------------------------------------------- */

static const struct {
	const char *label, *text, *hash;
} hashes[] = {
	{ "nothing", "",
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855" },
	{ "abc", "abc",
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad" },
	{ "two blocks",
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
};

/* Upper half first; `out` has room for n bytes. */
static void
unhex(const char *hex, uint8_t *out, size_t n)
{
	assert_int_equal(strlen(hex), 2 * n);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(gp_hex_value(hex[2 * i]) << 4 |
				   gp_hex_value(hex[2 * i + 1]));
}

static void
sha256_in_any_pieces_is_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		const struct gp_str text = gp_str(hashes[i].text);
		uint8_t right[GP_SHA256_BYTES];
		uint8_t hash[GP_SHA256_BYTES] = { 0 };

		unhex(hashes[i].hash, right, sizeof(right));
		gp_sha256(text, hash);
		assert_memory_equal(hash, right, sizeof(hash));
		for (size_t cut = 0; cut <= text.n; cut++) {
			struct gp_sha256 *h = gp_sha256_new();

			gp_sha256_add(h, text.p, cut);
			gp_sha256_add(h, text.p + cut, text.n - cut);
			memset(hash, 0, sizeof(hash));
			gp_sha256_end(h, hash);
			gp_sha256_free(h);
			if (memcmp(hash, right, sizeof(hash)) != 0)
				fail_msg("%s, cut at %zu", hashes[i].label,
				    cut);
		}
	}
	gp_sha256_free(gp_sha256_new()); /* given up half-way */
	gp_sha256_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_of_rfc4231_cases_is_right),
		cmocka_unit_test(sha256_in_any_pieces_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
