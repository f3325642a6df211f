/* See dns_pump.h. */
#include "io/dns_pump.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/dns_parse.h"
#include "io/log.h"

#include <stdlib.h>
#include <string.h>

#define SENDINGS        3 /* to one server: at 0, 1/4 and 1/2 of its time */
#define TIMEOUT_MIN_MS  20
#define TIMEOUT_MAX_MS  60000
#define TRIES_MAX       10
#define TYPE_NS         2
#define PROBE_SOON_US   GP_US_PER_S
#define PROBE_CALMLY_US (10 * GP_US_PER_S)

/* A question on its way through the servers. */
struct gp_dns_ask {
	struct gp_dns_ask *next; /* in the queue it waits in */
	struct gp_dns_ask *previous;
	enum gp_dns_wait wait;
	int64_t due_us;
	struct gp_dns_flight *flight; /* NULL: a probe of `server` */
	struct gp_dns_server *server; /* the one asked now; NULL at first */
	int64_t started_us;
	unsigned sent; /* to this server, in this round */
	unsigned round;
	unsigned tried;  /* a bit for each server, in this round */
	unsigned failed; /* a bit for each that will not do */
	unsigned open;   /* sendings that we are still told of */
	bool heard;      /* anything, from any server */
	bool done;
	const char *why; /* the last failure; NULL: silence */
};

/* -- queues -------------------------------------------------------------- */

static void
ask_unqueue(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	struct gp_dns_waiting *w = &p->waiting[a->wait];

	if (a->previous != NULL)
		a->previous->next = a->next;
	else
		w->first = a->next;
	if (a->next != NULL)
		a->next->previous = a->previous;
	else
		w->last = a->previous;
}

static void
ask_queue(struct gp_dns_pump *p, struct gp_dns_ask *a, enum gp_dns_wait wait)
{
	struct gp_dns_waiting *w = &p->waiting[wait];
	static const int parts[] = { [GP_DNS_WAIT_NONE] = 0,
		[GP_DNS_WAIT_QUARTER] = 1,
		[GP_DNS_WAIT_HALF] = 2 };

	a->wait = wait;
	a->due_us = gp_time_add(gp_clock_us(), p->timeout_us / 4 * parts[wait]);
	a->next = NULL;
	a->previous = w->last;
	if (w->last != NULL)
		w->last->next = a;
	else
		w->first = a;
	w->last = a;
}

static void
ask_requeue(struct gp_dns_pump *p, struct gp_dns_ask *a, enum gp_dns_wait wait)
{
	ask_unqueue(p, a);
	ask_queue(p, a, wait);
}

/* An ask that is not done waits in a queue; one that is done lives on until
 * its last sending has been told of. */
static void
ask_done(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	ask_unqueue(p, a);
	a->done = true;
	if (a->open == 0)
		free(a);
}

/* -- the circuit --------------------------------------------------------- */

static void
end_all(struct gp_dns_pump *p, const char *why, bool probes)
{
	for (size_t i = 0; i < GP_DNS_WAITS; i++) {
		struct gp_dns_ask *a, *next;

		for (a = p->waiting[i].first; a != NULL; a = next) {
			next = a->next;
			if (a->flight != NULL)
				gp_dns_finish_temp(a->flight, why);
			if (a->flight != NULL || probes)
				ask_done(p, a);
		}
	}
}

static bool
all_down(const struct gp_dns_pump *p)
{
	for (unsigned i = 0; i < p->n_servers; i++)
		if (p->servers[i].state != GP_DNS_SERVER_DOWN)
			return false;
	return true;
}

/* To be asked whenever a question or a probe has ended in silence. */
static void
circuit_check(struct gp_dns_pump *p)
{
	if (!all_down(p) || !gp_dns_breaker_proven(&p->breaker, gp_clock_us()))
		return;
	atomic_store(&p->circuit_open, true);
	gp_metrics_set(p->metrics, GP_M_DNS_CIRCUIT, 0, 1);
	gp_log(GP_LOG_ERROR,
	    "dns: no server answers (the first is %s): circuit open, every "
	    "question not in the cache is a temporary error until one does",
	    p->servers[0].name);
	end_all(p, GP_DNS_CIRCUIT_OPEN, false);
}

