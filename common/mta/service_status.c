/* See service_status.h. */
#include "mta/service_status.h"

#include "core/direction.h"
#include "io/clock.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long
seconds_since(int64_t then_us)
{
	return (long long)((gp_clock_us() - then_us) / GP_US_PER_S);
}

static void
add_reload(const struct gp_status *s, struct gp_buf *out)
{
	struct gp_str problems = gp_str(s->problems);

	gp_buf_addf(out, "policy_age_s %lld\n", seconds_since(s->policy_us));
	gp_buf_addf(out, "last_reload %s\n",
	    s->problems == NULL ? "ok" : "failed, the old policy stays");
	if (s->reload_us != 0)
		gp_buf_addf(out, "last_reload_age_s %lld\n",
		    seconds_since(s->reload_us));
	while (problems.n > 0) {
		struct gp_str line = gp_str_split(&problems, '\n');

		if (line.n > 0)
			gp_buf_addf(out, "problem %.*s\n", GP_STR_ARG(line));
	}
}

static void
add_keys(const struct gp_metrics *m, struct gp_buf *out)
{
	static const char *const states[] = { "active", "staged", "retired" };

	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		gp_buf_addf(out, "keys_%s %lld\n", states[i],
		    (long long)gp_metrics_get(m, GP_M_DKIM_KEYS, i));
}

static void
add_store(const struct gp_metrics *m, struct gp_buf *out)
{
	const unsigned local = 1;

	gp_buf_addf(out, "store_state %s\n",
	    gp_metrics_get(m, GP_M_STORE_STATE, local) != 0 ? "local" : "up");
}

void
gp_status_format(const struct gp_status *s, struct gp_buf *out)
{
	const struct gp_metrics *m = s->metrics;

	gp_buf_addf(out,
	    "program %s %s\ndaemon %s\nversion %s\npid %ld\n"
	    "uptime_s %lld\n",
	    s->program, GP_VERSION, s->name, GP_VERSION, (long)getpid(),
	    seconds_since(s->started_us));
	gp_buf_addf(out, "socket %s\nconfig %s\npolicy %016llx\n", s->socket,
	    s->config, (unsigned long long)s->policy);
	gp_buf_addf(out, "seal_key %s\n", s->seal_key);
	gp_buf_addf(out, "sessions_open %" PRId64 "\nmessages %" PRId64 "\n",
	    gp_metrics_get(m, GP_M_SESSIONS_OPEN, 0),
	    gp_metrics_get(m, GP_M_MESSAGES, GP_INBOUND) +
		gp_metrics_get(m, GP_M_MESSAGES, GP_OUTBOUND));
	if (strcmp(s->name, "dkim") == 0)
		add_keys(m, out);
	if (strcmp(s->name, "rate") == 0)
		add_store(m, out);
	add_reload(s, out);
}

/* -- one line for systemd ---------------------------------------------- */

#define PROBLEM_MAX 240 /* octets of a problem */

/* "2026-11-22 17:40:00 UTC" */
static void
add_time(struct gp_buf *out, int64_t wall_s)
{
	const time_t at = (time_t)wall_s;
	struct tm tm = { 0 };
	char text[32] = "";

	(void)gmtime_r(&at, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	gp_buf_adds(out, text);
}

/* Whatever a file may hold that was complained of. */
static void
add_printable(struct gp_buf *out, struct gp_str s)
{
	for (size_t i = 0; i < s.n && i < PROBLEM_MAX; i++)
		gp_buf_addc(out, (char)(gp_is_print(s.p[i]) ? s.p[i] : '?'));
	if (s.n > PROBLEM_MAX)
		gp_buf_adds(out, "...");
}

static void
add_first_problem(const struct gp_status *s, struct gp_buf *out)
{
	struct gp_str rest = gp_str(s->problems);

	gp_buf_adds(out, "the last reload failed: ");
	add_printable(out, gp_str_split(&rest, '\n'));
	gp_buf_adds(out, "; still in force: ");
}

static void
add_count(struct gp_buf *out, long long n, const char *what)
{
	gp_buf_addf(out, "%lld %s%s", n, what, n == 1 ? "" : "s");
}

static void
add_key_count(const struct gp_metrics *m, struct gp_buf *out)
{
	long long n = 0;

	for (unsigned i = 0; i < 2; i++) /* those that sign, or soon will */
		n += (long long)gp_metrics_get(m, GP_M_DKIM_KEYS, i);
	gp_buf_adds(out, ", ");
	if (n == 0)
		gp_buf_adds(out, "no keys: verifies only");
	else
		add_count(out, n, "key");
}

void
gp_status_line(const struct gp_status *s, struct gp_buf *out)
{
	if (s->problems != NULL)
		add_first_problem(s, out);
	gp_buf_adds(out, "policy of ");
	add_time(out, s->policy_wall_s);
	gp_buf_adds(out, ", ");
	add_count(out, (long long)s->domains, "domain");
	if (strcmp(s->name, "dkim") == 0)
		add_key_count(s->metrics, out);
	gp_buf_adds(out, "; ");
	add_count(out,
	    (long long)gp_metrics_get(s->metrics, GP_M_SESSIONS_OPEN, 0),
	    "session");
	gp_buf_adds(out, " open");
}
