/* See options.h. */
#include "options.h"

#include "wire.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const ml_fate_names[ML_FATES] = {
	[ML_ACCEPTED] = "accept",
	[ML_REJECTED] = "reject",
	[ML_TEMPFAILED] = "tempfail",
	[ML_DISCARDED] = "discard",
	[ML_HELD] = "hold",
	[ML_BROKEN] = "broken",
};

static const char help[] =
    "usage: milterload --socket SPEC [--socket SPEC ...] [option ...] "
    "[FILE|DIR ...]\n"
    "\n"
    "Plays Postfix to one milter, or to several in a row, and measures.\n"
    "Prints one line of JSON.  Exits 0 when every message came back as\n"
    "expected, 1 when one did not, 64 for a wrong option, 75 when there was\n"
    "no message at all.\n"
    "\n"
    "  --socket SPEC       unix:PATH or inet:PORT@127.0.0.1; up to 8, in "
    "their order\n"
    "  --sessions N        SMTP sessions at a time, one thread each (1)\n"
    "  --time DURATION     length of the run, as 5s or 500ms (5s)\n"
    "  --warmup DURATION   what is done before that and not counted (0)\n"
    "  --count N           end after N messages; the run then lasts 10m at "
    "most,\n"
    "                      or --time\n"
    "  --per-conn N        messages on one connection (all)\n"
    "  --pause DURATION    between the messages of a session (0)\n"
    "  --timeout DURATION  patience for one answer (30s)\n"
    "  --idle N            hold N more connections, each within a message\n"
    "  --lean              macros once a stage, one write, no abort after the\n"
    "                      end of a message: less than what Postfix sends\n"
    "\n"
    "  --client IP  --client-name HOST  --helo T  --from T  --rcpt T\n"
    "  --recipients N  --login T  --listener NAME  --mta HOST  --queue-id T\n"
    "                      T: {n} message, {10} message modulo 10, {s} "
    "session,\n"
    "                      {r} recipient\n"
    "  --from-header       the sender is the address in the From field\n"
    "  FILE|DIR            messages; DIR: its *.eml\n"
    "  --generate N,MIN,MAX  else this many of MIN to MAX bytes "
    "(100,1300,4000)\n"
    "\n"
    "  --expect FATE       accept reject tempfail discard hold (accept)\n"
    "  --expect-header NAME[:PART]  a field that must have been added\n"
    "  --expect-reply PART what the SMTP reply must hold\n"
    "\n"
    "  --pid PID,...       the servers: their CPU and memory is reported\n"
    "  --helper-pid PID,...  others, such as the DNS server\n"
    "  --label TEXT        goes into the output\n";

enum {
	O_SOCKET = 1,
	O_SESSIONS,
	O_TIME,
	O_WARMUP,
	O_COUNT,
	O_PER_CONN,
	O_TIMEOUT,
	O_PAUSE,
	O_IDLE,
	O_LEAN,
	O_CLIENT,
	O_CLIENT_NAME,
	O_HELO,
	O_FROM,
	O_RCPT,
	O_RECIPIENTS,
	O_LOGIN,
	O_LISTENER,
	O_MTA,
	O_QUEUE_ID,
	O_FROM_HEADER,
	O_GENERATE,
	O_EXPECT,
	O_EXPECT_HEADER,
	O_EXPECT_REPLY,
	O_PID,
	O_HELPER_PID,
	O_LABEL,
	O_HELP,
};

