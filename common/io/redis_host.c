/* See redis_host.h. */
#include "io/redis_host.h"

#include "base/ip.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/thread.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct gp_redis_host {
	struct gp_redis_url url; /* place and port; not changed */
	bool is_fixed;           /* a path or an address: nothing to look up */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t found; /* a look-up has ended */
	unsigned refs;        /* the owner and the thread */
	bool looking;
	bool stale;
	int error; /* of getaddrinfo at the last look-up */
	struct gp_redis_addresses known;
};

static int
look_up(const struct gp_redis_url *url, struct gp_redis_addresses *out)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char port[8];
	int error;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)url->port);
	error = getaddrinfo(url->place, port, &hints, &list);
	if (error != 0)
		return error;
	for (const struct addrinfo *a = list;
	     a != NULL && out->n < GP_REDIS_ADDRESSES_MAX; a = a->ai_next) {
		memcpy(&out->list[out->n].at, a->ai_addr, a->ai_addrlen);
		out->list[out->n++].n = a->ai_addrlen;
	}
	freeaddrinfo(list);
	return 0;
}

static void
set_path(struct gp_redis_host *h)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	_Static_assert(sizeof(at.sun_path) > GP_REDIS_PATH_MAX, "path");
	memcpy(at.sun_path, h->url.place, strlen(h->url.place) + 1);
	memcpy(&h->known.list[0].at, &at, sizeof(at));
	h->known.list[0].n = sizeof(at);
	h->known.n = 1;
}

struct gp_redis_host *
gp_redis_host_new(const struct gp_redis_url *url)
{
	struct gp_redis_host *h = gp_xcalloc(1, sizeof(*h));
	struct gp_ip ip;

	h->url = *url;
	explicit_bzero(h->url.password, sizeof(h->url.password));
	h->refs = 1;
	if (url->is_unix)
		set_path(h);
	else if (gp_ip_parse(gp_str(url->place), &ip) == GP_OK)
		(void)look_up(&h->url, &h->known); /* an address is at once */
	h->is_fixed = h->known.n > 0;
	h->stale = !h->is_fixed;
	pthread_mutex_init(&h->lock, NULL);
	gp_cond_init(&h->found);
	return h;
}

/* With the lock, which it gives up. */
static void
unref(struct gp_redis_host *h)
{
	const bool last = --h->refs == 0;

	pthread_mutex_unlock(&h->lock);
	if (!last)
		return;
	pthread_cond_destroy(&h->found);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void
gp_redis_host_free(struct gp_redis_host *h)
{
	pthread_mutex_lock(&h->lock);
	unref(h);
}

static void *
run(void *arg)
{
	struct gp_redis_host *h = arg;
	struct gp_redis_addresses found = { .n = 0 };
	const int error = look_up(&h->url, &found);

	pthread_mutex_lock(&h->lock);
	h->looking = false;
	h->error = error;
	if (found.n > 0) {
		h->known = found;
		h->stale = false;
	}
	pthread_cond_broadcast(&h->found);
	unref(h);
	return NULL;
}

/* With the lock. */
static enum gp_rc
start(struct gp_redis_host *h, struct gp_err *err)
{
	pthread_t thread;
	enum gp_rc rc;

	h->looking = true;
	h->refs++;
	rc = gp_thread_start(&thread, run, h, err);
	if (rc == GP_OK) {
		(void)pthread_detach(thread);
	} else {
		h->looking = false;
		h->refs--;
	}
	return rc;
}

/* Old addresses leave time to be tried. */
static int64_t
patience(const struct gp_redis_host *h, int64_t deadline_us)
{
	const int64_t now_us = gp_clock_us();

	return h->known.n == 0 ? deadline_us
	                       : now_us + (deadline_us - now_us) / 2;
}

enum gp_rc
gp_redis_host_get(struct gp_redis_host *h, int64_t deadline_us,
    struct gp_redis_addresses *out, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;
	struct timespec until;
	int ended = 0;

	pthread_mutex_lock(&h->lock);
	if (h->stale && !h->looking)
		rc = start(h, err);
	until = gp_timespec_of(patience(h, deadline_us));
	while (h->looking && ended == 0)
		ended = pthread_cond_timedwait(&h->found, &h->lock, &until);
	*out = h->known;
	if (out->n > 0)
		rc = GP_OK;
	else if (h->looking)
		rc = gp_fail(err, GP_TEMP, "its name is still looked up");
	else if (rc == GP_OK)
		rc = gp_fail(err, GP_TEMP, "its name can not be looked up: %s",
		    gai_strerror(h->error));
	pthread_mutex_unlock(&h->lock);
	return rc;
}

void
gp_redis_host_stale(struct gp_redis_host *h)
{
	pthread_mutex_lock(&h->lock);
	h->stale = !h->is_fixed;
	pthread_mutex_unlock(&h->lock);
}
