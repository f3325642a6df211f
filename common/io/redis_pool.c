/* See redis_pool.h. */
#include "io/redis_pool.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/thread.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_ID_TEXT 40 /* octets */

struct gp_redis_pool {
	struct gp_redis_url url;
	struct gp_redis_host *host;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t freed; /* a connection may be had */
	struct gp_redis_wire *idle[GP_REDIS_CONNECTIONS_MAX];
	size_t idle_n;
	size_t open_n;       /* idle, in use, or being opened */
	unsigned generation; /* of connections; older ones are closed */
	char run_id[RUN_ID_TEXT + 1]; /* of the server; "": not known */
	unsigned changes;             /* of it */
};

/* A connection in use. */
struct lease {
	struct gp_redis_wire *wire;
	unsigned generation;
};

struct gp_redis_pool *
gp_redis_pool_new(const struct gp_redis_url *url)
{
	struct gp_redis_pool *p = gp_xcalloc(1, sizeof(*p));

	p->url = *url;
	p->host = gp_redis_host_new(url);
	pthread_mutex_init(&p->lock, NULL);
	gp_cond_init(&p->freed);
	return p;
}

/* With the lock. */
static void
close_idle(struct gp_redis_pool *p)
{
	p->open_n -= p->idle_n;
	while (p->idle_n > 0)
		gp_redis_wire_close(p->idle[--p->idle_n]);
}

void
gp_redis_pool_free(struct gp_redis_pool *p)
{
	if (p == NULL)
		return;
	close_idle(p);
	assert(p->open_n == 0);
	gp_redis_host_free(p->host);
	pthread_cond_destroy(&p->freed);
	pthread_mutex_destroy(&p->lock);
	explicit_bzero(&p->url, sizeof(p->url));
	free(p);
}

/* -- login ----------------------------------------------------------------- */

/* The code alone: what stands behind it may repeat the command, and with it
 * the password ("unknown command ..., with args beginning with"). */
static enum gp_rc
refused(const struct gp_redis_reply *r, struct gp_err *err)
{
	const size_t n = gp_str_find(r->text, ' ');

	return gp_fail(err, GP_TEMP, "it refuses the login (%.*s)",
	    GP_STR_ARG(gp_str_n(r->text.p, n < 32 ? n : 32)));
}

static enum gp_rc
authenticate(const struct gp_redis_pool *p, struct gp_redis_wire *w,
    int64_t deadline_us, struct gp_arena *arena, struct gp_err *err)
{
	const bool named = p->url.user[0] != '\0';
	const struct gp_redis_reply *r;
	struct gp_buf command;
	enum gp_rc rc;

	gp_buf_init(&command, 1024);
	gp_redis_command(&command, named ? 3 : 2);
	gp_redis_word(&command, GP_STR("AUTH"));
	if (named)
		gp_redis_word(&command, gp_str(p->url.user));
	gp_redis_word(&command, gp_str(p->url.password));
	rc = gp_redis_wire_ask(w, gp_buf_str(&command), deadline_us, arena, &r,
	    err);
	explicit_bzero(command.p, command.n);
	gp_buf_clear(&command);
	if (rc == GP_OK && r->kind != GP_REDIS_TEXT)
		rc = refused(r, err);
	return rc;
}

static enum gp_rc
choose(const struct gp_redis_pool *p, struct gp_redis_wire *w,
    int64_t deadline_us, struct gp_arena *arena, struct gp_err *err)
{
	const struct gp_redis_reply *r;
	struct gp_buf command;
	char number[16];
	enum gp_rc rc;

	(void)snprintf(number, sizeof(number), "%u", p->url.number);
	gp_buf_init(&command, 64);
	gp_redis_command(&command, 2);
	gp_redis_word(&command, GP_STR("SELECT"));
	gp_redis_word(&command, gp_str(number));
	rc = gp_redis_wire_ask(w, gp_buf_str(&command), deadline_us, arena, &r,
	    err);
	gp_buf_clear(&command);
	if (rc == GP_OK && r->kind != GP_REDIS_TEXT)
		rc = gp_fail(err, GP_TEMP, "it refuses database %s: %.*s",
		    number, GP_STR_ARG(r->text));
	return rc;
}

static void
note_run_id(struct gp_redis_pool *p, const char *run_id)
{
	pthread_mutex_lock(&p->lock);
	if (p->run_id[0] != '\0' && memcmp(p->run_id, run_id, RUN_ID_TEXT) != 0)
		p->changes++;
	memcpy(p->run_id, run_id, RUN_ID_TEXT);
	pthread_mutex_unlock(&p->lock);
}

/* Who may not ask that, or asks what does not know it, goes without. */
static enum gp_rc
identify(struct gp_redis_pool *p, struct gp_redis_wire *w, int64_t deadline_us,
    struct gp_arena *arena, struct gp_err *err)
{
	static const char label[] = "\nrun_id:";
	const struct gp_redis_reply *r;
	struct gp_buf command;
	const char *at = NULL;
	enum gp_rc rc;

	gp_buf_init(&command, 64);
	gp_redis_command(&command, 2);
	gp_redis_word(&command, GP_STR("INFO"));
	gp_redis_word(&command, GP_STR("server"));
	rc = gp_redis_wire_ask(w, gp_buf_str(&command), deadline_us, arena, &r,
	    err);
	gp_buf_clear(&command);
	if (rc == GP_OK && r->kind == GP_REDIS_TEXT)
		at = strstr(r->text.p, label);
	if (at != NULL && strlen(at) >= strlen(label) + RUN_ID_TEXT)
		note_run_id(p, at + strlen(label));
	return rc;
}