static const struct option known[] = {
	{ "socket", required_argument, NULL, O_SOCKET },
	{ "sessions", required_argument, NULL, O_SESSIONS },
	{ "time", required_argument, NULL, O_TIME },
	{ "warmup", required_argument, NULL, O_WARMUP },
	{ "count", required_argument, NULL, O_COUNT },
	{ "per-conn", required_argument, NULL, O_PER_CONN },
	{ "timeout", required_argument, NULL, O_TIMEOUT },
	{ "pause", required_argument, NULL, O_PAUSE },
	{ "idle", required_argument, NULL, O_IDLE },
	{ "lean", no_argument, NULL, O_LEAN },
	{ "client", required_argument, NULL, O_CLIENT },
	{ "client-name", required_argument, NULL, O_CLIENT_NAME },
	{ "helo", required_argument, NULL, O_HELO },
	{ "from", required_argument, NULL, O_FROM },
	{ "rcpt", required_argument, NULL, O_RCPT },
	{ "recipients", required_argument, NULL, O_RECIPIENTS },
	{ "login", required_argument, NULL, O_LOGIN },
	{ "listener", required_argument, NULL, O_LISTENER },
	{ "mta", required_argument, NULL, O_MTA },
	{ "queue-id", required_argument, NULL, O_QUEUE_ID },
	{ "from-header", no_argument, NULL, O_FROM_HEADER },
	{ "generate", required_argument, NULL, O_GENERATE },
	{ "expect", required_argument, NULL, O_EXPECT },
	{ "expect-header", required_argument, NULL, O_EXPECT_HEADER },
	{ "expect-reply", required_argument, NULL, O_EXPECT_REPLY },
	{ "pid", required_argument, NULL, O_PID },
	{ "helper-pid", required_argument, NULL, O_HELPER_PID },
	{ "label", required_argument, NULL, O_LABEL },
	{ "help", no_argument, NULL, O_HELP },
	{ NULL, 0, NULL, 0 },
};

static enum gp_rc
number(const char *text, uint64_t max, uint64_t *out, struct gp_err *err)
{
	if (gp_parse_u64(gp_str(text), max, out) == GP_OK)
		return GP_OK;
	return gp_fail(err, GP_PERM, "%s: expected a number up to %" PRIu64,
	    text, max);
}

static enum gp_rc
small_number(const char *text, unsigned max, unsigned *out, struct gp_err *err)
{
	uint64_t value = 0;
	enum gp_rc rc = number(text, max, &value, err);

	*out = (unsigned)value;
	return rc;
}

static enum gp_rc
duration(const char *text, int64_t *ms, struct gp_err *err)
{
	if (gp_parse_duration_ms(gp_str(text), ms) == GP_OK &&
	    *ms <= INT64_C(24) * 3600 * 1000)
		return GP_OK;
	return gp_fail(err, GP_PERM,
	    "%s: expected a duration up to 24h, as 500ms or 5s", text);
}

static enum gp_rc
parse_generate(const char *text, struct ml_options *o, struct gp_err *err)
{
	struct gp_str rest = gp_str(text);
	uint64_t v[3];

	for (int i = 0; i < 3; i++)
		if (rest.p == NULL || gp_parse_u64(gp_str_split(&rest, ','),
					  1U << 26, &v[i]) != GP_OK)
			return gp_fail(err, GP_PERM,
			    "%s: expected NUMBER,MIN,MAX", text);
	if (rest.p != NULL || v[0] == 0 || v[1] > v[2])
		return gp_fail(err, GP_PERM, "%s: expected NUMBER,MIN,MAX",
		    text);
	o->generate = (size_t)v[0];
	o->min_body = (size_t)v[1];
	o->max_body = (size_t)v[2];
	return GP_OK;
}

static enum gp_rc
parse_fate(const char *text, struct ml_options *o, struct gp_err *err)
{
	for (int i = 0; i < ML_BROKEN; i++)
		if (strcmp(text, ml_fate_names[i]) == 0) {
			o->fate = (enum ml_fate)i;
			return GP_OK;
		}
	return gp_fail(err, GP_PERM,
	    "%s: expected accept, reject, tempfail, discard or hold", text);
}