static void
circuit_answered(struct gp_dns_pump *p)
{
	if (!gp_dns_breaker_answered(&p->breaker))
		return;
	atomic_store(&p->circuit_open, false);
	gp_metrics_set(p->metrics, GP_M_DNS_CIRCUIT, 0, 0);
	gp_log(GP_LOG_WARNING, "dns: a server answers again: circuit closed");
}

/* -- servers ------------------------------------------------------------- */

static void
server_answered(struct gp_dns_server *s)
{
	if (s->state == GP_DNS_SERVER_DOWN && s->pump->n_servers > 1)
		gp_log(GP_LOG_INFO, "dns: server %s answers again", s->name);
	s->state = GP_DNS_SERVER_UP;
	circuit_answered(s->pump);
}

static void
server_silent(struct gp_dns_server *s, bool was_probe)
{
	if (s->state == GP_DNS_SERVER_UP)
		s->state = GP_DNS_SERVER_SUSPECT;
	if (!was_probe || s->state == GP_DNS_SERVER_DOWN)
		return;
	s->state = GP_DNS_SERVER_DOWN;
	if (s->pump->n_servers > 1)
		gp_log(GP_LOG_WARNING, "dns: server %s does not answer",
		    s->name);
}

static void
server_probe(struct gp_dns_server *s, int64_t now_us)
{
	struct gp_dns_ask *a = gp_xcalloc(1, sizeof(*a));

	s->probing = true;
	s->probed_us = now_us;
	a->server = s;
	a->started_us = now_us;
	ask_queue(s->pump, a, GP_DNS_WAIT_NONE);
}

/* When to probe; slowly while another server does the work. */
static int64_t
server_probe_us(const struct gp_dns_server *s)
{
	if (s->state == GP_DNS_SERVER_UP || s->probing)
		return GP_NEVER_US;
	return gp_time_add(s->probed_us,
	    s->state == GP_DNS_SERVER_DOWN && !all_down(s->pump)
		? PROBE_CALMLY_US
		: PROBE_SOON_US);
}

static unsigned
server_bit(const struct gp_dns_server *s)
{
	return 1U << (unsigned)(s - s->pump->servers);
}

/* The best server that was not tried in this round; NULL: none is left.  When
 * another one has said that it fails, a dead one need not be waited for. */
static struct gp_dns_server *
server_pick(struct gp_dns_pump *p, const struct gp_dns_ask *a)
{
	struct gp_dns_server *best = NULL;

	for (unsigned i = 0; i < p->n_servers; i++) {
		struct gp_dns_server *s = &p->servers[i];

		if (((a->tried | a->failed) & server_bit(s)) != 0)
			continue;
		if (a->failed != 0 && s->state == GP_DNS_SERVER_DOWN)
			continue;
		if (best == NULL || s->state < best->state)
			best = s;
	}
	return best;
}

/* -- a question's way ---------------------------------------------------- */

static void
ask_observe(const struct gp_dns_pump *p, const struct gp_dns_ask *a)
{
	gp_metrics_observe(p->metrics, GP_M_DNS_SECONDS,
	    gp_time_sub(gp_clock_us(), a->started_us));
}

/* No server is left. */
static void
ask_fail(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	struct gp_dns_flight *f = a->flight;
	const char *why = a->why == NULL ? "timeout" : a->why;
	const bool heard = a->heard;

	ask_observe(p, a);
	ask_done(p, a);
	gp_dns_finish_temp(f, why);
	if (heard)
		return;
	gp_dns_breaker_silent(&p->breaker, gp_clock_us());
	circuit_check(p);
}

