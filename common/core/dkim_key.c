/* See dkim_key.h. */
#include "core/dkim_key.h"

#include "base/base64.h"
#include "core/dkim_der.h"
#include "core/taglist.h"

#define ED25519_BITS 256

bool
gp_dkim_public_eq(const struct gp_dkim_public *a,
    const struct gp_dkim_public *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == GP_DKIM_KEY_ED25519)
		return gp_str_eq(a->point, b->point);
	return gp_str_eq(a->n, b->n) && gp_str_eq(a->e, b->e);
}

static bool
is_odd(struct gp_str number)
{
	return ((unsigned char)number.p[number.n - 1] & 1) != 0;
}

bool
gp_dkim_rsa_is_sane(const struct gp_dkim_public *key)
{
	const struct gp_str n = key->n;
	const struct gp_str e = key->e;

	return n.n > 1 && n.n <= GP_DKIM_RSA_BITS_MAX / 8 && n.p[0] != 0 &&
	       is_odd(n) && e.n > 0 && e.n <= GP_DKIM_RSA_E_BYTES &&
	       e.p[0] != 0 && is_odd(e) &&
	       (e.n > 1 || (unsigned char)e.p[0] > 1);
}

/* Is the word in the list of a tag, words with ":" between them? */
static bool
lists(const struct gp_str *list, struct gp_str word)
{
	struct gp_str rest = *list;

	while (rest.p != NULL)
		if (gp_str_eq(gp_str_trim(gp_str_split(&rest, ':')), word))
			return true;
	return false;
}

static void
read_flags(const struct gp_taglist *tags, struct gp_dkim_key_record *out)
{
	const struct gp_str *t = gp_taglist_get(tags, "t");
	const struct gp_str *s = gp_taglist_get(tags, "s");
	const struct gp_str *h = gp_taglist_get(tags, "h");

	out->testing = t != NULL && lists(t, GP_STR("y"));
	out->strict = t != NULL && lists(t, GP_STR("s"));
	out->for_email =
	    s == NULL || lists(s, GP_STR("email")) || lists(s, GP_STR("*"));
	out->sha256 = h == NULL || lists(h, GP_STR("sha256"));
}

static enum gp_rc
read_ed25519(struct gp_str raw, struct gp_dkim_public *out, struct gp_err *err)
{
	if (raw.n != GP_DKIM_ED25519_BYTES)
		return gp_fail(err, GP_PERM,
		    "Ed25519 key that has not %d octets",
		    GP_DKIM_ED25519_BYTES);
	out->type = GP_DKIM_KEY_ED25519;
	out->bits = ED25519_BITS;
	out->point = raw;
	return GP_OK;
}

static enum gp_rc
read_key(const struct gp_taglist *tags, struct gp_str p, struct gp_arena *arena,
    struct gp_dkim_public *out, struct gp_err *err)
{
	const struct gp_str *k = gp_taglist_get(tags, "k");
	bool rsa = k == NULL || gp_str_eq(*k, GP_STR("rsa"));
	struct gp_str text = gp_tag_compact(p, arena);
	size_t max = text.n / 4 * 3;
	uint8_t *bytes = gp_arena_alloc(arena, max + 1);
	struct gp_str raw = { .p = (const char *)bytes };

	if (!rsa && !gp_str_eq(*k, GP_STR("ed25519")))
		return gp_fail(err, GP_PERM, "unknown key type in k=");
	if (gp_str_find(p, '"') < p.n)
		return gp_fail(err, GP_PERM, "quotation marks in the key");
	if (gp_base64_decode(text, bytes, max, &raw.n) != GP_OK)
		return gp_fail(err, GP_PERM, "p= is no base64");
	return rsa ? gp_dkim_der_parse(raw, out, err)
	           : read_ed25519(raw, out, err);
}

/* Does the record, as far as it is a tag list, mean to be a key?  The two
 * that were hurt by copying them into a zone do, and their owners look for
 * the reason. */
static enum gp_rc
check_version(struct gp_str record, const struct gp_taglist *tags,
    struct gp_err *err)
{
	const struct gp_str *v = gp_taglist_get(tags, "v");

	if (gp_str_starts_nocase(record, GP_STR("\"v=DKIM1")))
		return gp_fail(err, GP_PERM, "quotation marks in the key");
	if (v == NULL && gp_taglist_get(tags, "p") == NULL)
		return gp_fail(err, GP_NONE, "no key record");
	if (v == NULL)
		return GP_OK;
	if (gp_str_eq(*v, GP_STR("DKIM1\\")))
		return gp_fail(err, GP_PERM, "backslashes in the key");
	if (!gp_str_eq(*v, GP_STR("DKIM1")))
		return gp_fail(err, GP_NONE, "another version in v=");
	return GP_OK;
}

enum gp_rc
gp_dkim_key_parse(struct gp_str record, struct gp_arena *arena,
    struct gp_dkim_key_record *out, struct gp_err *err)
{
	struct gp_dkim_key_record r = { .revoked = false };
	struct gp_taglist tags;
	struct gp_err why;
	const struct gp_str *p;
	enum gp_rc list, rc;

	*out = r;
	list = gp_taglist_parse(record, &tags, &why);
	rc = check_version(record, &tags, err);
	if (rc != GP_OK)
		return rc;
	p = gp_taglist_get(&tags, "p");
	if (list != GP_OK)
		return gp_fail(err, list, "%s", why.msg);
	if (gp_taglist_get(&tags, "v") != NULL &&
	    !gp_str_eq(tags.v[0].name, GP_STR("v")))
		return gp_fail(err, GP_PERM, "v= is not the first tag");
	if (p == NULL)
		return gp_fail(err, GP_PERM, "p= is missing");
	read_flags(&tags, &r);
	r.revoked = p->n == 0;
	if (!r.revoked && read_key(&tags, *p, arena, &r.key, err) != GP_OK)
		return GP_PERM;
	*out = r;
	return GP_OK;
}

void
gp_dkim_key_format(const struct gp_dkim_public *key, struct gp_buf *out)
{
	struct gp_str bytes = key->point;
	struct gp_buf der;

	gp_buf_init(&der, GP_DKIM_DER_MAX);
	gp_buf_adds(out, "v=DKIM1; k=");
	if (key->type == GP_DKIM_KEY_RSA) {
		gp_dkim_der_format(key, &der);
		bytes = gp_buf_str(&der);
	}
	gp_buf_adds(out,
	    key->type == GP_DKIM_KEY_RSA ? "rsa; p=" : "ed25519; p=");
	gp_base64_encode((const uint8_t *)bytes.p, bytes.n, out);
	gp_buf_clear(&der);
}
