/* A signature that is accepted, written by us, is read as the same one; what
 * every accepted one has, and what a broken one may say of itself. */
#include "core/dkim_sig.h"

#include "core/domain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* One spelling: normalising it changes nothing. */
static void
check_name(const char *name)
{
	char again[GP_DOMAIN_TEXT];

	assert(gp_domain_normalize(gp_str(name), again, NULL) == GP_OK);
	assert(strcmp(name, again) == 0);
}

/* What a report shows has nothing in it that needs quoting. */
static void
check_report(const struct gp_dkim_sig *s)
{
	for (size_t i = 0; i < s->a.n; i++)
		assert(gp_is_alnum(s->a.p[i]) || s->a.p[i] == '-');
	for (size_t i = 0; i < s->b.n; i++)
		assert(gp_is_alnum(s->b.p[i]) ||
		       memchr("+/=", s->b.p[i], 3) != NULL);
	if (s->domain != NULL)
		check_name(s->domain);
	if (s->selector != NULL)
		check_name(s->selector);
}

static void
check_broken(const struct gp_dkim_sig *s, const struct gp_err *err)
{
	struct gp_dkim_sig rest = *s;
	static const struct gp_dkim_sig zero;

	assert(err->msg[0] != '\0');
	rest.a = rest.b = zero.a;
	rest.domain = rest.selector = NULL;
	assert(memcmp(&rest, &zero, sizeof(zero)) == 0);
}

static void
check_accepted(const struct gp_dkim_sig *s)
{
	bool from = false;

	assert(s->domain != NULL && s->selector != NULL && s->a.n > 0);
	assert(gp_domain_labels(s->domain) >= 2);
	assert(strcmp(s->identity, s->domain) == 0 ||
	       gp_domain_is_below(s->identity, s->domain));
	assert(s->signature_n > 0 && s->b.n == (s->signature_n + 2) / 3 * 4);
	assert(s->n_headers > 0 && s->n_headers <= GP_DKIM_NAMES_MAX);
	for (size_t i = 0; i < s->n_headers; i++) {
		assert(s->headers[i].n > 0);
		from = from || gp_str_eq_nocase(s->headers[i], GP_STR("from"));
	}
	assert(from);
	assert(gp_str_eq(s->a, gp_str(gp_dkim_algorithm_name(s->algorithm))));
	assert(s->time_s >= 0 && s->expiry_s >= 0);
	assert(s->has_length || s->length == 0);
	if (s->has_time && s->has_expiry)
		assert(s->expiry_s > s->time_s);
}

static void
same_members(const struct gp_dkim_sig *a, const struct gp_dkim_sig *b)
{
	assert(gp_str_eq(a->a, b->a) && gp_str_eq(a->b, b->b));
	assert(same_text(a->domain, b->domain));
	assert(same_text(a->selector, b->selector));
	assert(a->algorithm == b->algorithm);
	assert(a->header_canon == b->header_canon);
	assert(a->body_canon == b->body_canon);
	assert(a->n_headers == b->n_headers);
	for (size_t i = 0; i < a->n_headers; i++)
		assert(gp_str_eq(a->headers[i], b->headers[i]));
	assert(memcmp(a->body_hash, b->body_hash, sizeof(a->body_hash)) == 0);
	assert(a->signature_n == b->signature_n);
	assert(a->signature_n == 0 ||
	       memcmp(a->signature, b->signature, a->signature_n) == 0);
	assert(a->has_expiry == b->has_expiry);
	assert(a->time_s == b->time_s && a->expiry_s == b->expiry_s);
}

/* We write no i= and no l=, always t=, and no x= of 0. */
static void
check_written(const struct gp_dkim_sig *s, struct gp_arena *arena)
{
	struct gp_dkim_draft d = { .domain = s->domain,
		.selector = s->selector,
		.algorithm = s->algorithm,
		.header_canon = s->header_canon,
		.body_canon = s->body_canon,
		.time_s = s->time_s,
		.expiry_s = s->expiry_s,
		.n_headers = s->n_headers,
		.headers = s->headers };
	struct gp_dkim_sig again;
	struct gp_buf out;

	/* it has the hash of an algorithm that nobody signs with */
	if (s->algorithm == GP_DKIM_RSA_SHA1 ||
	    (s->has_expiry && s->expiry_s == 0))
		return;
	memcpy(d.body_hash, s->body_hash, sizeof(d.body_hash));
	gp_buf_init(&out, SIZE_MAX / 2);
	gp_dkim_sig_format(&d, s->signature, s->signature_n, &out);
	assert(
	    gp_dkim_sig_parse(gp_buf_str(&out), arena, &again, NULL) == GP_OK);
	same_members(s, &again);
	assert(strcmp(again.identity, again.domain) == 0);
	gp_buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_err err = { "" };
	struct gp_dkim_sig first, second;
	struct gp_str text;
	enum gp_rc rc;
	char *exact;

	/* of just its size, so that an octet too far is seen */
	exact = malloc(size + 1);
	assert(exact != NULL);
	memcpy(exact + 1, data, size);
	text = gp_str_n(exact + 1, size);
	rc = gp_dkim_sig_parse(text, arena, &first, &err);
	assert(gp_dkim_sig_parse(text, arena, &second, NULL) == rc);
	same_members(&first, &second);
	check_report(&first);
	if (rc == GP_OK) {
		check_accepted(&first);
		check_written(&first, arena);
	} else {
		assert(rc == GP_PERM);
		check_broken(&first, &err);
	}
	free(exact);
	gp_arena_free(arena);
	return 0;
}
