/* See policy.h. */
#include "core/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROBLEM_MAX_BYTES 1024
#define PATH_SHOWN        600

void
gp_problems_init(struct gp_problems *p)
{
	*p = (struct gp_problems){ .count = 0 };
	gp_buf_init(&p->text,
	    (size_t)(GP_CONFIG_PROBLEMS_MAX + 1) * PROBLEM_MAX_BYTES);
}

void
gp_problems_clear(struct gp_problems *p)
{
	gp_buf_clear(&p->text);
	p->count = 0;
}

/* "PATH:LINE: ", "PATH: " or "". */
static size_t
add_place(struct gp_origin where, struct gp_problem_place *place, char *line,
    size_t size)
{
	int n = 0;

	if (where.file != NULL && where.line > 0)
		n = snprintf(line, size, "%.*s:%u: ", PATH_SHOWN, where.file,
		    where.line);
	else if (where.file != NULL)
		n = snprintf(line, size, "%.*s: ", PATH_SHOWN, where.file);
	place->line = where.line;
	if (where.file != NULL)
		place->path_n = strnlen(where.file, PATH_SHOWN);
	return n > 0 ? (size_t)n : 0;
}

/* No control of C0 or C1 (in UTF-8) reaches a terminal. */
static void
make_printable(char *line)
{
	for (unsigned char *p = (unsigned char *)line; *p != '\0'; p++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			*p++ = '?';
		else if (*p >= ' ' && *p != 0x7f)
			continue;
		*p = '?';
	}
}

void
gp_problems_add(struct gp_problems *p, struct gp_origin where, const char *fmt,
    ...)
{
	char line[PROBLEM_MAX_BYTES];
	struct gp_problem_place *place;
	size_t n;
	va_list ap;

	if (p->count >= GP_CONFIG_PROBLEMS_MAX) {
		if (p->count++ == GP_CONFIG_PROBLEMS_MAX)
			gp_buf_adds(&p->text, "more problems are not shown\n");
		return;
	}
	place = &p->places[p->count++];
	*place = (struct gp_problem_place){ .at = p->text.n };
	n = add_place(where, place, line, sizeof(line));
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	make_printable(line);
	gp_buf_adds(&p->text, line);
	gp_buf_addc(&p->text, '\n');
}

/* -- sorting ----------------------------------------------------------- */

static bool
is_before(const char *text, const struct gp_problem_place *a,
    const struct gp_problem_place *b)
{
	size_t n = a->path_n < b->path_n ? a->path_n : b->path_n;
	int order = memcmp(text + a->at, text + b->at, n);

	if (order != 0)
		return order < 0;
	if (a->path_n != b->path_n)
		return a->path_n < b->path_n;
	return a->line < b->line;
}

void
gp_problems_sort(struct gp_problems *p)
{
	unsigned shown = p->count < GP_CONFIG_PROBLEMS_MAX
	                     ? p->count
	                     : GP_CONFIG_PROBLEMS_MAX;
	struct gp_buf sorted;
	size_t copied = 0;

	if (shown < 2)
		return;
	for (unsigned i = 1; i < shown; i++) {
		struct gp_problem_place place = p->places[i];
		unsigned j = i;

		for (; j > 0 && is_before(p->text.p, &place, &p->places[j - 1]);
		     j--)
			p->places[j] = p->places[j - 1];
		p->places[j] = place;
	}
	gp_buf_init(&sorted, p->text.max);
	for (unsigned i = 0; i < shown; i++) {
		struct gp_str rest = gp_str_n(p->text.p + p->places[i].at,
		    p->text.n - p->places[i].at);
		size_t n = gp_str_find(rest, '\n') + 1;

		p->places[i].at = sorted.n;
		gp_buf_add(&sorted, rest.p, n);
		copied += n;
	}
	gp_buf_add(&sorted, p->text.p + copied, p->text.n - copied);
	gp_buf_clear(&p->text);
	p->text = sorted;
}
