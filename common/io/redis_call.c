/* See redis_call.h. */
#include "io/redis_call.h"

#include "base/time.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/redis_pool.h"
#include "io/redis_script.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA_TEXT 40 /* octets */

/* Room for the longest call: two keys and GP_REDIS_FIELDS numbers for each of
 * GP_CHARGES_MAX charges. */
#define REQUEST_MAX ((size_t)8 * 1024 * 1024)

/* What is kept longer than that is kept so long. */
#define KEEP_MAX_MS INT64_C(315360000000) /* ten years */

#define LOG_EVERY_US (10 * GP_US_PER_S)

/* Loads of the script in one call: more than one when servers change. */
#define LOADS_MAX 2

struct gp_redis_caller {
	struct gp_redis_pool *pool;
	int64_t timeout_us;
	bool callers_clock;
	char *name; /* the URL without the password */

	pthread_mutex_t lock;   /* of what follows */
	char sha[SHA_TEXT + 1]; /* of the script; "": not loaded yet */
	unsigned restarts;      /* it had lost the script */
	struct gp_err trouble;  /* of the last call; "": none */
	int64_t log_us;         /* not before */
};

struct gp_redis_caller *
gp_redis_caller_new(const struct gp_redis_url *url, int64_t timeout_ms)
{
	struct gp_redis_caller *s = gp_xcalloc(1, sizeof(*s));
	struct gp_buf name;

	s->pool = gp_redis_pool_new(url);
	s->timeout_us = timeout_ms * GP_US_PER_MS;
	gp_buf_init(&name, 4096);
	gp_redis_url_show(url, &name);
	s->name = gp_xstrdup(gp_buf_cstr(&name));
	gp_buf_clear(&name);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
gp_redis_caller_free(struct gp_redis_caller *s)
{
	if (s == NULL)
		return;
	gp_redis_pool_free(s->pool);
	pthread_mutex_destroy(&s->lock);
	free(s->name);
	free(s);
}

void
gp_redis_caller_use_callers_clock(struct gp_redis_caller *s)
{
	s->callers_clock = true;
}

unsigned
gp_redis_caller_restarts(struct gp_redis_caller *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->restarts;
	pthread_mutex_unlock(&s->lock);
	return n + gp_redis_pool_changes(s->pool);
}

void
gp_redis_caller_describe(struct gp_redis_caller *s, struct gp_buf *out)
{
	gp_buf_addf(out, "server %s\n", s->name);
	pthread_mutex_lock(&s->lock);
	if (s->trouble.msg[0] != '\0')
		gp_buf_addf(out, "trouble %s\n", s->trouble.msg);
	pthread_mutex_unlock(&s->lock);
}

/* -- a call ---------------------------------------------------------------- */

void
gp_redis_call_start(struct gp_redis_call *c, struct gp_redis_caller *s)
{
	c->caller = s;
	c->deadline_us = gp_time_add(gp_clock_us(), s->timeout_us);
	c->arena = gp_arena_new();
	gp_buf_init(&c->request, REQUEST_MAX);
	c->err.msg[0] = '\0';
}

void
gp_redis_call_again(struct gp_redis_call *c)
{
	c->deadline_us = gp_time_add(gp_clock_us(), c->caller->timeout_us);
	gp_arena_clear(c->arena);
	gp_buf_reset(&c->request);
}

/* So that the log and the operator know the reason. */
static void
note_trouble(struct gp_redis_caller *s, const struct gp_err *err)
{
	const int64_t now_us = gp_clock_us();
	bool tell;

	pthread_mutex_lock(&s->lock);
	s->trouble = *err;
	tell = now_us >= s->log_us;
	if (tell)
		s->log_us = now_us + LOG_EVERY_US;
	pthread_mutex_unlock(&s->lock);
	if (tell)
		gp_log(GP_LOG_WARNING, "store: %s: %s", s->name, err->msg);
}

static void
note_success(struct gp_redis_caller *s)
{
	pthread_mutex_lock(&s->lock);
	s->trouble.msg[0] = '\0';
	pthread_mutex_unlock(&s->lock);
}

enum gp_rc
gp_redis_call_end(struct gp_redis_call *c, enum gp_rc rc)
{
	if (rc == GP_TEMP)
		note_trouble(c->caller, &c->err);
	else
		note_success(c->caller);
	gp_buf_clear(&c->request);
	gp_arena_free(c->arena);
	return rc;
}

enum gp_rc
gp_redis_call_odd(struct gp_redis_call *c)
{
	return gp_fail(&c->err, GP_TEMP, "an answer that makes no sense");
}

/* -- the script ------------------------------------------------------------ */

/* "": not known yet. */
static struct gp_str
sha_of(struct gp_redis_caller *s, char sha[SHA_TEXT + 1])
{
	pthread_mutex_lock(&s->lock);
	memcpy(sha, s->sha, SHA_TEXT + 1);
	pthread_mutex_unlock(&s->lock);
	return gp_str(sha);
}

static bool
is_sha(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (gp_hex_value(s.p[i]) < 0)
			return false;
	return s.n == SHA_TEXT;
}

static enum gp_rc
load(struct gp_redis_call *c)
{
	const struct gp_redis_reply *r;
	struct gp_buf command;
	enum gp_rc rc;

	gp_buf_init(&command, REQUEST_MAX);
	gp_redis_command(&command, 3);
	gp_redis_word(&command, GP_STR("SCRIPT"));
	gp_redis_word(&command, GP_STR("LOAD"));
	gp_redis_word(&command, gp_str(gp_redis_script));
	rc = gp_redis_pool_ask(c->caller->pool, gp_buf_str(&command),
	    c->deadline_us, c->arena, &r, &c->err);
	gp_buf_clear(&command);
	if (rc != GP_OK)
		return rc;
	if (r->kind == GP_REDIS_ERROR)
		return gp_fail(&c->err, GP_TEMP,
		    "it does not load the script: %s", r->text.p);
	if (r->kind != GP_REDIS_TEXT || !is_sha(r->text))
		return gp_redis_call_odd(c);
	pthread_mutex_lock(&c->caller->lock);
	memcpy(c->caller->sha, r->text.p, SHA_TEXT + 1);
	pthread_mutex_unlock(&c->caller->lock);
	return GP_OK;
}

enum gp_rc
gp_redis_call_script(struct gp_redis_call *c, size_t keys, size_t more)
{
	char sha[SHA_TEXT + 1];
	enum gp_rc rc = GP_OK;

	if (sha_of(c->caller, sha).n == 0)
		rc = load(c);
	if (rc != GP_OK)
		return rc;
	gp_redis_command(&c->request, 3 + keys + 2 + more);
	gp_redis_word(&c->request, GP_STR("EVALSHA"));
	gp_redis_word(&c->request, sha_of(c->caller, sha));
	gp_redis_call_integer(c, (int64_t)keys);
	return GP_OK;
}

void
gp_redis_call_key(struct gp_redis_call *c, const char *prefix, struct gp_str k)
{
	gp_buf_addf(&c->request, "$%zu\r\n%s", strlen(prefix) + k.n, prefix);
	gp_buf_add_str(&c->request, k);
	gp_buf_add(&c->request, "\r\n", 2);
}

void
gp_redis_call_operation(struct gp_redis_call *c, const char *operation,
    int64_t now_ms)
{
	gp_redis_word(&c->request, gp_str(operation));
	if (c->caller->callers_clock)
		gp_redis_call_integer(c, now_ms);
	else
		gp_redis_word(&c->request, GP_STR(""));
}

void
gp_redis_call_text(struct gp_redis_call *c, struct gp_str text)
{
	gp_redis_word(&c->request, text);
}

void
gp_redis_call_integer(struct gp_redis_call *c, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	gp_redis_word(&c->request, gp_str(text));
}

void
gp_redis_call_double(struct gp_redis_call *c, double value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.17g", value);
	gp_redis_word(&c->request, gp_str(text));
}

void
gp_redis_call_keep(struct gp_redis_call *c, int64_t ms)
{
	ms = gp_time_min(ms, KEEP_MAX_MS);
	gp_redis_call_integer(c, ms < 1 ? 1 : ms);
}

/* A server that was restarted, or took the place of another, does not know the
 * script: nothing was made then, and it gets it. */
enum gp_rc
gp_redis_call_ask(struct gp_redis_call *c, const struct gp_redis_reply **out)
{
	enum gp_rc rc = GP_OK;

	if (c->request.overflow)
		return gp_fail(&c->err, GP_TEMP, "the call is too large");
	for (int loads = 0; rc == GP_OK; loads++) {
		rc = gp_redis_pool_ask(c->caller->pool, gp_buf_str(&c->request),
		    c->deadline_us, c->arena, out, &c->err);
		if (rc != GP_OK || (*out)->kind != GP_REDIS_ERROR)
			return rc;
		if (loads == LOADS_MAX ||
		    !gp_str_starts_nocase((*out)->text, GP_STR("NOSCRIPT")))
			return gp_fail(&c->err, GP_TEMP, "it says: %s",
			    (*out)->text.p);
		pthread_mutex_lock(&c->caller->lock);
		c->caller->restarts++;
		pthread_mutex_unlock(&c->caller->lock);
		rc = load(c);
	}
	return rc;
}
