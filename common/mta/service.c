/* See service.h. */
#include "mta/service_private.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/daemon.h"
#include "io/log.h"
#include "io/policy_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* So long reading the policy may take, whatever TimeoutStartSec= is: of 10,000
 * keys it takes 10 to 50 s. */
#define LOAD_PATIENCE "EXTEND_TIMEOUT_USEC=600000000"

#define TAIL_BYTES 262144 /* lines for a listener that is slow */

/* A resolver outlives a policy that did not change it. */
struct shared_dns {
	atomic_uint refs;
	struct gp_dns *dns;
};

/* What sessions hold; `env` is the first member on purpose. */
struct world {
	struct gp_env env;
	atomic_uint refs;
	struct gp_config *config;
	struct shared_dns *dns;
	void (*close)(void *own); /* of env.own; NULL: there is none */
};

/* -- policy and resolver as one counted whole -------------------------- */

static void
dns_unref(struct shared_dns *d)
{
	if (atomic_fetch_sub(&d->refs, 1) != 1)
		return;
	gp_dns_close(d->dns);
	free(d);
}

static void
world_unref(struct world *w)
{
	if (atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	if (w->close != NULL)
		w->close(w->env.own);
	dns_unref(w->dns);
	gp_config_unref(w->config);
	free(w);
}

/* The resolver of `old` (NULL: none) goes on when its options did not change;
 * NULL when one can not be opened. */
static struct shared_dns *
dns_for(const struct gp_config *config, const struct world *old,
    struct gp_metrics *m, struct gp_err *err)
{
	const struct gp_resolver_policy *how =
	    &gp_config_globals(config)->resolver;
	struct shared_dns *shared;
	struct gp_dns *dns;

	if (old != NULL &&
	    gp_resolver_same(how, &gp_config_globals(old->config)->resolver)) {
		atomic_fetch_add(&old->dns->refs, 1);
		return old->dns;
	}
	if (gp_dns_open(how, m, &dns, err) != GP_OK)
		return NULL;
	shared = gp_xcalloc(1, sizeof(*shared));
	shared->dns = dns;
	atomic_init(&shared->refs, 1);
	return shared;
}

/* What the milter itself needs with a policy. */
static enum gp_rc
open_own(const struct gp_milter *milter, const struct gp_opening *with,
    void **own, struct gp_problems *problems)
{
	*own = NULL;
	return milter->open == NULL ? GP_OK : milter->open(with, own, problems);
}

/*
 * A world for this policy, whose reference it takes.  `old` is what it will
 * replace, or NULL.  GP_PERM: what is wrong was added to `problems`.
 */
static enum gp_rc
world_new(const struct gp_service *s, struct gp_config *config,
    const struct world *old, struct world **out, struct gp_problems *problems)
{
	const struct gp_milter *milter = s->app.milter;
	const struct gp_opening with = { .config = config,
		.old = old == NULL ? NULL : old->env.own,
		.metrics = s->app.metrics,
		.state_dir = s->options->state_dir };
	struct world *w = gp_xcalloc(1, sizeof(*w));
	struct gp_err err;

	w->config = config;
	if (open_own(milter, &with, &w->env.own, problems) != GP_OK)
		goto no_own;
	w->dns = dns_for(config, old, s->app.metrics, &err);
	if (w->dns == NULL)
		goto no_dns;
	w->close = milter->close;
	w->env.config = config;
	w->env.dns = w->dns->dns;
	atomic_init(&w->refs, 1);
	*out = w;
	return GP_OK;
no_dns:
	gp_problems_add(problems,
	    (struct gp_origin){ .file = s->options->config }, "%s", err.msg);
	if (milter->close != NULL)
		milter->close(w->env.own);
no_own:
	gp_config_unref(config);
	free(w);
	return GP_PERM;
}

struct gp_env *
gp_service_take(struct gp_service *s)
{
	struct world *w;

	(void)pthread_mutex_lock(&s->lock);
	w = s->world;
	atomic_fetch_add(&w->refs, 1);
	(void)pthread_mutex_unlock(&s->lock);
	return &w->env;
}

void
gp_service_release(struct gp_env *env)
{
	world_unref((struct world *)env);
}

/* -- reload ------------------------------------------------------------ */

static void
remember_outcome(struct gp_service *s, const char *problems)
{
	(void)pthread_mutex_lock(&s->lock);
	free(s->last_problems);
	s->last_problems = problems == NULL ? NULL : gp_xstrdup(problems);
	s->reload_us = gp_clock_us();
	if (problems == NULL) {
		s->policy_us = s->reload_us;
		s->policy_wall_s = gp_clock_wall_s();
	}
	(void)pthread_mutex_unlock(&s->lock);
	gp_metrics_add(s->app.metrics, GP_M_RELOADS, problems != NULL, 1);
	gp_metrics_set(s->app.metrics, GP_M_RELOAD_GOOD, 0, problems == NULL);
	if (problems == NULL)
		gp_metrics_set(s->app.metrics, GP_M_RELOAD_TIME, 0,
		    gp_clock_wall_s());
	gp_service_tell(s, "READY=1");
}

static void
log_lines(enum gp_log_level level, const char *text)
{
	struct gp_str rest = gp_str(text);

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');

		if (line.n > 0)
			gp_log(level, "%.*s", GP_STR_ARG(line));
	}
}