static void
ask_send(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	const struct gp_dns_question *q =
	    a->flight == NULL ? NULL : gp_dns_flight_question(a->flight);

	a->sent++;
	a->open++;
	ask_requeue(p, a,
	    a->sent < SENDINGS ? GP_DNS_WAIT_QUARTER : GP_DNS_WAIT_HALF);
	gp_dns_line_ask(a->server->line, q == NULL ? "" : q->name,
	    q == NULL ? TYPE_NS : (int)q->type, a);
}

/* The server's time is over; on to the next one. */
static void
ask_next(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	struct gp_dns_server *s = server_pick(p, a);

	if (s == NULL && ++a->round < p->tries) {
		a->tried = 0;
		s = server_pick(p, a);
	}
	if (s == NULL) {
		ask_fail(p, a);
		return;
	}
	a->server = s;
	a->tried |= server_bit(s);
	a->sent = 0;
	ask_send(p, a);
}

static void
probe_silent(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	a->server->probing = false;
	server_silent(a->server, true);
	ask_done(p, a);
	circuit_check(p);
}

/* The wait is over: send again, or give the server up. */
static void
ask_step(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	if (a->server == NULL) {
		ask_next(p, a);
	} else if (a->sent < SENDINGS) {
		ask_send(p, a);
	} else if (a->flight == NULL) {
		probe_silent(p, a);
	} else {
		if ((a->failed & server_bit(a->server)) == 0)
			server_silent(a->server, false);
		ask_next(p, a);
	}
}

/* -- what the lines tell ------------------------------------------------- */

/* The network says that nobody is there: do not wait.  Before the same servers
 * are asked again there is a pause all the same. */
static void
ask_unreachable(struct gp_dns_pump *p, struct gp_dns_ask *a)
{
	const bool over = a->flight == NULL || a->round + 1 >= p->tries ||
	                  server_pick(p, a) != NULL;

	a->sent = SENDINGS;
	ask_requeue(p, a, over ? GP_DNS_WAIT_NONE : GP_DNS_WAIT_QUARTER);
}

static void
ask_finish(struct gp_dns_pump *p, struct gp_dns_ask *a,
    const struct gp_dns_answer *answer, const char *alias)
{
	ask_observe(p, a);
	gp_dns_finish(a->flight, answer, alias);
	ask_done(p, a);
}

static void
ask_answered(struct gp_dns_pump *p, struct gp_dns_ask *a,
    const struct gp_dns_server *s, const uint8_t *msg, size_t n)
{
	struct gp_dns_answer answer;
	const char *alias;

	a->heard = true;
	gp_dns_parse(msg, n, gp_dns_flight_question(a->flight), p->arena,
	    &answer, &alias);
	if (answer.rc != GP_TEMP) {
		ask_finish(p, a, &answer, alias);
	} else {
		a->why = answer.why;
		a->failed |= server_bit(s);
		if (a->server == s) {
			a->sent = SENDINGS;
			ask_requeue(p, a, GP_DNS_WAIT_NONE);
		}
	}
	gp_arena_clear(p->arena);
}

/* What is told of an ask that is not done. */
static void
ask_told(struct gp_dns_pump *p, struct gp_dns_ask *a,
    const struct gp_dns_server *s, enum gp_dns_line_event event)
{
	static const struct gp_dns_answer no_name = { .rc = GP_NONE,
		.nxdomain = true };

	switch (event) {
	case GP_DNS_LINE_UNREACHABLE:
		if (a->server == s)
			ask_unreachable(p, a);
		break;
	case GP_DNS_LINE_NO_NAME:
		ask_finish(p, a, &no_name, NULL);
		break;
	case GP_DNS_LINE_ANSWER: /* of a probe */
		a->server->probing = false;
		ask_done(p, a);
		break;
	case GP_DNS_LINE_SILENCE: /* the queues keep the time */
	case GP_DNS_LINE_CLOSED:
		break;
	}
}

