/* See import_parts.h. */
#include "base/base64.h"
#include "core/import_parts.h"

#include <string.h>

#define DER_MAX    ((size_t)16384)
#define LINE_BYTES 48 /* of DER in a line of PEM: 64 characters */

/*
 * What a key is called in PEM.  Both kinds are SEQUENCE { INTEGER version,
 * ...}; then comes a SEQUENCE in PKCS#8 (RFC 5958), an INTEGER in PKCS#1 (RFC
 * 8017).
 */
static const char *
label_of(const uint8_t *der, size_t n)
{
	size_t at = 2;

	if (n < 8 || der[0] != 0x30)
		return NULL;
	if ((der[1] & 0x80) != 0)
		at += der[1] & 0x7f;
	if (at + 4 > n || der[at] != 2 || der[at + 1] != 1)
		return NULL;
	if (der[at + 3] == 0x30)
		return "PRIVATE KEY";
	return der[at + 3] == 2 ? "RSA PRIVATE KEY" : NULL;
}

static void
write_pem(const uint8_t *der, size_t n, const char *label, struct gp_buf *out)
{
	gp_buf_addf(out, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < n; at += LINE_BYTES) {
		gp_base64_encode(der + at,
		    n - at < LINE_BYTES ? n - at : LINE_BYTES, out);
		gp_buf_addc(out, '\n');
	}
	gp_buf_addf(out, "-----END %s-----\n", label);
}

struct gp_str
gp_import_inline_key(struct gp_import *im, struct gp_str text)
{
	struct gp_str pem = { .n = 0 };
	struct gp_buf out;
	const char *label;
	uint8_t *der;
	size_t n;

	if (gp_str_starts_nocase(text, GP_STR("-----BEGIN ")))
		return gp_arena_dup(im->arena, text);
	der = gp_arena_alloc(im->arena, DER_MAX);
	if (gp_base64_decode(text, der, DER_MAX, &n) != GP_OK)
		return pem;
	label = label_of(der, n);
	if (label == NULL)
		return pem;
	gp_buf_init(&out, 4 * DER_MAX);
	write_pem(der, n, label, &out);
	pem = gp_arena_dup(im->arena, gp_buf_str(&out));
	gp_buf_clear(&out);
	return pem;
}
