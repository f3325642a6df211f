/*
 * See dns.h, gp_dns_open_zone.
 *
 * The zone answers at once, in the thread that asks; only what an injected
 * fault delays waits in a list, on a thread that exists when there is such a
 * fault.
 */
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/dns_backend.h"
#include "io/dns_zone.h"
#include "io/thread.h"

#include <stdlib.h>

#define CACHE_BYTES INT64_C(4194304)

struct late {
	struct late *next;
	struct gp_dns_flight *flight;
	struct gp_dns_answer answer;
	int64_t due_us;
};

struct server {
	struct gp_dns_backend base; /* first: the two are one address */
	struct gp_dns_zone *zone;
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct late *late; /* the next one due first */
	bool stopped;
};

static struct server *
server_of(struct gp_dns_backend *b)
{
	return (struct server *)(void *)b;
}

/* False when the server has stopped. */
static bool
late_add(struct server *s, struct late *l)
{
	struct late **at = &s->late;
	bool added;

	pthread_mutex_lock(&s->lock);
	added = !s->stopped;
	if (added) {
		while (*at != NULL && (*at)->due_us <= l->due_us)
			at = &(*at)->next;
		l->next = *at;
		*at = l;
		pthread_cond_signal(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return added;
}

static void
server_start(struct gp_dns_backend *b, struct gp_dns_flight *f)
{
	struct server *s = server_of(b);
	const struct gp_dns_zone_reply r =
	    gp_dns_zone_answer(s->zone, gp_dns_flight_question(f));
	struct late *l;

	if (r.delay_us == 0) {
		gp_dns_finish(f, &r.answer, NULL);
		return;
	}
	l = gp_xcalloc(1, sizeof(*l));
	l->flight = f;
	l->answer = r.answer;
	l->due_us = gp_time_add(gp_clock_us(), r.delay_us);
	if (!late_add(s, l)) {
		gp_dns_finish_temp(f, GP_DNS_STOPPED);
		free(l);
	}
}

/* The next one that is due; waits for it.  NULL: the server has stopped. */
static struct late *
late_take(struct server *s)
{
	struct late *l = NULL;

	pthread_mutex_lock(&s->lock);
	while (!s->stopped && l == NULL) {
		if (s->late == NULL) {
			pthread_cond_wait(&s->changed, &s->lock);
		} else if (s->late->due_us > gp_clock_us()) {
			const struct timespec due =
			    gp_timespec_of(s->late->due_us);

			(void)pthread_cond_timedwait(&s->changed, &s->lock,
			    &due);
		} else {
			l = s->late;
			s->late = l->next;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return l;
}

static void *
server_run(void *arg)
{
	struct server *s = arg;
	struct late *l;

	while ((l = late_take(s)) != NULL) {
		gp_dns_finish(l->flight, &l->answer, NULL);
		free(l);
	}
	return NULL;
}

static void
server_stop(struct gp_dns_backend *b)
{
	struct server *s = server_of(b);

	pthread_mutex_lock(&s->lock);
	s->stopped = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (s->threaded)
		pthread_join(s->thread, NULL);
	while (s->late != NULL) {
		struct late *l = s->late;

		s->late = l->next;
		gp_dns_finish_temp(l->flight, GP_DNS_STOPPED);
		free(l);
	}
}

static void
server_free(struct gp_dns_backend *b)
{
	struct server *s = server_of(b);

	gp_dns_zone_free(s->zone);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

enum gp_rc
gp_dns_open_zone(struct gp_str zone, struct gp_metrics *metrics,
    struct gp_dns **out, struct gp_err *err)
{
	struct server *s;
	struct gp_dns_zone *z;
	enum gp_rc rc;

	*out = NULL;
	rc = gp_dns_zone_parse(zone, &z, err);
	if (rc != GP_OK)
		return rc;
	s = gp_xcalloc(1, sizeof(*s));
	s->base = (struct gp_dns_backend){ .start = server_start,
		.stop = server_stop,
		.free = server_free };
	s->zone = z;
	pthread_mutex_init(&s->lock, NULL);
	gp_cond_init(&s->changed);
	s->threaded = gp_dns_zone_delays(z);
	if (s->threaded)
		rc = gp_thread_start(&s->thread, server_run, s, err);
	if (rc != GP_OK) {
		server_free(&s->base);
		return rc;
	}
	*out = gp_dns_new(&s->base, CACHE_BYTES, metrics);
	return GP_OK;
}