static void
on_told(struct gp_dns_line_owner *owner, void *question,
    enum gp_dns_line_event event, const uint8_t *msg, size_t n)
{
	struct gp_dns_server *s = (struct gp_dns_server *)(void *)owner;
	struct gp_dns_ask *a = question;

	a->open--;
	if (event == GP_DNS_LINE_ANSWER)
		server_answered(s);
	if (a->done) {
		if (a->open == 0)
			free(a);
	} else if (event == GP_DNS_LINE_ANSWER && a->flight != NULL) {
		ask_answered(s->pump, a, s, msg, n);
	} else {
		ask_told(s->pump, a, s, event);
	}
}

/* -- the pump ------------------------------------------------------------ */

static int64_t
clamp(int64_t value, int64_t least, int64_t most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

enum gp_rc
gp_dns_pump_init(struct gp_dns_pump *p, const struct gp_resolver_policy *policy,
    const char servers[][GP_DNS_SERVER_TEXT], size_t n, struct gp_err *err)
{
	const int64_t timeout_ms =
	    clamp(policy->timeout_ms, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
	enum gp_rc rc = GP_OK;

	p->tries = (unsigned)clamp(policy->tries, 1, TRIES_MAX);
	p->timeout_us = timeout_ms * GP_US_PER_MS;
	p->arena = gp_arena_new();
	atomic_init(&p->circuit_open, false);
	for (size_t i = 0; i < n && rc == GP_OK; i++) {
		struct gp_dns_server *s = &p->servers[i];

		s->owner.told = on_told;
		s->pump = p;
		s->probed_us = -PROBE_CALMLY_US;
		memcpy(s->name, servers[i], GP_DNS_SERVER_TEXT);
		rc = gp_dns_line_new(s->name, (int)timeout_ms, &s->owner,
		    &s->line, err);
		if (rc == GP_OK)
			p->n_servers++;
	}
	if (rc != GP_OK)
		gp_dns_pump_clear(p);
	return rc;
}

void
gp_dns_pump_clear(struct gp_dns_pump *p)
{
	end_all(p, GP_DNS_STOPPED, true);
	for (unsigned i = 0; i < p->n_servers; i++)
		gp_dns_line_free(p->servers[i].line);
	gp_arena_free(p->arena);
}

void
gp_dns_pump_ask(struct gp_dns_pump *p, struct gp_dns_flight *f)
{
	struct gp_dns_ask *a;

	if (p->breaker.open) {
		gp_dns_finish_temp(f, GP_DNS_CIRCUIT_OPEN);
		return;
	}
	a = gp_xcalloc(1, sizeof(*a));
	a->flight = f;
	a->started_us = gp_clock_us();
	ask_queue(p, a, GP_DNS_WAIT_NONE);
}

static void
run_due(struct gp_dns_pump *p, enum gp_dns_wait wait)
{
	const struct gp_dns_waiting *w = &p->waiting[wait];
	const int64_t now_us = gp_clock_us();

	while (w->first != NULL && w->first->due_us <= now_us)
		ask_step(p, w->first);
}

int64_t
gp_dns_pump_run(struct gp_dns_pump *p)
{
	int64_t next_us = GP_NEVER_US;

	for (unsigned i = 0; i < GP_DNS_WAITS; i++)
		run_due(p, (enum gp_dns_wait)i);
	for (unsigned i = 0; i < p->n_servers; i++) {
		struct gp_dns_server *s = &p->servers[i];

		if (server_probe_us(s) <= gp_clock_us())
			server_probe(s, gp_clock_us());
		next_us = gp_time_min(next_us, server_probe_us(s));
		if (gp_dns_line_busy(s->line))
			next_us = gp_time_min(next_us,
			    gp_time_add(gp_clock_us(), p->timeout_us / 4));
	}
	for (unsigned i = 0; i < GP_DNS_WAITS; i++)
		if (p->waiting[i].first != NULL)
			next_us =
			    gp_time_min(next_us, p->waiting[i].first->due_us);
	return next_us;
}
