/*
 * gp_message_parse: what is read is within its bounds, each field could stand
 * in a header and ends in NUL, the body has no bare LF; and written out and
 * read again it is the same.
 */
#include "core/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_field(const struct gp_field *f)
{
	const struct gp_str name = gp_str_trim(f->name);

	assert(name.n > 0 && name.p == f->name.p);
	for (size_t i = 0; i < name.n; i++)
		assert(gp_is_print(name.p[i]) && name.p[i] != ':');
	assert(f->name.p[f->name.n] == '\0');
	assert(strlen(f->value.p) == f->value.n);
	for (size_t i = 0; i < f->value.n; i++)
		assert(f->value.p[i] != '\n' || f->value.p[i + 1] == ' ' ||
		       f->value.p[i + 1] == '\t');
}

static void
check_body(struct gp_str body)
{
	for (size_t i = 0; i < body.n; i++)
		assert(body.p[i] != '\n' || (i > 0 && body.p[i - 1] == '\r'));
}

/* With CRLF, since a CR may stand before a fold. */
static void
write_field(struct gp_buf *text, const struct gp_field *f)
{
	gp_buf_addf(text, "%.*s:", GP_STR_ARG(f->name));
	for (size_t i = 0; i < f->value.n; i++) {
		if (f->value.p[i] == '\n')
			gp_buf_addc(text, '\r');
		gp_buf_addc(text, f->value.p[i]);
	}
	gp_buf_adds(text, "\r\n");
}

static void
check_again(const struct gp_message *m, struct gp_arena *arena)
{
	struct gp_message again;
	struct gp_buf text;

	gp_buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < m->n; i++)
		write_field(&text, &m->fields[i]);
	gp_buf_adds(&text, "\r\n");
	gp_buf_add_str(&text, m->body);
	assert(
	    gp_message_parse(gp_buf_str(&text), arena, &again, NULL) == GP_OK);
	assert(again.n == m->n && gp_str_eq(again.body, m->body));
	for (size_t i = 0; i < m->n; i++)
		assert(gp_str_eq(again.fields[i].name, m->fields[i].name) &&
		       gp_str_eq(again.fields[i].value, m->fields[i].value));
	gp_buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	char *text = malloc(size > 0 ? size : 1);
	struct gp_message m;
	struct gp_err err = { "" };
	enum gp_rc rc;

	assert(text != NULL);
	memcpy(text, data, size);
	rc = gp_message_parse(gp_str_n(text, size), arena, &m, &err);
	assert((rc == GP_OK) == (err.msg[0] == '\0'));
	if (rc == GP_OK) {
		assert(m.n > 0);
		for (size_t i = 0; i < m.n; i++)
			check_field(&m.fields[i]);
		check_body(m.body);
		check_again(&m, arena);
	}
	free(text);
	gp_arena_free(arena);
	return 0;
}