static enum gp_rc
add_header(char *text, struct ml_options *o, struct gp_err *err)
{
	char *colon = strchr(text, ':');

	if (o->n_headers == ML_EXPECT_MAX)
		return gp_fail(err, GP_PERM, "%s: more than %d headers", text,
		    ML_EXPECT_MAX);
	if (colon != NULL)
		*colon = '\0';
	o->header[o->n_headers].name = text;
	o->header[o->n_headers].part = colon == NULL ? "" : colon + 1;
	o->n_headers++;
	return GP_OK;
}

static enum gp_rc
add_socket(const char *spec, struct ml_options *o, struct gp_err *err)
{
	if (o->n_sockets == ML_CHAIN_MAX)
		return gp_fail(err, GP_PERM, "%s: more than %d sockets", spec,
		    ML_CHAIN_MAX);
	o->socket[o->n_sockets++] = spec;
	return ml_spec_valid(spec, err);
}

static enum gp_rc
parse_pids(const char *text, struct ml_pids *pids, struct gp_err *err)
{
	if (ml_pids_parse(gp_str(text), pids) == GP_OK)
		return GP_OK;
	return gp_fail(err, GP_PERM, "%s: expected PID,PID...", text);
}

/* The options that shape the run. */
static enum gp_rc
set_run(int option, const char *text, struct ml_options *o, struct gp_err *err)
{
	int64_t ms = 0;

	switch (option) {
	case O_SOCKET:
		return add_socket(text, o, err);
	case O_SESSIONS:
		return small_number(text, ML_SESSIONS_MAX, &o->sessions, err);
	case O_TIME:
		return duration(text, &o->ms, err);
	case O_WARMUP:
		return duration(text, &o->warmup_ms, err);
	case O_COUNT:
		return number(text, INT64_MAX, &o->count, err);
	case O_PER_CONN:
		return number(text, INT64_MAX, &o->per_conn, err);
	case O_TIMEOUT:
		if (duration(text, &ms, err) != GP_OK)
			return GP_PERM;
		o->timeout_s = (unsigned)((ms + 999) / 1000);
		return GP_OK;
	case O_PAUSE:
		return duration(text, &o->pause_ms, err);
	case O_IDLE:
		return small_number(text, ML_IDLE_MAX, &o->idle, err);
	case O_PID:
		return parse_pids(text, &o->pids, err);
	case O_HELPER_PID:
		return parse_pids(text, &o->helpers, err);
	default:
		o->lean = true;
		return GP_OK;
	}
}

/* The options that shape a message and what should become of it. */
static enum gp_rc
set_message(int option, char *text, struct ml_options *o, struct gp_err *err)
{
	switch (option) {
	case O_CLIENT:
		if (gp_ip_parse(gp_str(text), &o->client) == GP_OK)
			return GP_OK;
		return gp_fail(err, GP_PERM, "%s: no IP address", text);
	case O_RECIPIENTS:
		return small_number(text, 10000, &o->recipients, err);
	case O_GENERATE:
		return parse_generate(text, o, err);
	case O_EXPECT:
		return parse_fate(text, o, err);
	case O_EXPECT_HEADER:
		return add_header(text, o, err);
	default:
		o->from_header = true;
		return GP_OK;
	}
}

/* Options whose value is a text as it stands; NULL for the others. */
static const char **
text_option(int option, struct ml_options *o)
{
	switch (option) {
	case O_CLIENT_NAME:
		return &o->client_name;
	case O_HELO:
		return &o->helo;
	case O_FROM:
		return &o->from;
	case O_RCPT:
		return &o->rcpt;
	case O_LOGIN:
		return &o->login;
	case O_LISTENER:
		return &o->listener;
	case O_MTA:
		return &o->mta;
	case O_QUEUE_ID:
		return &o->queue_id;
	case O_EXPECT_REPLY:
		return &o->reply;
	case O_LABEL:
		return &o->label;
	default:
		return NULL;
	}
}

