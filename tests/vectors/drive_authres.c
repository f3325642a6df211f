/*
 * drive_authres - the two sides of core/authres on a pipe, for
 * authres_oracle.py.  Strings are hexadecimal, "-" stands for the empty one.
 *
 *     format ID N  METHOD RESULT REASON N  PTYPE PROPERTY VALUE ...
 *       -> the field's value, as a string
 *     parse FIELD
 *       -> the canonical text of what was read, as a string; "?" for none
 */
#include "core/authres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
die(const char *why)
{
	(void)fprintf(stderr, "drive_authres: %s\n", why);
	exit(70);
}

static struct gp_str
word(struct gp_str *line)
{
	if (line->p == NULL)
		die("a line is too short");
	return gp_str_split(line, ' ');
}

static size_t
number(struct gp_str *line)
{
	uint64_t n;

	if (gp_parse_u64(word(line), 1000, &n) != GP_OK)
		die("no number");
	return (size_t)n;
}

static struct gp_str
string(struct gp_str *line, struct gp_arena *arena)
{
	struct gp_str hex = word(line);
	char *text = gp_arena_alloc(arena, hex.n / 2 + 1);

	if (gp_str_eq(hex, GP_STR("-")))
		return gp_str_n(text, 0);
	for (size_t i = 0; i + 1 < hex.n; i += 2) {
		int high = gp_hex_value(hex.p[i]);
		int low = gp_hex_value(hex.p[i + 1]);

		if (high < 0 || low < 0)
			die("no hexadecimal string");
		text[i / 2] = (char)(high * 16 + low);
	}
	return gp_str_n(text, hex.n / 2);
}

static void
print(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (unsigned)(unsigned char)s.p[i]);
	puts(s.n == 0 ? "-" : "");
}

static void
do_format(struct gp_str line, struct gp_arena *arena, struct gp_buf *out)
{
	struct gp_authres ar = { .id = string(&line, arena) };

	ar.n = number(&line);
	ar.result = gp_arena_alloc(arena, ar.n * sizeof(*ar.result));
	for (size_t i = 0; i < ar.n; i++) {
		struct gp_authres_result *r = &ar.result[i];

		r->method = string(&line, arena);
		r->result = string(&line, arena);
		r->reason = string(&line, arena);
		r->n = number(&line);
		r->prop = gp_arena_alloc(arena, r->n * sizeof(*r->prop));
		for (size_t j = 0; j < r->n; j++) {
			r->prop[j].ptype = string(&line, arena);
			r->prop[j].property = string(&line, arena);
			r->prop[j].value = string(&line, arena);
		}
	}
	gp_authres_format(&ar, out);
	print(gp_buf_str(out));
}

static void
do_parse(struct gp_str line, struct gp_arena *arena, struct gp_buf *out)
{
	struct gp_authres ar;

	if (gp_authres_parse(string(&line, arena), arena, &ar, NULL) != GP_OK) {
		puts("?");
		return;
	}
	gp_authres_canonical(&ar, out);
	print(gp_buf_str(out));
}

int
main(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_buf out;
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	gp_buf_init(&out, (size_t)4 * GP_FIELD_MAX);
	while ((n = getline(&text, &room, stdin)) > 0) {
		struct gp_str line = gp_str_trim(gp_str_n(text, (size_t)n));
		struct gp_str verb = gp_str_split(&line, ' ');

		gp_buf_reset(&out);
		if (gp_str_eq(verb, GP_STR("format")))
			do_format(line, arena, &out);
		else if (gp_str_eq(verb, GP_STR("parse")))
			do_parse(line, arena, &out);
		else
			die("no such verb");
		gp_arena_clear(arena);
	}
	free(text);
	gp_buf_clear(&out);
	gp_arena_free(arena);
	return 0;
}
