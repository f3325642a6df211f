/*
 * A file that may hold a private key: what is accepted signs, what is refused
 * is refused in words of ours.  What begins as DER is also put into PEM, since
 * chance does not find base64.
 */
#include "base/base64.h"
#include "core/limits.h"
#include "io/crypto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RUN 8

/* Eight bytes that could be of a key, and not of a word. */
static bool
is_key_text(const char *p)
{
	bool word = true;

	for (size_t i = 0; i < RUN; i++) {
		if (!gp_is_alnum(p[i]) && p[i] != '+' && p[i] != '/')
			return false;
		if (p[i] < 'a' || p[i] > 'z')
			word = false;
	}
	return !word;
}

static void
check_err(const struct gp_err *err, struct gp_str input)
{
	const size_t n = strlen(err->msg);

	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		assert(gp_is_print(err->msg[i]));
	for (size_t i = 0; i + RUN <= n; i++)
		assert(!is_key_text(err->msg + i) ||
		       memmem(input.p, input.n, err->msg + i, RUN) == NULL);
}

static void
check_key(const struct gp_private_key *k)
{
	const struct gp_dkim_public *p = gp_private_key_public(k);
	const uint8_t hash[GP_SHA256_BYTES] = { 7 };
	uint8_t sig[GP_SIGNATURE_BYTES];
	struct gp_public_key *public = NULL;
	size_t n = 0;

	if (p->type == GP_DKIM_KEY_RSA)
		assert(p->bits >= 1024 && p->bits <= GP_DKIM_RSA_BITS_MAX &&
		       p->n.n == (p->bits + 7) / 8 && p->e.n > 0 &&
		       p->e.n <= GP_DKIM_RSA_E_BYTES);
	else
		assert(p->bits == 256 && p->point.n == GP_DKIM_ED25519_BYTES);
	assert(gp_private_key_sign(k, hash, sig, &n) == GP_OK);
	assert(gp_public_key_new(p, &public, NULL) == GP_OK);
	assert(gp_public_key_verify(public, hash, sig, n));
	gp_public_key_unref(public);
}

static void
check(struct gp_str text)
{
	struct gp_private_key *k = NULL;
	struct gp_err err = { "" };

	if (gp_private_key_parse(text, &k, &err) == GP_OK) {
		check_key(k);
	} else {
		assert(k == NULL);
		check_err(&err, text);
	}
	gp_private_key_unref(k);
}

static void
check_der(struct gp_str der, const char *label)
{
	struct gp_buf text;

	gp_buf_init(&text, 2 * (size_t)GP_KEY_FILE_MAX);
	gp_buf_addf(&text, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < der.n; at += 48) {
		gp_base64_encode((const uint8_t *)der.p + at,
		    der.n - at < 48 ? der.n - at : 48, &text);
		gp_buf_addc(&text, '\n');
	}
	gp_buf_addf(&text, "-----END %s-----\n", label);
	check(gp_buf_str(&text));
	gp_buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_str input = gp_str_n((const char *)data, size);

	if (size > GP_KEY_FILE_MAX)
		return -1;
	check(input);
	if (size > 0 && data[0] == 0x30) {
		check_der(input, "PRIVATE KEY");
		check_der(input, "RSA PRIVATE KEY");
	}
	return 0;
}
