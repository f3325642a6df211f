/*
 * milter_wire: what a filter sends is cut into packets that lie within it, each
 * is read or refused, and whatever edits come, the header stays one that can
 * be sent on.
 */
#include "core/milter_wire.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

static bool
lies_in(struct gp_str part, struct gp_str whole)
{
	return part.n == 0 ||
	       (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
check_field(const struct gp_field *f)
{
	REQUIRE(f->name.n > 0);
	for (size_t i = 0; i < f->name.n; i++)
		REQUIRE(gp_is_print(f->name.p[i]) && f->name.p[i] != ':' &&
			f->name.p[i] != ' ');
	for (size_t i = 0; i < f->value.n; i++) {
		REQUIRE(f->value.p[i] != '\0');
		if (f->value.p[i] == '\n')
			REQUIRE(i + 1 < f->value.n &&
				(f->value.p[i + 1] == ' ' ||
				    f->value.p[i + 1] == '\t'));
	}
}

static void
check_header(const struct gp_header *h)
{
	size_t bytes = 0;

	REQUIRE(h->n <= GP_FIELDS_MAX);
	for (size_t i = 0; i < h->n; i++) {
		check_field(&h->v[i]);
		bytes += h->v[i].name.n + h->v[i].value.n;
	}
	REQUIRE(bytes == h->bytes && bytes <= GP_FIELDS_BYTES);
}

static void
read_packet(const struct gp_milter_packet *p, enum gp_milter_event event,
    struct gp_header *h, struct gp_arena *arena,
    struct gp_milter_agreed *agreed)
{
	struct gp_milter_agreed other;
	struct gp_milter_reply r;
	struct gp_err err = { .msg = "" };

	if (gp_milter_agree(p, &other, &err) == GP_OK) {
		REQUIRE(
		    other.version >= 2 && other.version <= GP_MILTER_VERSION);
		REQUIRE((other.actions & ~(uint32_t)GP_MILTER_ACTIONS) == 0);
		REQUIRE((other.steps & ~(uint32_t)GP_MILTER_STEPS) == 0);
		*agreed = other;
	}
	if (gp_milter_read(p, agreed, event, &r, &err) != GP_OK) {
		REQUIRE(err.msg[0] != '\0');
		return;
	}
	REQUIRE(lies_in(r.name, p->data) && lies_in(r.value, p->data));
	REQUIRE(gp_milter_answer_name(r.answer)[0] != '\0');
	REQUIRE(r.answer < GP_MILTER_PROGRESS || event == GP_MILTER_EOM);
	gp_milter_edit(h, arena, agreed, &r);
	check_header(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_milter_agreed agreed = { .version = 6,
		.actions = GP_MILTER_ACTIONS,
		.steps = GP_MILTER_STEPS };
	struct gp_str all = gp_str_n((const char *)data, size);
	struct gp_str in = all;
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };
	struct gp_milter_packet p;

	gp_header_add(&h, arena, GP_STR("From"), GP_STR(" a@b.example"));
	gp_header_add(&h, arena, GP_STR("A"), GP_STR(" 1"));
	for (unsigned i = 0; i < 64; i++) {
		const size_t before = in.n;
		const enum gp_rc rc = gp_milter_take(&in, &p, NULL);

		if (rc != GP_OK) {
			REQUIRE(in.n == before);
			break;
		}
		REQUIRE(before == in.n + p.data.n + 5);
		REQUIRE(lies_in(p.data, all));
		read_packet(&p, i % 3 == 2 ? GP_MILTER_BODY : GP_MILTER_EOM, &h,
		    arena, &agreed);
	}
	gp_arena_free(arena);
	return 0;
}