static void
refuse_reload(struct gp_service *s, struct gp_buf *out, const char *problems)
{
	gp_buf_adds(out, problems);
	log_lines(GP_LOG_ERROR, problems);
	gp_log(GP_LOG_ERROR, "reload failed; the old policy stays in force");
	remember_outcome(s, problems);
}

/* What a running daemon can not change is said, not silently ignored. */
static void
note_restart(const struct gp_service *s, const struct gp_config *config,
    struct gp_buf *out)
{
	const char *socket = gp_config_listen(config, s->app.milter->name);

	if (s->options->socket == NULL && strcmp(socket, s->socket) != 0) {
		gp_buf_addf(out, "listen.%s = %s takes effect at a restart\n",
		    s->app.milter->name, socket);
		log_lines(GP_LOG_WARNING, gp_buf_cstr(out));
	}
}

/* systemd 253 and later compare the time with that of their request. */
static void
tell_reloading(struct gp_service *s)
{
	char state[96];

	(void)snprintf(state, sizeof(state),
	    "RELOADING=1\nMONOTONIC_USEC=%lld\n" LOAD_PATIENCE,
	    (long long)gp_clock_us());
	gp_service_tell(s, state);
}

static bool
reload(struct gp_service *s, struct gp_buf *out)
{
	struct gp_problems problems;
	struct gp_config *config;
	struct world *fresh;
	struct world *old;
	bool ok = false;

	tell_reloading(s);
	gp_problems_init(&problems);
	if (gp_policy_load(s->options->config, &config, &problems) != GP_OK ||
	    world_new(s, config, s->world, &fresh, &problems) != GP_OK) {
		refuse_reload(s, out, gp_buf_cstr(&problems.text));
		goto out;
	}
	note_restart(s, config, out);
	(void)pthread_mutex_lock(&s->lock);
	old = s->world;
	s->world = fresh;
	(void)pthread_mutex_unlock(&s->lock);
	world_unref(old);
	gp_log(GP_LOG_INFO, "policy %016llx in force",
	    (unsigned long long)gp_config_id(config));
	remember_outcome(s, NULL);
	ok = true;
out:
	gp_problems_clear(&problems);
	return ok;
}

bool
gp_service_reload(struct gp_service *s, struct gp_buf *out)
{
	bool ok;

	(void)pthread_mutex_lock(&s->reloading);
	ok = reload(s, out);
	(void)pthread_mutex_unlock(&s->reloading);
	return ok;
}

/* -- start and stop ---------------------------------------------------- */

static int
say(const struct gp_options *o, int code, const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", o->program, what);
	return code;
}

static void
say_problems(const struct gp_options *o, const struct gp_problems *problems)
{
	struct gp_str rest = gp_buf_str(&problems->text);

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');

		if (line.n > 0)
			(void)fprintf(stderr, "%s: %.*s\n", o->program,
			    GP_STR_ARG(line));
	}
}

static int
load(const struct gp_options *o, struct gp_config **config)
{
	struct gp_problems problems;
	enum gp_rc rc;

	gp_problems_init(&problems);
	rc = gp_policy_load(o->config, config, &problems);
	say_problems(o, &problems);
	gp_problems_clear(&problems);
	return rc == GP_OK ? 0 : EX_CONFIG;
}

int
gp_service_check(const struct gp_milter *milter, const struct gp_options *o)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_opening with = { .config = NULL };
	void *own = NULL;
	int code = load(o, &config);

	if (code != 0)
		return code;
	gp_problems_init(&problems);
	with.config = config;
	if (open_own(milter, &with, &own, &problems) != GP_OK)
		code = EX_CONFIG;
	else if (milter->close != NULL)
		milter->close(own);
	say_problems(o, &problems);
	gp_problems_clear(&problems);
	gp_config_unref(config);
	return code;
}

void
gp_service_host(char host[GP_DOMAIN_TEXT])
{
	char name[GP_DOMAIN_TEXT] = "";

	(void)gethostname(name, sizeof(name) - 1);
	if (gp_domain_normalize(gp_str(name), host, NULL) != GP_OK)
		(void)snprintf(host, GP_DOMAIN_TEXT, "localhost");
}

/* Folders, user, lock, background: in this order, since the folders may need
 * root, all that is in them shall be the user's, and the lock's process is
 * the one that stays. */
