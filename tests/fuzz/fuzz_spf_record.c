/* A record that is accepted is written back as one that means the same. */
#include "core/spf_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_err(const struct gp_err *err)
{
	size_t n = strlen(err->msg);

	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		assert(gp_is_print(err->msg[i]) && err->msg[i] != '"');
}

static void
same_term(const struct gp_spf_term *a, const struct gp_spf_term *b)
{
	assert(a->kind == b->kind && a->qualifier == b->qualifier);
	assert(a->bits4 == b->bits4 && a->bits6 == b->bits6);
	assert(a->net.family == b->net.family);
	assert(memcmp(a->net.b, b->net.b, sizeof(a->net.b)) == 0);
	assert((a->spec.p == NULL) == (b->spec.p == NULL));
	assert(gp_str_eq(a->spec, b->spec));
	assert(gp_str_eq_nocase(a->name, b->name));
	assert(a->uses.p == b->uses.p && a->uses.local == b->uses.local);
}

static void
within(struct gp_str text, const struct gp_spf_record *r)
{
	size_t end = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct gp_spf_term *t = &r->term[i];

		assert(t->at > end && t->at + t->text.n <= text.n);
		assert(t->text.p == text.p + t->at && t->text.n > 0);
		assert(gp_str_find(t->text, ' ') == t->text.n);
		end = t->at + t->text.n;
	}
}

/* Write `r` and read it again: the same terms, the same text. */
static void
round_trip(const struct gp_spf_record *r, struct gp_arena *arena)
{
	struct gp_spf_record again;
	struct gp_buf first, second;

	gp_buf_init(&first, (size_t)GP_SPF_RECORD_MAX * 2);
	gp_buf_init(&second, (size_t)GP_SPF_RECORD_MAX * 2);
	gp_spf_record_format(r, true, &first);
	assert(!first.overflow);
	/* an address may be written longer than it was read */
	if (first.n <= GP_SPF_RECORD_MAX) {
		assert(gp_spf_record_parse(gp_buf_str(&first), arena, &again,
			   NULL) == GP_OK);
		assert(again.n == r->n);
		for (size_t i = 0; i < r->n; i++)
			same_term(&r->term[i], &again.term[i]);
		gp_spf_record_format(&again, true, &second);
		assert(gp_str_eq(gp_buf_str(&first), gp_buf_str(&second)));
		gp_buf_reset(&second);
		gp_spf_record_format(&again, false, &second);
		assert(gp_spf_record_parse(gp_buf_str(&second), arena, &again,
			   NULL) == GP_OK);
		assert(again.exp == NULL);
		assert(again.n == r->n - (r->exp != NULL));
	}
	gp_buf_clear(&first);
	gp_buf_clear(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_err err = { "" };
	struct gp_spf_record r;
	struct gp_str text;
	enum gp_rc rc;
	char *exact;

	/* of just its size, so that a byte too far is seen */
	exact = malloc(size + 1);
	assert(exact != NULL);
	memcpy(exact + 1, data, size);
	text = gp_str_n(exact + 1, size);
	rc = gp_spf_record_parse(text, arena, &r, &err);
	assert((rc == GP_NONE) == !gp_spf_record_claims(text));
	if (rc == GP_OK) {
		assert(r.n <= GP_SPF_RECORD_TERMS);
		within(text, &r);
		round_trip(&r, arena);
	} else {
		assert(rc == GP_NONE || rc == GP_PERM);
		check_err(&err);
	}
	free(exact);
	gp_arena_free(arena);
	return 0;
}
