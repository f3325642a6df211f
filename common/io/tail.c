/* See tail.h. */
#include "io/tail.h"

#include "base/xalloc.h"
#include "io/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gp_tail {
	atomic_uint readers;
	int bell;
	size_t size;
	pthread_mutex_t lock; /* of what follows */
	bool armed;
	struct gp_tail_reader first; /* the oldest line that is kept */
	struct gp_tail_reader next;  /* behind the newest */
	char ring[];
};

struct gp_tail *
gp_tail_new(size_t bytes)
{
	struct gp_tail *t = gp_xcalloc(1, sizeof(*t) + bytes);

	t->size = bytes;
	t->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->bell < 0) {
		free(t);
		return NULL;
	}
	(void)pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
gp_tail_free(struct gp_tail *t)
{
	if (t == NULL)
		return;
	(void)close(t->bell);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

/* -- the ring, with the lock held ------------------------------------------ */

/* Forget the oldest line. */
static void
forget(struct gp_tail *t)
{
	while (t->ring[t->first.at++ & (t->size - 1)] != '\n')
		continue;
	t->first.line++;
}

/* `s` ends in its only newline. */
static void
append(struct gp_tail *t, struct gp_str s)
{
	const size_t at = t->next.at & (t->size - 1);
	const size_t right = s.n < t->size - at ? s.n : t->size - at;

	while (t->next.at + s.n - t->first.at > t->size)
		forget(t);
	memcpy(t->ring + at, s.p, right);
	memcpy(t->ring, s.p + right, s.n - right);
	t->next.at += s.n;
	t->next.line++;
}

/* Whole lines from the reader's place on. */
static void
copy(const struct gp_tail *t, struct gp_tail_reader *r, struct gp_buf *out,
    size_t most)
{
	struct gp_tail_reader end = *r;

	for (uint64_t i = r->at; i < t->next.at && i - r->at < most; i++)
		if (t->ring[i & (t->size - 1)] == '\n')
			end = (struct gp_tail_reader){ i + 1, end.line + 1 };
	while (r->at < end.at) {
		const size_t at = r->at & (t->size - 1);
		const uint64_t left = end.at - r->at;
		const size_t n =
		    left < t->size - at ? (size_t)left : t->size - at;

		gp_buf_add(out, t->ring + at, n);
		r->at += n;
	}
	r->line = end.line;
}

/* -- writing --------------------------------------------------------------- */

void
gp_tail_add(struct gp_tail *t, struct gp_str line)
{
	char text[GP_TAIL_LINE_MAX];
	int64_t now_ms;
	bool ring;
	int n;

	if (t == NULL ||
	    atomic_load_explicit(&t->readers, memory_order_relaxed) == 0)
		return;
	now_ms = gp_clock_wall_ms();
	n = snprintf(text, sizeof(text) - 1, "%" PRId64 ".%03d %.*s",
	    now_ms / 1000, (int)(now_ms % 1000), GP_STR_ARG(line));
	if (n < 0)
		return;
	if ((size_t)n > sizeof(text) - 2)
		n = (int)sizeof(text) - 2;
	for (int i = 0; i < n; i++)
		if (!gp_is_print(text[i]))
			text[i] = '?';
	text[n++] = '\n';
	(void)pthread_mutex_lock(&t->lock);
	append(t, gp_str_n(text, (size_t)n));
	ring = t->armed;
	t->armed = false;
	(void)pthread_mutex_unlock(&t->lock);
	if (ring)
		(void)eventfd_write(t->bell, 1);
}

/* -- reading --------------------------------------------------------------- */

void
gp_tail_join(struct gp_tail *t, struct gp_tail_reader *r)
{
	(void)pthread_mutex_lock(&t->lock);
	*r = t->next;
	(void)pthread_mutex_unlock(&t->lock);
	(void)atomic_fetch_add(&t->readers, 1);
}

void
gp_tail_leave(struct gp_tail *t, struct gp_tail_reader *r)
{
	*r = (struct gp_tail_reader){ 0 };
	(void)atomic_fetch_sub(&t->readers, 1);
}

void
gp_tail_read(struct gp_tail *t, struct gp_tail_reader *r, struct gp_buf *out,
    size_t most)
{
	(void)pthread_mutex_lock(&t->lock);
	if (r->at < t->first.at) {
		gp_buf_addf(out, "lost %" PRIu64 "\n", t->first.line - r->line);
		*r = t->first;
	}
	copy(t, r, out, most - GP_TAIL_LINE_MAX);
	(void)pthread_mutex_unlock(&t->lock);
}

int
gp_tail_bell(const struct gp_tail *t)
{
	return t->bell;
}

void
gp_tail_arm(struct gp_tail *t)
{
	eventfd_t count;

	(void)eventfd_read(t->bell, &count);
	(void)pthread_mutex_lock(&t->lock);
	t->armed = true;
	(void)pthread_mutex_unlock(&t->lock);
}
