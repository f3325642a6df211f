/*
 * See dns.h, gp_dns_open.
 *
 * Other threads leave their questions in a queue and wake the pump thread,
 * which alone touches the servers' lines.
 */
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/dns_backend.h"
#include "io/dns_pump.h"
#include "io/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DNS_PORT    53
#define FDS_AT_ONCE 1024 /* what is more waits for its turn */
#define QUEUE_MAX   8192 /* more can not be under way (dns_cache.c) */

struct client {
	struct gp_dns_backend base; /* first: the two are one address */
	struct gp_dns_pump pump;
	pthread_t thread;
	int wake;
	struct pollfd fds[FDS_AT_ONCE];
	pthread_mutex_t lock; /* of what follows */
	bool stopped;
	size_t n_queued;
	struct gp_dns_flight **queue; /* the other one is being worked off */
	struct gp_dns_flight *queues[2][QUEUE_MAX];
};

static struct client *
client_of(struct gp_dns_backend *b)
{
	return (struct client *)(void *)b;
}

static void
wake(const struct client *c)
{
	const uint64_t one = 1;

	while (write(c->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

static void
client_start(struct gp_dns_backend *b, struct gp_dns_flight *f)
{
	struct client *c = client_of(b);
	const char *why = NULL;
	bool first = false;

	if (atomic_load(&c->pump.circuit_open)) {
		gp_dns_finish_temp(f, GP_DNS_CIRCUIT_OPEN);
		return;
	}
	pthread_mutex_lock(&c->lock);
	if (c->stopped) {
		why = GP_DNS_STOPPED;
	} else if (c->n_queued == QUEUE_MAX) {
		why = "too many questions under way";
	} else {
		first = c->n_queued == 0;
		c->queue[c->n_queued++] = f;
	}
	pthread_mutex_unlock(&c->lock);
	if (why != NULL)
		gp_dns_finish_temp(f, why);
	else if (first)
		wake(c);
}

/* -- the pump thread ----------------------------------------------------- */

/* Asks what was queued; false when the client was stopped. */
static bool
take_queue(struct client *c)
{
	struct gp_dns_flight **queue;
	size_t n;
	bool stopped;

	pthread_mutex_lock(&c->lock);
	queue = c->queue;
	n = c->n_queued;
	stopped = c->stopped;
	c->queue = queue == c->queues[0] ? c->queues[1] : c->queues[0];
	c->n_queued = 0;
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < n; i++)
		gp_dns_pump_ask(&c->pump, queue[i]);
	return !stopped;
}

static void
wait_until(struct client *c, size_t n, int64_t until_us)
{
	const int64_t now_us = gp_clock_us();
	const struct timespec left = gp_timespec_of(
	    until_us <= now_us ? 0 : gp_time_sub(until_us, now_us));
	uint64_t woken;

	if (ppoll(c->fds, n, until_us == GP_NEVER_US ? NULL : &left, NULL) <= 0)
		for (size_t i = 0; i < n; i++)
			c->fds[i].revents = 0;
	if (c->fds[0].revents != 0)
		(void)!read(c->wake, &woken, sizeof(woken));
}

/* The first place is that of the wake-up; then come those of each line. */
static void
wait_and_read(struct client *c, int64_t until_us)
{
	size_t ends[GP_DNS_SERVERS_MAX] = { 0 }, at = 1;

	c->fds[0] = (struct pollfd){ .fd = c->wake, .events = POLLIN };
	for (unsigned i = 0; i < c->pump.n_servers; i++) {
		at += gp_dns_line_poll(c->pump.servers[i].line, c->fds + at,
		    FDS_AT_ONCE - at);
		if (at > FDS_AT_ONCE)
			at = FDS_AT_ONCE;
		ends[i] = at;
	}
	wait_until(c, at, until_us);
	at = 1;
	for (unsigned i = 0; i < c->pump.n_servers; i++) {
		gp_dns_line_run(c->pump.servers[i].line, c->fds + at,
		    ends[i] - at);
		at = ends[i];
	}
}

static void *
client_run(void *arg)
{
	struct client *c = arg;

	while (take_queue(c))
		wait_and_read(c, gp_dns_pump_run(&c->pump));
	gp_dns_pump_clear(&c->pump);
	return NULL;
}

static void
client_stop(struct gp_dns_backend *b)
{
	struct client *c = client_of(b);

	pthread_mutex_lock(&c->lock);
	c->stopped = true;
	pthread_mutex_unlock(&c->lock);
	wake(c);
	pthread_join(c->thread, NULL);
}

static void
client_free(struct gp_dns_backend *b)
{
	struct client *c = client_of(b);

	pthread_mutex_destroy(&c->lock);
	(void)close(c->wake);
	free(c);
	gp_dns_line_cleanup();
}

/* -- opening ------------------------------------------------------------- */

/* "ADDR", "ADDR:PORT", "[ADDR]:PORT", "[ADDR]"; more than one colon without
 * brackets is an IPv6 address alone. */
static enum gp_rc
server_parse(const char *text, char out[GP_DNS_SERVER_TEXT], struct gp_err *err)
{
	struct gp_str address = gp_str(text), rest = { NULL, 0 };
	uint64_t port = DNS_PORT;
	char shown[GP_IP_TEXT];
	struct gp_ip ip;

	if (address.n != 0 && address.p[0] == '[') {
		rest = gp_str_n(address.p + 1, address.n - 1);
		address = gp_str_split(&rest, ']');
		if (rest.n != 0 && rest.p[0] == ':')
			rest = gp_str_n(rest.p + 1, rest.n - 1);
		else if (rest.p == NULL || rest.n != 0)
			address.n = 0;
		else
			rest.p = NULL;
	} else if (strchr(text, ':') == strrchr(text, ':')) {
		rest = address;
		address = gp_str_split(&rest, ':');
	}
	if (gp_ip_parse(address, &ip) != GP_OK ||
	    (rest.p != NULL &&
		(gp_parse_u64(rest, UINT16_MAX, &port) != GP_OK || port == 0)))
		return gp_fail(err, GP_PERM,
		    "dns: resolver.servers: \"%.80s\" is no ADDR, ADDR:PORT or "
		    "[ADDR]:PORT",
		    text);
	(void)snprintf(out, GP_DNS_SERVER_TEXT,
	    ip.family == GP_IP_V4 ? "%s:%u" : "[%s]:%u",
	    gp_ip_format(&ip, shown), (unsigned)port);
	return GP_OK;
}

static enum gp_rc
servers_read(const struct gp_strings *from,
    char servers[GP_DNS_SERVERS_MAX][GP_DNS_SERVER_TEXT], size_t *n,
    struct gp_err *err)
{
	enum gp_rc rc = GP_OK;

	if (from->n == 0)
		return gp_dns_line_system(servers, n, err);
	if (from->n > GP_DNS_SERVERS_MAX)
		return gp_fail(err, GP_PERM,
		    "dns: resolver.servers: %zu are more than %d", from->n,
		    GP_DNS_SERVERS_MAX);
	for (*n = 0; *n < from->n && rc == GP_OK; ++*n)
		rc = server_parse(from->v[*n], servers[*n], err);
	return rc;
}

/* GP_OK: the thread runs and owns the pump. */
static enum gp_rc
client_open(struct client *c, const struct gp_resolver_policy *policy,
    struct gp_err *err)
{
	char servers[GP_DNS_SERVERS_MAX][GP_DNS_SERVER_TEXT] = { { 0 } };
	enum gp_rc rc;
	size_t n = 0;

	rc = servers_read(&policy->servers, servers, &n, err);
	if (rc != GP_OK)
		return rc;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0)
		return gp_fail(err, GP_TEMP, "dns: no descriptor: error %d",
		    errno);
	rc = gp_dns_pump_init(&c->pump, policy, servers, n, err);
	if (rc != GP_OK)
		return rc;
	rc = gp_thread_start(&c->thread, client_run, c, err);
	if (rc != GP_OK)
		gp_dns_pump_clear(&c->pump);
	return rc;
}

enum gp_rc
gp_dns_open(const struct gp_resolver_policy *policy, struct gp_metrics *metrics,
    struct gp_dns **out, struct gp_err *err)
{
	struct client *c;
	enum gp_rc rc;

	*out = NULL;
	rc = gp_dns_line_setup(err);
	if (rc != GP_OK)
		return rc;
	c = gp_xcalloc(1, sizeof(*c));
	c->base = (struct gp_dns_backend){ .start = client_start,
		.stop = client_stop,
		.free = client_free };
	c->pump.metrics = metrics;
	c->queue = c->queues[0];
	c->wake = -1;
	pthread_mutex_init(&c->lock, NULL);
	rc = client_open(c, policy, err);
	if (rc != GP_OK) {
		client_free(&c->base);
		return rc;
	}
	*out = gp_dns_new(&c->base, policy->cache_bytes, metrics);
	return GP_OK;
}
