/* A key record that is accepted has numbers within bounds, and its key, written
 * by us, is read as the same one.  With a first octet of 0 the rest is the DER
 * of a key, put into a record. */
#include "core/dkim_key.h"

#include "base/base64.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_odd(struct gp_str number)
{
	return (number.p[number.n - 1] & 1) != 0;
}

static void
check_rsa(const struct gp_dkim_public *key)
{
	size_t octets = (key->bits + 7) / 8;
	unsigned top;

	assert(key->bits >= 512 && key->bits <= GP_DKIM_RSA_BITS_MAX);
	assert(key->n.n == octets && is_odd(key->n));
	top = (unsigned char)key->n.p[0];
	assert(top >> ((key->bits - 1) % 8) == 1);
	assert(key->e.n >= 1 && key->e.n <= GP_DKIM_RSA_E_BYTES);
	assert(is_odd(key->e) && key->e.p[0] != 0);
	assert(key->e.n > 1 || key->e.p[0] != 1);
}

static void
check_key(const struct gp_dkim_public *key, struct gp_arena *arena)
{
	struct gp_dkim_key_record again;
	struct gp_buf out;

	if (key->type == GP_DKIM_KEY_RSA)
		check_rsa(key);
	else
		assert(
		    key->bits == 256 && key->point.n == GP_DKIM_ED25519_BYTES);
	gp_buf_init(&out, GP_DNS_TXT_MAX);
	gp_dkim_key_format(key, &out);
	assert(!out.overflow);
	assert(
	    gp_dkim_key_parse(gp_buf_str(&out), arena, &again, NULL) == GP_OK);
	assert(gp_dkim_public_eq(key, &again.key));
	assert(again.key.bits == key->bits);
	assert(again.for_email && again.sha256 && !again.revoked);
	assert(!again.testing && !again.strict);
	gp_buf_clear(&out);
}

static void
check_record(struct gp_str record)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_key_record r;
	struct gp_err err = { "" };
	enum gp_rc rc = gp_dkim_key_parse(record, arena, &r, &err);

	if (rc == GP_OK && !r.revoked) {
		check_key(&r.key, arena);
	} else {
		assert(r.key.bits == 0 && r.key.n.n == 0 && r.key.point.n == 0);
		assert(rc == GP_OK || rc == GP_NONE || rc == GP_PERM);
		assert((rc == GP_OK) == (err.msg[0] == '\0'));
	}
	gp_arena_free(arena);
}

static void
check_der(const uint8_t *der, size_t n)
{
	struct gp_buf record;

	gp_buf_init(&record, SIZE_MAX / 2);
	gp_buf_adds(&record, "p=");
	gp_base64_encode(der, n, &record);
	check_record(gp_buf_str(&record));
	gp_buf_clear(&record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact;

	if (size > 0 && data[0] == 0) {
		check_der(data + 1, size - 1);
		return 0;
	}
	/* of just its size, so that an octet too far is seen */
	exact = malloc(size + 1);
	assert(exact != NULL);
	memcpy(exact + 1, data, size);
	check_record(gp_str_n(exact + 1, size));
	free(exact);
	return 0;
}
