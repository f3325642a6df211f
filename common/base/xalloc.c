/* See xalloc.h. */
#include "base/xalloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void
gp_out_of_memory(void)
{
	abort();
}

void *
gp_xcalloc(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (p == NULL)
		abort();
	return p;
}

void *
gp_xrealloc(void *p, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		abort();
	p = realloc(p, n * size == 0 ? 1 : n * size);
	if (p == NULL)
		abort();
	return p;
}

char *
gp_xstrndup(const char *s, size_t n)
{
	char *copy = gp_xcalloc(n + 1, 1);

	if (n != 0)
		memcpy(copy, s, n);
	return copy;
}

char *
gp_xstrdup(const char *s)
{
	return gp_xstrndup(s, strlen(s));
}
