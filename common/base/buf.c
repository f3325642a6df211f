/* See buf.h. */
#include "base/buf.h"

#include "base/xalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
gp_buf_init(struct gp_buf *b, size_t max)
{
	*b = (struct gp_buf){ .max = max };
}

void
gp_buf_clear(struct gp_buf *b)
{
	free(b->p);
	gp_buf_init(b, b->max);
}

void
gp_buf_reset(struct gp_buf *b)
{
	b->n = 0;
	b->overflow = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

/* Make room for `n` more bytes and the NUL; false sets `overflow`. */
static bool
reserve(struct gp_buf *b, size_t n)
{
	size_t need;

	if (b->overflow || n > b->max - b->n) {
		b->overflow = true;
		return false;
	}
	need = b->n + n + 1;
	if (need > b->cap) {
		size_t cap = b->cap == 0 ? 64 : b->cap;

		while (cap < need)
			cap *= 2;
		b->p = gp_xrealloc(b->p, cap, 1);
		b->cap = cap;
	}
	return true;
}

void
gp_buf_add(struct gp_buf *b, const void *p, size_t n)
{
	if (!reserve(b, n))
		return;
	if (n != 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
gp_buf_addc(struct gp_buf *b, char c)
{
	gp_buf_add(b, &c, 1);
}

void
gp_buf_adds(struct gp_buf *b, const char *s)
{
	gp_buf_add(b, s, strlen(s));
}

void
gp_buf_add_str(struct gp_buf *b, struct gp_str s)
{
	gp_buf_add(b, s.p, s.n);
}

void
gp_buf_addf(struct gp_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(b, (size_t)n)) {
		b->overflow = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

struct gp_str
gp_buf_str(const struct gp_buf *b)
{
	return gp_str_n(b->p, b->n);
}

const char *
gp_buf_cstr(const struct gp_buf *b)
{
	return b->p == NULL ? "" : b->p;
}
