/*
 * Two ways in.  Bytes as a field: what was read must read the same after it
 * was written.  Bytes as results with hostile values: what is written must be
 * a field that says that and nothing more.
 */
#include "core/authres.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of at most 998 octets that begin with a blank, and nothing but text. */
static void
check_lines(struct gp_str field)
{
	struct gp_str rest = field;

	while (rest.p != NULL) {
		struct gp_str line = gp_str_split(&rest, '\n');

		if (line.p != field.p) {
			assert(line.n > 1 && line.p[0] == '\t');
			line = gp_str_n(line.p + 1, line.n - 1);
		}
		assert(gp_str_is_text(line));
		assert(line.n + sizeof(GP_AUTHRES_NAME ": ") <= 998);
	}
}

static void
check_written(const struct gp_authres *ar, struct gp_arena *arena)
{
	struct gp_authres again;
	struct gp_buf field;
	struct gp_buf want;
	struct gp_buf got;

	gp_buf_init(&field, (size_t)4 * GP_FIELD_MAX);
	gp_buf_init(&want, (size_t)4 * GP_FIELD_MAX);
	gp_buf_init(&got, (size_t)4 * GP_FIELD_MAX);
	gp_authres_format(ar, &field);
	gp_authres_canonical(ar, &want);
	assert(!field.overflow && !want.overflow);
	assert((field.n == 0) == (want.n == 0));
	if (field.n != 0 && field.n <= GP_FIELD_MAX) {
		check_lines(gp_buf_str(&field));
		assert(gp_authres_parse(gp_buf_str(&field), arena, &again,
			   NULL) == GP_OK);
		gp_authres_canonical(&again, &got);
		assert(gp_str_eq(gp_buf_str(&want), gp_buf_str(&got)));
	}
	gp_buf_clear(&got);
	gp_buf_clear(&want);
	gp_buf_clear(&field);
}

static void
fuzz_reader(struct gp_str in, struct gp_arena *arena)
{
	struct gp_authres ar;
	struct gp_err err;

	if (gp_authres_parse(in, arena, &ar, &err) != GP_OK) {
		assert(ar.n == 0 && ar.id.n == 0);
		assert(gp_str_is_text(gp_str(err.msg)));
		return;
	}
	assert(in.n <= GP_FIELD_MAX && ar.id.n <= in.n);
	assert(ar.n <= GP_AUTHRES_RESULTS_MAX);
	for (size_t i = 0; i < ar.n; i++) {
		assert(ar.result[i].n <= GP_AUTHRES_PROPS_MAX);
		assert(
		    ar.result[i].method.n != 0 && ar.result[i].result.n != 0);
		for (size_t j = 0; j < ar.result[i].n; j++)
			assert(gp_str_is_utf8(ar.result[i].prop[j].value));
	}
	check_written(&ar, arena);
}

/* The next string of the input: a length octet, then so many octets. */
static struct gp_str
next(struct gp_str *in)
{
	struct gp_str s = { NULL, 0 };

	if (in->n == 0)
		return s;
	s = gp_str_n(in->p + 1, (unsigned char)in->p[0]);
	if (s.n > in->n - 1)
		s.n = in->n - 1;
	*in = gp_str_n(s.p + s.n, in->n - 1 - s.n);
	return s;
}

/* Mostly a keyword, or nothing but dropped results would be tried. */
static struct gp_str
next_keyword(struct gp_str *in)
{
	struct gp_str s = next(in);

	return s.n % 4 == 0 ? s : GP_STR("policy");
}

static void
fuzz_writer(struct gp_str in, struct gp_arena *arena)
{
	enum {
		RESULTS = GP_AUTHRES_RESULTS_MAX + 1,
		PROPS = GP_AUTHRES_PROPS_MAX + 1
	};
	struct gp_authres ar = { .id = next(&in) };

	ar.result = gp_arena_alloc(arena, RESULTS * sizeof(*ar.result));
	while (in.n != 0 && ar.n < RESULTS) {
		struct gp_authres_result *r = &ar.result[ar.n++];

		r->method = next_keyword(&in);
		r->result = next_keyword(&in);
		r->reason = next(&in);
		r->prop = gp_arena_alloc(arena, PROPS * sizeof(*r->prop));
		while (in.n != 0 && in.p[0] % 8 != 0 && r->n < PROPS) {
			struct gp_authres_prop *p = &r->prop[r->n++];

			p->ptype = next_keyword(&in);
			p->property = next_keyword(&in);
			p->value = next(&in);
		}
	}
	check_written(&ar, arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_str in = gp_str_n((const char *)data, size);

	if (size != 0 && data[0] == '\1')
		fuzz_writer(gp_str_n(in.p + 1, in.n - 1), arena);
	else
		fuzz_reader(in, arena);
	gp_arena_free(arena);
	return 0;
}
