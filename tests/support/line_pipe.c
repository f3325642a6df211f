/* See line_pipe.h. */
#include "support/line_pipe.h"

#include <stdio.h>
#include <stdlib.h>

void
line_die(const char *why)
{
	(void)fprintf(stderr, "driver: %s\n", why);
	abort();
}

static struct gp_str
decode(struct gp_str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			out[n++] = s.p[i];
			continue;
		}
		if (s.n - i < 3 || gp_hex_value(s.p[i + 1]) < 0 ||
		    gp_hex_value(s.p[i + 2]) < 0)
			line_die("bad escape");
		out[n++] = (char)(gp_hex_value(s.p[i + 1]) * 16 +
				  gp_hex_value(s.p[i + 2]));
		i += 2;
	}
	out[n] = '\0';
	return gp_str_n(out, n);
}

bool
line_read(struct gp_arena *arena, struct line *l)
{
	static char text[1 << 20];
	struct gp_str rest;

	if (fgets(text, sizeof(text), stdin) == NULL)
		return false;
	rest = gp_str_trim(gp_str(text));
	l->n = 0;
	while (rest.p != NULL) {
		struct gp_str field = gp_str_split(&rest, '\t');

		if (l->n == LINE_FIELDS)
			line_die("too many fields");
		l->f[l->n++] =
		    decode(field, gp_arena_alloc(arena, field.n + 1));
	}
	return true;
}

void
line_print_field(struct gp_str s)
{
	(void)putchar('\t');
	for (size_t i = 0; i < s.n; i++)
		if (gp_is_print(s.p[i]) && s.p[i] != '%')
			(void)putchar(s.p[i]);
		else
			(void)printf("%%%02x", (unsigned)(unsigned char)s.p[i]);
}
