/* See dns.h. */
#include "io/dns.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/dns_backend.h"
#include "io/dns_cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct gp_dns {
	struct gp_dns_backend *backend;
	struct gp_dns_cache *cache;
	struct gp_metrics *metrics;
	atomic_uint users; /* threads within gp_dns_query */
	atomic_bool cancelled;
	gp_dns_seen_fn seen; /* NULL: nobody looks */
	void *seen_arg;
};

/* Label values of GP_M_DNS_CACHE. */
enum { LABEL_HIT, LABEL_MISS, LABEL_SHARED };

/* What a message was told, it is told again: a question costs it once, and an
 * answer that may not be kept longer lives here. */
struct gp_dns_memo {
	struct gp_dns_memo *next;
	const char *name;
	enum gp_dns_type type;
	struct gp_dns_answer answer;
};

/* A question that was prefetched: its answer is here, or under way. */
struct gp_dns_held {
	struct gp_dns_held *next;
	struct gp_dns_question question;
	struct gp_dns_entry *entry;
	struct gp_dns_flight *flight; /* both NULL: it has not come in time */
	bool cached;
};

struct gp_dns *
gp_dns_new(struct gp_dns_backend *b, int64_t cache_bytes,
    struct gp_metrics *metrics)
{
	struct gp_dns *dns = gp_xcalloc(1, sizeof(*dns));

	dns->backend = b;
	dns->cache = gp_dns_cache_new(cache_bytes, metrics);
	dns->metrics = metrics;
	atomic_init(&dns->users, 0);
	atomic_init(&dns->cancelled, false);
	return dns;
}

void
gp_dns_cancel(struct gp_dns *dns)
{
	if (!atomic_exchange(&dns->cancelled, true))
		dns->backend->stop(dns->backend);
}

void
gp_dns_close(struct gp_dns *dns)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	if (dns == NULL)
		return;
	gp_dns_cancel(dns);
	/* Who was waiting has its answer and is on its way out.  It may not
	 * touch `dns` after it has said so: nothing here can be signalled. */
	while (atomic_load(&dns->users) != 0)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
	dns->backend->free(dns->backend);
	gp_dns_cache_free(dns->cache);
	free(dns);
}

static enum gp_rc
temporary(struct gp_dns_answer *out, const char *why)
{
	*out = (struct gp_dns_answer){ .rc = GP_TEMP, .why = why };
	return GP_TEMP;
}

static bool
question_set(struct gp_dns_question *q, const char *name, enum gp_dns_type type)
{
	const size_t n = strnlen(name, GP_DOMAIN_TEXT);

	if (!gp_dns_name_valid(gp_str_n(name, n)))
		return false;
	for (size_t i = 0; i <= n; i++)
		q->name[i] = gp_lower(name[i]);
	q->type = type;
	return true;
}

/* Where one link of a chain came from: the farthest place counts. */
static void
note_from(enum gp_dns_from *from, enum gp_dns_from link)
{
	if (*from != GP_DNS_SERVER)
		*from = link;
}

/* A reference to the answer; NULL and *why when there is none. */
static struct gp_dns_entry *
fetch(struct gp_dns *dns, const struct gp_dns_question *q, int64_t deadline_us,
    const char **why, enum gp_dns_from *from)
{
	struct gp_dns_entry *entry = NULL;
	struct gp_dns_flight *flight = NULL;

	*why = "timeout";
	switch (
	    gp_dns_cache_find(dns->cache, q, deadline_us, &entry, &flight)) {
	case GP_DNS_HIT:
		gp_metrics_add(dns->metrics, GP_M_DNS_CACHE, LABEL_HIT, 1);
		note_from(from, GP_DNS_CACHE);
		return entry;
	case GP_DNS_SHARED:
		gp_metrics_add(dns->metrics, GP_M_DNS_CACHE, LABEL_SHARED, 1);
		note_from(from, GP_DNS_SERVER);
		return gp_dns_flight_wait(flight, deadline_us);
	case GP_DNS_MISS:
		gp_metrics_add(dns->metrics, GP_M_DNS_CACHE, LABEL_MISS, 1);
		note_from(from, GP_DNS_SERVER);
		dns->backend->start(dns->backend, flight);
		return gp_dns_flight_wait(flight, deadline_us);
	case GP_DNS_LATE:
		return NULL;
	case GP_DNS_FULL:
		*why = "too many questions under way";
		return NULL;
	}
	return NULL;
}

static struct gp_dns_held *
held_find(struct gp_dns_held *h, const struct gp_dns_question *q)
{
	while (h != NULL && (h->question.type != q->type ||
				strcmp(h->question.name, q->name) != 0))
		h = h->next;
	return h;
}

/* A reference to what was prefetched; NULL when that has not come. */
static struct gp_dns_entry *
held_wait(struct gp_dns_held *h, int64_t deadline_us, enum gp_dns_from *from)
{
	note_from(from, h->cached ? GP_DNS_CACHE : GP_DNS_SERVER);
	if (h->flight != NULL)
		h->entry = gp_dns_flight_wait(h->flight, deadline_us);
	h->flight = NULL;
	return h->entry == NULL ? NULL : gp_dns_entry_ref(h->entry);
}

/* An alias whose target the server left out is followed here, so that the
 * target is asked once for all the names that lead to it. */
static enum gp_rc
resolve(struct gp_dns_scope *scope, struct gp_dns_question q,
    struct gp_dns_answer *out, enum gp_dns_from *from)
{
	uint32_t ttl_s = GP_DNS_TTL_MAX_S;