static int
settle(struct gp_service *s)
{
	const struct gp_options *o = s->options;
	struct gp_err err;
	char path[512];
	enum gp_rc rc;

	if (gp_daemon_make_dir(o->runtime_dir, 0750, o->user, &err) != GP_OK ||
	    gp_daemon_make_dir(o->state_dir, 0750, o->user, &err) != GP_OK)
		return say(o, EX_CONFIG, err.msg);
	if (o->user != NULL && gp_daemon_drop(o->user, &err) != GP_OK)
		return say(o, EX_NOPERM, err.msg);
	if (!o->foreground && gp_daemon_detach(&err) != GP_OK)
		return say(o, EX_OSERR, err.msg);
	(void)snprintf(path, sizeof(path), "%s/pid", o->runtime_dir);
	rc = gp_daemon_lock(path, &s->lock_fd, &err);
	if (rc != GP_OK)
		return say(o, rc == GP_TEMP ? EX_TEMPFAIL : EX_CONFIG, err.msg);
	return 0;
}

static int
open_parts(struct gp_service *s, struct gp_config *config)
{
	const struct gp_globals *g = gp_config_globals(config);
	const struct gp_options *o = s->options;
	struct gp_problems problems;
	struct gp_err err;
	char path[512];
	enum gp_rc rc;

	(void)snprintf(path, sizeof(path), "%s/seal.key", o->state_dir);
	s->seal_key = gp_xstrdup(g->seal_key == NULL ? path : g->seal_key);
	rc = gp_seal_key_load(s->seal_key, &s->app.seal, &err);
	if (rc != GP_OK) {
		gp_config_unref(config);
		return say(o, rc == GP_TEMP ? EX_TEMPFAIL : EX_CONFIG, err.msg);
	}
	/* as the user that a reload will be */
	gp_problems_init(&problems);
	rc = world_new(s, config, NULL, &s->world, &problems);
	say_problems(o, &problems);
	gp_problems_clear(&problems);
	if (rc != GP_OK)
		return EX_CONFIG;
	return gp_service_controls_open(s);
}

int
gp_service_start(const struct gp_milter *milter, const struct gp_options *o,
    struct gp_service **out)
{
	struct gp_service *s = gp_xcalloc(1, sizeof(*s));
	struct gp_config *config = NULL;
	const char *socket;
	int code;

	s->options = o;
	s->app.milter = milter;
	s->started_us = gp_clock_us();
	s->policy_us = s->started_us;
	s->policy_wall_s = gp_clock_wall_s();
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->reloading, NULL);
	(void)pthread_mutex_init(&s->telling, NULL);
	gp_service_host(s->app.host);
	gp_daemon_notify(LOAD_PATIENCE);
	code = load(o, &config);
	if (code != 0)
		goto fail;
	socket = o->socket != NULL ? o->socket
	                           : gp_config_listen(config, milter->name);
	s->socket = gp_xstrdup(socket);
	gp_daemon_block_signals();
	code = settle(s);
	if (code != 0) {
		gp_config_unref(config);
		goto fail;
	}
	gp_log_open(o->program, o->foreground,
	    o->verbose ? GP_LOG_DEBUG : GP_LOG_INFO);
	s->app.metrics = gp_metrics_new(milter->name);
	s->app.tail = gp_tail_new(TAIL_BYTES);
	gp_metrics_set(s->app.metrics, GP_M_STARTED, 0, gp_clock_wall_s());
	gp_metrics_set(s->app.metrics, GP_M_RELOAD_GOOD, 0, 1);
	gp_metrics_set(s->app.metrics, GP_M_RELOAD_TIME, 0, gp_clock_wall_s());
	code = open_parts(s, config);
	if (code != 0)
		goto fail;
	*out = s;
	return 0;
fail:
	if (s->world != NULL)
		world_unref(s->world);
	gp_control_close(s->control);
	gp_tail_free(s->app.tail);
	gp_metrics_free(s->app.metrics);
	free(s->seal_key);
	free(s->socket);
	free(s);
	return code;
}

const char *
gp_service_socket(const struct gp_service *s)
{
	return s->socket;
}

const struct gp_app *
gp_service_app(const struct gp_service *s)
{
	return &s->app;
}

void
gp_service_ready(struct gp_service *s)
{
	if (s->options->user == NULL && geteuid() == 0)
		gp_log(GP_LOG_WARNING,
		    "running as root; --user NAME makes it an ordinary user");
	if (s->options->foreground)
		(void)fprintf(stderr, "%s: ready on %s\n", s->options->program,
		    s->socket);
	gp_daemon_ready();
	gp_service_tell(s, "READY=1");
}

void
gp_service_stopping(struct gp_service *s)
{
	gp_service_tell(s, "STOPPING=1");
}

void
gp_service_pulse(struct gp_service *s)
{
	gp_service_tell(s, "");
}

void
gp_service_cancel(struct gp_service *s)
{
	(void)pthread_mutex_lock(&s->lock);
	gp_dns_cancel(s->world->env.dns);
	(void)pthread_mutex_unlock(&s->lock);
}

void
gp_service_stop(struct gp_service *s)
{
	const struct gp_milter *milter = s->app.milter;

	gp_control_close(s->control);
	gp_control_close(s->stats);
	s->control = NULL;
	s->stats = NULL;
	(void)pthread_mutex_lock(&s->lock);
	if (milter->stop != NULL)
		milter->stop(s->world->env.own);
	(void)pthread_mutex_unlock(&s->lock);
}