static enum gp_rc
log_in(struct gp_redis_pool *p, struct gp_redis_wire *w, int64_t deadline_us,
    struct gp_err *err)
{
	struct gp_arena *arena = gp_arena_new();
	enum gp_rc rc = GP_OK;

	if (p->url.password[0] != '\0')
		rc = authenticate(p, w, deadline_us, arena, err);
	if (rc == GP_OK && p->url.number != 0)
		rc = choose(p, w, deadline_us, arena, err);
	if (rc == GP_OK)
		rc = identify(p, w, deadline_us, arena, err);
	gp_arena_free(arena);
	return rc;
}

/* -- connections ----------------------------------------------------------- */

/* Each address gets an even part of the time that is left. */
static enum gp_rc
open_one(struct gp_redis_pool *p, int64_t deadline_us,
    struct gp_redis_wire **out, struct gp_err *err)
{
	struct gp_redis_addresses to;
	enum gp_rc rc = gp_redis_host_get(p->host, deadline_us, &to, err);

	*out = NULL;
	for (size_t i = 0; i < to.n && *out == NULL; i++) {
		const int64_t now_us = gp_clock_us();
		const int64_t part_us =
		    (deadline_us - now_us) / (int64_t)(to.n - i);

		rc =
		    gp_redis_wire_open(&to.list[i], now_us + part_us, out, err);
	}
	if (rc != GP_OK)
		gp_redis_host_stale(p->host);
	else
		rc = log_in(p, *out, deadline_us, err);
	if (rc != GP_OK && *out != NULL)
		gp_redis_wire_close(*out);
	return rc;
}

/* With the lock: the idle connection that was used last and still lives. */
static struct gp_redis_wire *
take_idle(struct gp_redis_pool *p)
{
	while (p->idle_n > 0) {
		struct gp_redis_wire *w = p->idle[--p->idle_n];

		if (gp_redis_wire_is_quiet(w))
			return w;
		gp_redis_wire_close(w);
		p->open_n--;
	}
	return NULL;
}

static void
drop(struct gp_redis_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->open_n--;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

static enum gp_rc
take(struct gp_redis_pool *p, int64_t deadline_us, struct lease *out,
    struct gp_err *err)
{
	const struct timespec until = gp_timespec_of(deadline_us);
	enum gp_rc rc = GP_OK;

	pthread_mutex_lock(&p->lock);
	while ((out->wire = take_idle(p)) == NULL && rc == GP_OK &&
	       p->open_n == GP_REDIS_CONNECTIONS_MAX)
		if (pthread_cond_timedwait(&p->freed, &p->lock, &until) ==
		    ETIMEDOUT)
			rc = gp_fail(err, GP_TEMP,
			    "all %d connections are in use",
			    GP_REDIS_CONNECTIONS_MAX);
	if (out->wire != NULL)
		rc = GP_OK;
	else if (rc == GP_OK)
		p->open_n++;
	out->generation = p->generation;
	pthread_mutex_unlock(&p->lock);
	if (rc != GP_OK || out->wire != NULL)
		return rc;
	rc = open_one(p, deadline_us, &out->wire, err);
	if (rc != GP_OK)
		drop(p);
	return rc;
}

static void
give(struct gp_redis_pool *p, const struct lease *l)
{
	pthread_mutex_lock(&p->lock);
	if (l->generation == p->generation) {
		p->idle[p->idle_n++] = l->wire;
	} else {
		gp_redis_wire_close(l->wire);
		p->open_n--;
	}
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

static void
forget_all(struct gp_redis_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->generation++;
	close_idle(p);
	pthread_cond_broadcast(&p->freed);
	pthread_mutex_unlock(&p->lock);
	gp_redis_host_stale(p->host);
}

/* Does the error mean that another server should be asked, or this one after
 * a new login?  Inside of a script's error it stands in the middle (up to
 * Redis 6). */
static bool
is_elsewhere(const struct gp_redis_reply *r)
{
	static const char *const words[] = { "READONLY", "MASTERDOWN",
		"LOADING", "NOAUTH" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(r->text.p, words[i]) != NULL)
			return true;
	return false;
}

unsigned
gp_redis_pool_changes(struct gp_redis_pool *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->changes;
	pthread_mutex_unlock(&p->lock);
	return n;
}

enum gp_rc
gp_redis_pool_ask(struct gp_redis_pool *p, struct gp_str command,
    int64_t deadline_us, struct gp_arena *arena,
    const struct gp_redis_reply **out, struct gp_err *err)
{
	struct lease l;
	enum gp_rc rc = take(p, deadline_us, &l, err);

	*out = NULL;
	if (rc != GP_OK)
		return rc;
	rc = gp_redis_wire_ask(l.wire, command, deadline_us, arena, out, err);
	if (rc != GP_OK) {
		gp_redis_wire_close(l.wire);
		drop(p);
		return rc;
	}
	if ((*out)->kind == GP_REDIS_ERROR && is_elsewhere(*out))
		forget_all(p);
	give(p, &l);
	return rc;
}
