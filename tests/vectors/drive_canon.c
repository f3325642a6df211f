/*
 * drive_canon - DKIM canonicalisation on a pipe, for canon_dkimpy.py.
 *
 * A question is one line of fields with tabs between; %XX stands for a byte:
 *     canon NAME VALUE SIGNATURE BODY CHUNK
 * NAME and VALUE are a field, SIGNATURE the value of a DKIM-Signature field,
 * and BODY comes in chunks of CHUNK bytes (0: in one).  The answer is one line
 * too, the field, the signature and the body in simple, then in relaxed form:
 *     = FIELD SIGNATURE BODY FIELD SIGNATURE BODY
 */
#include "core/dkim_canon.h"
#include "support/line_pipe.h"

#include <stdio.h>

#define OUT_MAX (1 << 20)

static void
append(void *arg, const char *p, size_t n)
{
	gp_buf_add(arg, p, n);
}

static void
print(struct gp_buf *out)
{
	if (out->overflow)
		line_die("too long");
	line_print_field(gp_buf_str(out));
	gp_buf_reset(out);
}

static void
canon_body(enum gp_dkim_canon canon, struct gp_str body, size_t chunk,
    struct gp_buf *out)
{
	struct gp_dkim_body b;

	gp_dkim_body_init(&b, canon, GP_DKIM_NO_LIMIT, append, out);
	while (body.n > 0) {
		size_t n = chunk == 0 || chunk > body.n ? body.n : chunk;

		gp_dkim_body_add(&b, gp_str_n(body.p, n));
		body = gp_str_n(body.p + n, body.n - n);
	}
	gp_dkim_body_end(&b);
}

static void
answer(const struct line *l, enum gp_dkim_canon canon, struct gp_buf *out)
{
	struct gp_field field = { .name = l->f[1], .value = l->f[2] };
	struct gp_field signature = { .name = GP_STR("DKIM-Signature"),
		.value = l->f[3] };
	uint64_t chunk;

	if (gp_parse_u64(l->f[5], OUT_MAX, &chunk) != GP_OK)
		line_die("no chunk size");
	gp_dkim_canon_field(canon, &field, out);
	print(out);
	gp_dkim_canon_signature(canon, &signature, out);
	print(out);
	canon_body(canon, l->f[4], chunk, out);
	print(out);
}

int
main(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_buf out;
	struct line l;

	gp_buf_init(&out, OUT_MAX);
	while (line_read(arena, &l)) {
		if (l.n != 6 || !gp_str_eq(l.f[0], GP_STR("canon")))
			line_die("bad question");
		(void)putchar('=');
		answer(&l, GP_DKIM_SIMPLE, &out);
		answer(&l, GP_DKIM_RELAXED, &out);
		(void)putchar('\n');
		gp_arena_clear(arena);
	}
	gp_buf_clear(&out);
	gp_arena_free(arena);
	return 0;
}
