/*
 * Up to three TXT records, parted by a NUL, beside our own key.  Oracles: what
 * works is a record that reads as our key, alone, and the other way round; what
 * is said of it is one printable clause; the strings of a zone file read back
 * as the record.
 */
#include "core/dkim_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 8463 appendix A.2, RFC 6376 appendix C. */
static const char *const ours[] = {
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEm"
	"GqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7"
	"od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToI"
	"MmPSPDdQPNUYckcQ2QIDAQAB",
};

/* Does a verifier get our key out of it, and may use it for mail? */
static bool
reads_as(struct gp_str text, const struct gp_dkim_public *key,
    struct gp_arena *arena)
{
	struct gp_dkim_key_record r;

	return gp_dkim_key_parse(text, arena, &r, NULL) == GP_OK &&
	       !r.revoked && r.sha256 && r.for_email &&
	       gp_dkim_public_eq(&r.key, key);
}

static void
check_answer(const struct gp_dns_answer *a, const char *key,
    struct gp_arena *arena)
{
	struct gp_dkim_key_record own;
	struct gp_dkim_published p;
	size_t n_keys = 0, n_ours = 0;
	struct gp_buf say;

	assert(gp_dkim_key_parse(gp_str(key), arena, &own, NULL) == GP_OK);
	gp_dkim_record_compare(&own.key, a, &p);
	for (size_t i = 0; i < a->n; i++) {
		struct gp_dkim_key_record r;

		n_keys += gp_dkim_key_parse(a->rr[i].text, arena, &r, NULL) !=
		          GP_NONE;
		n_ours += reads_as(a->rr[i].text, &own.key, arena);
	}
	assert(p.n_records == n_keys && p.n_records + p.n_foreign == a->n);
	assert(gp_dkim_published_works(&p) == (n_keys == 1 && n_ours == 1));
	assert((p.verdict == GP_DKIM_PUBLISHED_SEVERAL) == (n_keys > 1));
	assert((p.verdict == GP_DKIM_PUBLISHED_MISSING) == (n_keys == 0));
	assert(p.verdict != GP_DKIM_PUBLISHED_TRUNCATED || p.got < p.wanted);
	assert(gp_dkim_published_word(p.verdict)[0] != '\0');
	gp_buf_init(&say, SIZE_MAX);
	gp_dkim_published_say(&p, &say);
	assert(say.n > 0);
	for (size_t i = 0; i < say.n; i++)
		assert(gp_is_print(say.p[i]));
	gp_buf_clear(&say);
}

/* As a reader of zone files does. */
static void
check_strings(struct gp_str text)
{
	struct gp_buf out;
	size_t n = 0, length = 0;
	bool in = false;

	gp_buf_init(&out, SIZE_MAX);
	gp_dkim_record_strings(text, " ", &out);
	for (size_t i = 0; i < out.n; i++) {
		unsigned char c = (unsigned char)out.p[i];

		assert(gp_is_print((char)c));
		if (c == '"') {
			in = !in;
			length = 0;
			continue;
		}
		if (!in)
			continue;
		if (c == '\\' && gp_is_digit(out.p[i + 1])) {
			c = (unsigned char)((out.p[i + 1] - '0') * 100 +
					    (out.p[i + 2] - '0') * 10 +
					    (out.p[i + 3] - '0'));
			i += 3;
		} else if (c == '\\') {
			c = (unsigned char)out.p[++i];
		}
		assert(n < text.n && (unsigned char)text.p[n] == c);
		n++;
		assert(++length <= 255);
	}
	assert(!in && n == text.n);
	gp_buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str rest = gp_str_n((const char *)data, size);
	struct gp_dns_rr rr[3];
	struct gp_dns_answer a = { .rc = GP_OK, .rr = rr };
	struct gp_arena *arena;

	if (size > GP_DNS_TXT_MAX)
		return 0;
	memset(rr, 0, sizeof(rr));
	while (rest.p != NULL && a.n < 3)
		rr[a.n++].text = gp_str_split(&rest, '\0');
	arena = gp_arena_new();
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		check_answer(&a, ours[i], arena);
	check_strings(gp_str_n((const char *)data, size));
	gp_arena_free(arena);
	return 0;
}
