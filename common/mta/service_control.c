/* What a daemon says of itself: to who asks at its control sockets, and to
 * systemd.  See service_private.h. */
#include "mta/service_private.h"

#include "base/xalloc.h"
#include "io/daemon.h"
#include "io/fleet.h"
#include "io/log.h"
#include "mta/service_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define NOTIFY_MAX 1024 /* octets; systemd takes 4096 */

/* -- the control socket ------------------------------------------------ */

/* What there is to say, in this form. */
static void
describe(struct gp_service *s,
    void (*format)(const struct gp_status *now, struct gp_buf *out),
    struct gp_buf *out)
{
	struct gp_env *env = gp_service_take(s);
	struct gp_status now = { .program = s->options->program,
		.name = s->app.milter->name,
		.socket = s->socket,
		.config = s->options->config,
		.seal_key = s->seal_key,
		.policy = gp_config_id(env->config),
		.metrics = s->app.metrics,
		.started_us = s->started_us };

	(void)gp_config_domains(env->config, &now.domains);
	gp_service_release(env);
	(void)pthread_mutex_lock(&s->lock);
	now.policy_us = s->policy_us;
	now.policy_wall_s = s->policy_wall_s;
	now.reload_us = s->reload_us;
	now.problems = s->last_problems;
	format(&now, out);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
stats(struct gp_service *s, struct gp_buf *out)
{
	gp_metrics_set(s->app.metrics, GP_M_LOG_LOST, 0,
	    (int64_t)gp_log_lost());
	gp_metrics_format(s->app.metrics, out);
}

static bool
ask_milter(struct gp_service *s, struct gp_str request, struct gp_buf *out)
{
	struct gp_env *env = gp_service_take(s);
	bool ok = s->app.milter->on_request(env->own, request, out);

	gp_service_release(env);
	return ok;
}

static bool
on_request(void *arg, struct gp_str request, struct gp_buf *out)
{
	struct gp_service *s = arg;

	if (gp_str_eq(request, GP_STR("ping"))) {
		gp_buf_adds(out, "pong\n");
	} else if (gp_str_eq(request, GP_STR("status"))) {
		describe(s, gp_status_format, out);
	} else if (gp_str_eq(request, GP_STR("stats"))) {
		stats(s, out);
	} else if (gp_str_eq(request, GP_STR("reload"))) {
		return gp_service_reload(s, out);
	} else if (s->app.milter->on_request != NULL) {
		return ask_milter(s, request, out);
	} else {
		gp_buf_adds(out,
		    "unknown request; known: ping status stats reload"
		    " tail\n");
		return false;
	}
	return true;
}

/* Numbers, and nothing that was sent or configured. */
static bool
on_stats_request(void *arg, struct gp_str request, struct gp_buf *out)
{
	struct gp_service *s = arg;

	if (gp_str_eq(request, GP_STR("ping"))) {
		gp_buf_adds(out, "pong\n");
	} else if (gp_str_eq(request, GP_STR("stats"))) {
		stats(s, out);
	} else {
		gp_buf_adds(out, "unknown request; known: ping stats\n");
		return false;
	}
	return true;
}

int
gp_service_controls_open(struct gp_service *s)
{
	const struct gp_options *o = s->options;
	char control[512];
	char stats_path[512];
	const struct gp_control_options all = { .path = control,
		.mode = S_IRUSR | S_IWUSR,
		.fn = on_request,
		.arg = s,
		.tail = s->app.tail };
	const struct gp_control_options some = { .path = stats_path,
		.mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP,
		.fn = on_stats_request,
		.arg = s };
	struct gp_err err;

	(void)snprintf(control, sizeof(control), "%s/" GP_FLEET_CONTROL,
	    o->runtime_dir);
	(void)snprintf(stats_path, sizeof(stats_path), "%s/" GP_FLEET_STATS,
	    o->runtime_dir);
	if (gp_control_open(&all, &s->control, &err) != GP_OK ||
	    gp_control_open(&some, &s->stats, &err) != GP_OK) {
		(void)fprintf(stderr, "%s: %s\n", o->program, err.msg);
		return EX_CONFIG;
	}
	return 0;
}

/* -- what systemd is told ---------------------------------------------- */

static void
send_state(struct gp_service *s, const char *state, const char *status)
{
	struct gp_buf text;

	gp_buf_init(&text, NOTIFY_MAX);
	gp_buf_addf(&text, "%s%sSTATUS=%s", state, *state == '\0' ? "" : "\n",
	    status);
	gp_daemon_notify(gp_buf_cstr(&text));
	gp_buf_clear(&text);
	free(s->told);
	s->told = gp_xstrdup(status);
}

void
gp_service_tell(struct gp_service *s, const char *state)
{
	const bool stop = strcmp(state, "STOPPING=1") == 0;
	struct gp_buf now;

	gp_buf_init(&now, NOTIFY_MAX);
	(void)pthread_mutex_lock(&s->telling);
	if (stop)
		gp_buf_adds(&now, "ending: callbacks may finish");
	else
		describe(s, gp_status_line, &now);
	if (!s->stopping && (*state != '\0' || s->told == NULL ||
				strcmp(s->told, gp_buf_cstr(&now)) != 0))
		send_state(s, state, gp_buf_cstr(&now));
	s->stopping = s->stopping || stop;
	(void)pthread_mutex_unlock(&s->telling);
	gp_buf_clear(&now);
}
