/* See policy.h. */
#include "core/policy.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 1024

void
gp_problems_init(struct gp_problems *p)
{
	*p = (struct gp_problems){ .count = 0 };
	gp_buf_init(&p->text,
	    (size_t)(GP_CONFIG_PROBLEMS_MAX + 1) * LINE_MAX_BYTES);
}

void
gp_problems_clear(struct gp_problems *p)
{
	gp_buf_clear(&p->text);
	p->count = 0;
}

static size_t
add_place(struct gp_origin where, char *line, size_t size)
{
	int n = 0;

	if (where.file != NULL && where.line > 0)
		n = snprintf(line, size, "%.600s:%u: ", where.file, where.line);
	else if (where.file != NULL)
		n = snprintf(line, size, "%.600s: ", where.file);
	return n > 0 ? (size_t)n : 0;
}

void
gp_problems_add(struct gp_problems *p, struct gp_origin where, const char *fmt,
    ...)
{
	char line[LINE_MAX_BYTES];
	size_t n;
	va_list ap;

	if (p->count++ >= GP_CONFIG_PROBLEMS_MAX) {
		if (p->count == GP_CONFIG_PROBLEMS_MAX + 1)
			gp_buf_adds(&p->text, "more problems are not shown\n");
		return;
	}
	n = add_place(where, line, sizeof(line));
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	for (n = 0; line[n] != '\0'; n++)
		if ((unsigned char)line[n] < ' ' || line[n] == 0x7f)
			line[n] = '?';
	gp_buf_adds(&p->text, line);
	gp_buf_addc(&p->text, '\n');
}
