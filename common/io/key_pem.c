/* See key_pem.h. */
#include "io/key_pem.h"

#include "base/base64.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define ENCRYPTED                                                              \
	"it is encrypted, and a daemon has no password; openssl pkey writes "  \
	"it without"
#define OTHER_TYPE " key, and DKIM has only RSA and Ed25519"

enum kind {
	PRIVATE,   /* may be it */
	UNUSABLE,  /* a private key that will not do; `what` is a sentence */
	SOMETHING, /* no private key; `what` is a noun */
};

struct label {
	struct gp_str name;
	enum kind kind;
	const char *what;
};

static const struct label labels[] = {
	{ GP_STR("PRIVATE KEY"), PRIVATE, NULL },
	{ GP_STR("RSA PRIVATE KEY"), PRIVATE, NULL },
	{ GP_STR("ENCRYPTED PRIVATE KEY"), UNUSABLE, ENCRYPTED },
	{ GP_STR("EC PRIVATE KEY"), UNUSABLE, "it is an EC" OTHER_TYPE },
	{ GP_STR("EC PARAMETERS"), UNUSABLE, "it is an EC" OTHER_TYPE },
	{ GP_STR("DSA PRIVATE KEY"), UNUSABLE, "it is a DSA" OTHER_TYPE },
	{ GP_STR("OPENSSH PRIVATE KEY"), UNUSABLE,
	    "it is in the form of OpenSSH, not in PKCS#8 or PKCS#1" },
	{ GP_STR("PUBLIC KEY"), SOMETHING, "a public key" },
	{ GP_STR("RSA PUBLIC KEY"), SOMETHING, "a public key" },
	{ GP_STR("CERTIFICATE"), SOMETHING, "a certificate" },
	{ GP_STR("X509 CERTIFICATE"), SOMETHING, "a certificate" },
	{ GP_STR("TRUSTED CERTIFICATE"), SOMETHING, "a certificate" },
	{ GP_STR("CERTIFICATE REQUEST"), SOMETHING, "a certificate request" },
};

static const struct label unknown = { .kind = SOMETHING,
	.what = "a block of another kind" };

/* What was met on the way through the text. */
struct found {
	struct gp_str body; /* of the last that may be it */
	unsigned n_private;
	const char *unusable;  /* of the first such block */
	const char *something; /* of the first such block */
};

static struct gp_str
line_of(struct gp_str *rest)
{
	return gp_str_trim(gp_str_split(rest, '\n'));
}

/* `line` is "-----<word> <label>-----". */
static bool
boundary(struct gp_str line, struct gp_str word, struct gp_str *label)
{
	const struct gp_str dashes = GP_STR("-----");

	if (line.n < word.n + dashes.n || memcmp(line.p, word.p, word.n) != 0 ||
	    !gp_str_ends_nocase(line, dashes))
		return false;
	*label = gp_str_n(line.p + word.n, line.n - word.n - dashes.n);
	return true;
}

static const struct label *
label_of(struct gp_str name)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (gp_str_eq(labels[i].name, name))
			return &labels[i];
	return &unknown;
}

static void
note(struct found *f, const struct label *l, struct gp_str body)
{
	switch (l->kind) {
	case PRIVATE:
		f->body = body;
		f->n_private++;
		break;
	case UNUSABLE:
		if (f->unusable == NULL)
			f->unusable = l->what;
		break;
	case SOMETHING:
		if (f->something == NULL)
			f->something = l->what;
		break;
	}
}

/* The rest of a block; false when it does not end as it began. */
static bool
block(struct gp_str *rest, struct gp_str name, struct found *f)
{
	const char *start = rest->p;

	while (rest->p != NULL) {
		const struct gp_str line = line_of(rest);
		struct gp_str end;

		if (!gp_str_starts_nocase(line, GP_STR("-----")))
			continue;
		if (!boundary(line, GP_STR("-----END "), &end) ||
		    !gp_str_eq(end, name))
			return false;
		note(f, label_of(name),
		    gp_str_n(start, (size_t)(line.p - start)));
		return true;
	}
	return false;
}

static bool
read_blocks(struct gp_str text, struct found *f)
{
	while (text.p != NULL) {
		const struct gp_str line = line_of(&text);
		struct gp_str name;

		if (!gp_str_starts_nocase(line, GP_STR("-----")))
			continue;
		if (!boundary(line, GP_STR("-----BEGIN "), &name) ||
		    !block(&text, name, f))
			return false;
	}
	return true;
}

