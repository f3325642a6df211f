/* See dns_entry.h. */
#include "io/dns_entry.h"

#include "base/time.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

static size_t
records_size(const struct gp_dns_answer *a)
{
	size_t size = a->n * sizeof(a->rr[0]);

	for (size_t i = 0; i < a->n; i++)
		size += a->rr[i].text.n + 1;
	return size;
}

/* Records first, then their texts: one copy moves them all, and then only the
 * pointers must follow. */
static void
records_pack(char *block, const struct gp_dns_answer *a)
{
	struct gp_dns_rr *rr = (struct gp_dns_rr *)(void *)block;
	char *text = block + a->n * sizeof(*rr);

	for (size_t i = 0; i < a->n; i++) {
		rr[i] = a->rr[i];
		rr[i].text.p = text;
		if (rr[i].text.n != 0)
			memcpy(text, a->rr[i].text.p, rr[i].text.n);
		text += rr[i].text.n;
		*text++ = '\0';
	}
}

struct gp_dns_entry *
gp_dns_entry_new(const struct gp_dns_question *q, const struct gp_dns_answer *a,
    const char *alias, int64_t now_us)
{
	const size_t name_size = strlen(q->name) + 1;
	const size_t alias_size = alias == NULL ? 0 : strlen(alias) + 1;
	const size_t records = records_size(a);
	struct gp_dns_entry *e;
	char *block;

	static_assert(sizeof(*e) % alignof(struct gp_dns_rr) == 0,
	    "the records follow the entry");
	e = gp_xcalloc(1, sizeof(*e) + records + name_size + alias_size);
	block = (char *)e + sizeof(*e);
	atomic_init(&e->refs, 1);
	e->bytes = sizeof(*e) + records + name_size + alias_size;
	e->type = q->type;
	e->answer = *a;
	if (e->answer.ttl_s > GP_DNS_TTL_MAX_S)
		e->answer.ttl_s = GP_DNS_TTL_MAX_S;
	e->expires_us = gp_time_add(now_us, e->answer.ttl_s * GP_US_PER_S);
	e->records_bytes = records;
	e->answer.rr = a->n == 0 ? NULL : (struct gp_dns_rr *)(void *)block;
	records_pack(block, a);
	e->name = memcpy(block + records, q->name, name_size);
	if (alias != NULL)
		e->alias =
		    memcpy(block + records + name_size, alias, alias_size);
	return e;
}

struct gp_dns_entry *
gp_dns_entry_ref(struct gp_dns_entry *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

void
gp_dns_entry_unref(struct gp_dns_entry *e)
{
	if (e != NULL && atomic_fetch_sub(&e->refs, 1) == 1)
		free(e);
}

const char *
gp_dns_entry_read(const struct gp_dns_entry *e, int64_t now_us,
    struct gp_arena *arena, struct gp_dns_answer *out)
{
	const int64_t left_us = gp_time_sub(e->expires_us, now_us);
	const char *from = (const char *)e->answer.rr;
	struct gp_dns_rr *rr;

	*out = e->answer;
	out->ttl_s =
	    left_us <= 0 ? 0 : (uint32_t)((left_us - 1) / GP_US_PER_S + 1);
	if (out->n == 0)
		return e->alias;
	rr = gp_arena_alloc(arena, e->records_bytes);
	memcpy(rr, from, e->records_bytes);
	for (size_t i = 0; i < out->n; i++)
		rr[i].text.p = (const char *)rr + (rr[i].text.p - from);
	out->rr = rr;
	return e->alias;
}