	for (unsigned link = 0; link <= GP_DNS_CNAME_MAX; link++) {
		struct gp_dns_held *held = held_find(scope->held, &q);
		struct gp_dns_entry *entry;
		const char *alias, *why = "timeout";
		bool valid = true;

		if (atomic_load(&scope->dns->cancelled))
			return temporary(out, GP_DNS_STOPPED);
		if (scope->budget == 0)
			return temporary(out, "budget");
		scope->budget--;
		entry = held != NULL ? held_wait(held, scope->deadline_us, from)
		                     : fetch(scope->dns, &q, scope->deadline_us,
					   &why, from);
		if (entry == NULL)
			return temporary(out, why);
		alias =
		    gp_dns_entry_read(entry, gp_clock_us(), scope->arena, out);
		if (ttl_s > out->ttl_s)
			ttl_s = out->ttl_s;
		if (alias != NULL)
			valid = question_set(&q, alias, q.type);
		gp_dns_entry_unref(entry);
		out->ttl_s = out->rc == GP_TEMP ? 0 : ttl_s;
		if (alias == NULL)
			return out->rc;
		if (!valid)
			return temporary(out, "malformed");
	}
	return temporary(out, "CNAME chain too long");
}

static bool
memo_find(const struct gp_dns_memo *m, const struct gp_dns_question *q,
    struct gp_dns_answer *out)
{
	for (; m != NULL; m = m->next) {
		if (m->type != q->type || strcmp(m->name, q->name) != 0)
			continue;
		*out = m->answer;
		return true;
	}
	return false;
}

static void
memo_add(struct gp_dns_scope *scope, const struct gp_dns_question *q,
    const struct gp_dns_answer *a)
{
	struct gp_dns_memo *m = gp_arena_alloc(scope->arena, sizeof(*m));

	m->name = gp_arena_strdup(scope->arena, q->name);
	m->type = q->type;
	m->answer = *a;
	m->next = scope->memo;
	scope->memo = m;
}

static enum gp_rc
show(const struct gp_dns_scope *scope, const char *name, enum gp_dns_type type,
    const struct gp_dns_answer *a, enum gp_dns_from from)
{
	const struct gp_dns *dns = scope->dns;

	if (dns->seen != NULL)
		dns->seen(dns->seen_arg, name, type, a, from);
	return a->rc;
}

enum gp_rc
gp_dns_query(struct gp_dns_scope *scope, const char *name,
    enum gp_dns_type type, struct gp_dns_answer *out)
{
	struct gp_dns *dns = scope->dns;
	struct gp_dns_question q = { .type = type };
	enum gp_dns_from from = GP_DNS_UNASKED;

	if (!question_set(&q, name, type)) {
		*out =
		    (struct gp_dns_answer){ .rc = GP_NONE, .nxdomain = true };
		return show(scope, name, type, out, from);
	}
	if (memo_find(scope->memo, &q, out))
		return show(scope, name, type, out, GP_DNS_MEMO);
	atomic_fetch_add(&dns->users, 1);
	if (resolve(scope, q, out, &from) != GP_TEMP)
		memo_add(scope, &q, out);
	(void)show(scope, name, type, out, from);
	atomic_fetch_sub(&dns->users, 1);
	return out->rc;
}

void
gp_dns_observe(struct gp_dns *dns, gp_dns_seen_fn fn, void *arg)
{
	dns->seen = fn;
	dns->seen_arg = arg;
}

/* False: it is not under way, and must be asked for later. */
static bool
start_ahead(struct gp_dns *dns, struct gp_dns_held *h, int64_t deadline_us)
{
	switch (gp_dns_cache_find(dns->cache, &h->question, deadline_us,
	    &h->entry, &h->flight)) {
	case GP_DNS_HIT:
		gp_metrics_add(dns->metrics, GP_M_DNS_CACHE, LABEL_HIT, 1);
		h->cached = true;
		return true;
	case GP_DNS_SHARED:
		gp_metrics_add(dns->metrics, GP_M_DNS_CACHE, LABEL_SHARED, 1);
		return true;
	case GP_DNS_MISS:
		gp_metrics_add(dns->metrics, GP_M_DNS_CACHE, LABEL_MISS, 1);
		dns->backend->start(dns->backend, h->flight);
		return true;
	case GP_DNS_LATE:
	case GP_DNS_FULL:
		break;
	}
	return false;
}

void
gp_dns_prefetch(struct gp_dns_scope *scope, const char *name,
    enum gp_dns_type type, struct gp_dns_held **held)
{
	struct gp_dns *dns = scope->dns;
	struct gp_dns_question q = { .type = type };
	struct gp_dns_answer known;
	struct gp_dns_held *h;

	if (!question_set(&q, name, type) || held_find(*held, &q) != NULL ||
	    memo_find(scope->memo, &q, &known))
		return;
	h = gp_xcalloc(1, sizeof(*h));
	h->question = q;
	atomic_fetch_add(&dns->users, 1);
	if (!atomic_load(&dns->cancelled) &&
	    start_ahead(dns, h, scope->deadline_us)) {
		h->next = *held;
		*held = h;
	} else {
		free(h);
	}
	atomic_fetch_sub(&dns->users, 1);
}

void
gp_dns_held_free(struct gp_dns_held *held)
{
	while (held != NULL) {
		struct gp_dns_held *next = held->next;

		if (held->flight != NULL)
			gp_dns_flight_leave(held->flight);
		gp_dns_entry_unref(held->entry);
		free(held);
		held = next;
	}
}