/* Each binary key is a SEQUENCE, of a long length (RSA) or as short as the
 * file (Ed25519). */
static bool
is_binary(struct gp_str text)
{
	const unsigned char *p = (const unsigned char *)text.p;

	return text.n > 2 && p[0] == 0x30 &&
	       (p[1] > 0x80 || p[1] == text.n - 2);
}

static enum gp_rc
find(struct gp_str text, struct gp_str *body, struct gp_err *err)
{
	struct found f = { .n_private = 0 };

	if (is_binary(text))
		return gp_fail(err, GP_PERM,
		    "it is binary (DER), not PEM; openssl pkey -inform DER "
		    "makes PEM of it");
	if (!read_blocks(text, &f))
		return gp_fail(err, GP_PERM,
		    "it is damaged: a PEM block has no beginning or no end");
	if (f.unusable != NULL)
		return gp_fail(err, GP_PERM, "%s", f.unusable);
	if (f.n_private == 0 && f.something != NULL)
		return gp_fail(err, GP_PERM, "it holds %s and no private key",
		    f.something);
	if (f.n_private == 0)
		return gp_fail(err, GP_PERM, "it holds no private key in PEM");
	if (f.something != NULL)
		return gp_fail(err, GP_PERM,
		    "it holds %s beside the private key; leave only the key in "
		    "it",
		    f.something);
	if (f.n_private > 1)
		return gp_fail(err, GP_PERM,
		    "it holds %u private keys; each needs a file of its own",
		    f.n_private);
	*body = f.body;
	return GP_OK;
}

/* A header line (RFC 1421) is there to tell how it is encrypted. */
static enum gp_rc
decode(struct gp_str body, uint8_t *der, size_t *n, struct gp_err *err)
{
	char *joined = gp_xcalloc(body.n + 1, 1);
	const size_t room = body.n;
	size_t length = 0;
	enum gp_rc rc;

	for (size_t i = 0; i < body.n; i++)
		if (!gp_is_space(body.p[i]))
			joined[length++] = body.p[i];
	if (gp_str_starts_nocase(gp_str_n(joined, length),
		GP_STR("Proc-Type:")))
		rc = gp_fail(err, GP_PERM, ENCRYPTED);
	else if (gp_base64_decode(gp_str_n(joined, length), der, room, n) !=
		 GP_OK)
		rc = gp_fail(err, GP_PERM, "it is damaged: that is no base64");
	else
		rc = GP_OK;
	explicit_bzero(joined, body.n);
	free(joined);
	return rc;
}

enum gp_rc
gp_key_pem_decode(struct gp_str text, uint8_t *der, size_t *n,
    struct gp_err *err)
{
	struct gp_str body = { NULL, 0 };
	enum gp_rc rc = find(text, &body, err);

	*n = 0;
	return rc == GP_OK ? decode(body, der, n, err) : rc;
}

/* -- writing --------------------------------------------------------------- */

#define LINE_OCTETS 48 /* of which base64 makes 64 (RFC 7468 2) */

static void
put(struct gp_secret_bytes *out, struct gp_str text)
{
	if (out->n + text.n <= out->size)
		memcpy(out->p + out->n, text.p, text.n);
	out->n += text.n;
}

enum gp_rc
gp_key_pem_encode(struct gp_str der, struct gp_secret_bytes *out)
{
	struct gp_buf line;

	/* room at once: it is not copied about as it grows */
	gp_buf_init(&line, SIZE_MAX);
	gp_buf_addf(&line, "%*s", 2 * LINE_OCTETS, "");
	out->n = 0;
	put(out, GP_STR("-----BEGIN PRIVATE KEY-----\n"));
	while (der.n > 0) {
		size_t n = der.n < LINE_OCTETS ? der.n : LINE_OCTETS;

		gp_buf_reset(&line);
		gp_base64_encode((const uint8_t *)der.p, n, &line);
		gp_buf_addc(&line, '\n');
		put(out, gp_buf_str(&line));
		der = gp_str_n(der.p + n, der.n - n);
	}
	put(out, GP_STR("-----END PRIVATE KEY-----\n"));
	explicit_bzero(line.p, line.cap);
	gp_buf_clear(&line);
	if (out->n <= out->size)
		return GP_OK;
	explicit_bzero(out->p, out->size);
	out->n = 0;
	return GP_TEMP;
}