static enum gp_rc
set_option(int option, char *text, struct ml_options *o, struct gp_err *err)
{
	const char **where = text_option(option, o);

	if (where != NULL) {
		*where = text;
		return GP_OK;
	}
	switch (option) {
	case O_CLIENT:
	case O_RECIPIENTS:
	case O_GENERATE:
	case O_EXPECT:
	case O_EXPECT_HEADER:
	case O_FROM_HEADER:
		return set_message(option, text, o, err);
	default:
		return set_run(option, text, o, err);
	}
}

static void
set_defaults(struct ml_options *o)
{
	static const uint8_t client[] = { 192, 0, 2, 10 };

	memset(o, 0, sizeof *o);
	o->sessions = 1;
	o->timeout_s = 30;
	o->client_name = "mail.s0.example";
	o->helo = "mail.s{10}.example";
	o->from = "user@s{10}.example";
	o->rcpt = "rcpt{r}@local.example";
	o->listener = "mx.local.example";
	o->mta = "mx.local.example";
	o->recipients = 1;
	o->generate = 100;
	o->min_body = 1300;
	o->max_body = 4000;
	o->label = "";
	o->client = gp_ip_from_bytes(client, sizeof client);
}

static enum gp_rc
finish(struct ml_options *o, struct gp_err *err)
{
	if (o->n_sockets == 0)
		return gp_fail(err, GP_PERM, "--socket is missing");
	if (o->sessions == 0 || o->recipients == 0)
		return gp_fail(err, GP_PERM,
		    "--sessions and --recipients are at least 1");
	if (o->ms == 0)
		o->ms = o->count > 0 ? 600000 : 5000;
	o->write_size = o->lean ? 0 : 4096;
	return GP_OK;
}

enum gp_rc
ml_options_parse(int argc, char **argv, struct ml_options *out,
    struct gp_err *err)
{
	int option;

	set_defaults(out);
	opterr = 0;
	/* getopt keeps its place in statics; called once, before any thread */
	while ((option = getopt_long(/* NOLINT(concurrency-mt-unsafe) */
		    argc, argv, "", known, NULL)) != -1) {
		if (option == O_HELP) {
			(void)fputs(help, stdout);
			return GP_NONE;
		}
		if (option == '?')
			return gp_fail(err, GP_PERM,
			    "%s: no such option, or its value is missing",
			    argv[optind - 1]);
		if (set_option(option, optarg, out, err) != GP_OK)
			return GP_PERM;
	}
	for (; optind < argc; optind++) {
		if (out->n_files == ML_FILES_MAX)
			return gp_fail(err, GP_PERM, "more than %d files",
			    ML_FILES_MAX);
		out->files[out->n_files++] = argv[optind];
	}
	return finish(out, err);
}

/* The number that the placeholder `word` stands for, if it is one. */
static bool
placeholder(struct gp_str word, const struct ml_numbers *n, uint64_t *out)
{
	uint64_t modulus;

	if (gp_str_eq(word, GP_STR("n")))
		*out = n->message;
	else if (gp_str_eq(word, GP_STR("s")))
		*out = n->session;
	else if (gp_str_eq(word, GP_STR("r")))
		*out = n->recipient;
	else if (gp_parse_u64(word, UINT32_MAX, &modulus) == GP_OK &&
		 modulus > 0)
		*out = n->message % modulus;
	else
		return false;
	return true;
}

void
ml_expand(const char *template, const struct ml_numbers *numbers,
    char out[ML_TEXT_MAX])
{
	size_t n = 0, length;
	uint64_t value;

	for (const char *p = template; *p != '\0' && n + 24 < ML_TEXT_MAX;) {
		length = *p == '{' ? strcspn(p, "}") : 0;
		if (length > 0 && p[length] == '}' &&
		    placeholder(gp_str_n(p + 1, length - 1), numbers, &value)) {
			n += (size_t)snprintf(out + n, ML_TEXT_MAX - n,
			    "%" PRIu64, value);
			p += length + 1;
			continue;
		}
		out[n++] = *p++;
	}
	out[n] = '\0';
}
