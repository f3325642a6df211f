/* See metrics.h. */
#include "io/metrics.h"

#include "base/xalloc.h"
#include "core/direction.h"
#include "core/dkim_result.h"
#include "core/dmarc.h"
#include "core/fragile.h"
#include "core/policy.h"
#include "core/spf_result.h"
#include "core/verdict.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

/* Slots of one metric; a multiple of a cache line of int64_t. */
#define SLOTS      24
#define LABELS_MAX 8

/* The words of a label, by number; NULL ends them early. */
typedef const char *const words[LABELS_MAX];

static words directions = {
	[GP_INBOUND] = "inbound",
	[GP_OUTBOUND] = "outbound",
};
static words shortages = { "sessions", "descriptors", "threads" };
static words actions = {
	[GP_CONTINUE] = "continue",
	[GP_ACCEPT] = "accept",
	[GP_REJECT] = "reject",
	[GP_TEMPFAIL] = "tempfail",
};
static words dispositions = {
	[GP_DO_TAG] = "tag",
	[GP_DO_REJECT] = "reject",
	[GP_DO_TEMPFAIL] = "tempfail",
	[GP_DO_HOLD] = "hold",
};
static words spf_results = {
	[GP_SPF_SKIPPED] = "skipped",
	[GP_SPF_NONE] = "none",
	[GP_SPF_NEUTRAL] = "neutral",
	[GP_SPF_PASS] = "pass",
	[GP_SPF_FAIL] = "fail",
	[GP_SPF_SOFTFAIL] = "softfail",
	[GP_SPF_TEMPERROR] = "temperror",
	[GP_SPF_PERMERROR] = "permerror",
};
static words dkim_results = {
	[GP_DKIM_NONE] = "none",
	[GP_DKIM_PASS] = "pass",
	[GP_DKIM_FAIL] = "fail",
	[GP_DKIM_POLICY] = "policy",
	[GP_DKIM_TEMPERROR] = "temperror",
	[GP_DKIM_PERMERROR] = "permerror",
};
static words dmarc_results = {
	[GP_DMARC_R_NONE] = "none",
	[GP_DMARC_R_PASS] = "pass",
	[GP_DMARC_R_FAIL] = "fail",
	[GP_DMARC_R_TEMPERROR] = "temperror",
	[GP_DMARC_R_PERMERROR] = "permerror",
};
static words rate_outcomes = { "admitted", "refused", "exempt" };
static words rate_kinds = { "recipients", "messages", "bytes",
	"unique-recipients", "warmup", "senders" };
static words preflight_outcomes = { "pass", "open", "fail" };
static words preflight_needs = {
	[GP_NEED_FROM_ONE] = "from-one",
	[GP_NEED_ALIGNED_DKIM] = "aligned-dkim",
	[GP_NEED_ALIGNED_SPF] = "aligned-spf",
	[GP_NEED_DMARC_RECORD] = "dmarc-record",
	[GP_NEED_DATE] = "date",
	[GP_NEED_MESSAGE_ID] = "message-id",
	[GP_NEED_SUBJECT] = "subject",
	[GP_NEED_ONE_CLICK] = "list-unsubscribe-oneclick",
};
static words sealers = { "spf", "dkim" };
static words record_outcomes = { "kept", "refused", "unavailable" };
static words signing_outcomes = { "signed", "kept", "unsigned", "refused" };
static words fragile_kinds = {
	[GP_FRAGILE_LONG_LINE] = "long-line",
	[GP_FRAGILE_BARE_CR] = "bare-cr",
	[GP_FRAGILE_BARE_LF] = "bare-lf",
	[GP_FRAGILE_8BIT_HEADER] = "8bit-header",
	[GP_FRAGILE_REQUOTE] = "requote",
	[GP_FRAGILE_CUT_FIELD] = "cut-field",
	[GP_FRAGILE_REWRITE] = "rewrite",
};
static words key_cache_results = { "hit", "miss" };
static words key_states = { "active", "staged", "retired", "promoted" };
static words cache_results = { "hit", "miss", "shared" };
static words dns_outcomes = { "ok", "nodata", "nxdomain", "temporary" };
static words store_outcomes = { "admitted", "refused", "temporary" };
static words store_states = { "up", "local" };
static words reload_outcomes = { "ok", "failed" };

struct family {
	const char *name;
	enum kind kind;
	const char *help;
	const char *label;         /* NULL: one series without a label */
	const char *const *values; /* LABELS_MAX of them */
};

static const struct family families[GP_METRICS] = {
	[GP_M_SESSIONS] = { .name = "gatepost_sessions_total",
	    .kind = COUNTER,
	    .help = "Milter connections from the MTA." },
	[GP_M_SESSIONS_OPEN] = { .name = "gatepost_sessions_open",
	    .kind = GAUGE,
	    .help = "Milter connections that are open now." },
	[GP_M_SESSIONS_MAX] = { .name = "gatepost_sessions_max",
	    .kind = GAUGE,
	    .help = "Milter connections that may be open at a time." },
	[GP_M_SESSIONS_REFUSED] = { .name = "gatepost_sessions_refused_total",
	    .kind = COUNTER,
	    .help = "Milter connections answered 421, by what there was none "
		    "of.",
	    .label = "what",
	    .values = shortages },
	[GP_M_MESSAGES] = { .name = "gatepost_messages_total",
	    .kind = COUNTER,
	    .help = "Messages begun (MAIL commands).",
	    .label = "direction",
	    .values = directions },
	[GP_M_ACTIONS] = { .name = "gatepost_actions_total",
	    .kind = COUNTER,
	    .help = "Answers to commands of the MTA.",
	    .label = "action",
	    .values = actions },
	[GP_M_WOULD] = { .name = "gatepost_monitored_total",
	    .kind = COUNTER,
	    .help = "What enforcing would have done where the mode is monitor.",
	    .label = "action",
	    .values = dispositions },
	[GP_M_HELD] = { .name = "gatepost_held_total",
	    .kind = COUNTER,
	    .help = "Messages put into quarantine." },
	[GP_M_FORGED] = { .name = "gatepost_forged_fields_total",
	    .kind = COUNTER,
	    .help =
		"Authentication-Results fields removed for claiming our id." },
	[GP_M_PROTOCOL_ERRORS] = { .name = "gatepost_protocol_errors_total",
	    .kind = COUNTER,
	    .help =
		"Sessions ended because of input that no MTA should send." },
	[GP_M_SPF_RESULTS] = { .name = "gatepost_spf_results_total",
	    .kind = COUNTER,
	    .help = "SPF results of the MAIL FROM identity.",
	    .label = "result",
	    .values = spf_results },
	[GP_M_SPF_HELO_RESULTS] = { .name = "gatepost_spf_helo_results_total",
	    .kind = COUNTER,
	    .help = "SPF results of the HELO identity.",
	    .label = "result",
	    .values = spf_results },
	[GP_M_SPF_DIFFERENCES] = { .name = "gatepost_spf_differences_total",
	    .kind = COUNTER,
	    .help = "Checks in which the two engines did not agree." },
	[GP_M_SPF_SECONDS] = { .name = "gatepost_spf_check_seconds",
	    .kind = HISTOGRAM,
	    .help = "Time that one SPF check took." },
	[GP_M_DKIM_RESULTS] = { .name = "gatepost_dkim_results_total",
	    .kind = COUNTER,
	    .help = "DKIM results of single signatures; none: a message"
		    " without any.",
	    .label = "result",
	    .values = dkim_results },
	[GP_M_DKIM_DIFFERENCES] = { .name = "gatepost_dkim_differences_total",
	    .kind = COUNTER,
	    .help = "Signatures on which the two engines did not agree." },
	[GP_M_DKIM_SECONDS] = { .name = "gatepost_dkim_check_seconds",
	    .kind = HISTOGRAM,
	    .help = "Time from the end of a message to its DKIM results." },
	[GP_M_DKIM_SIGNING] = { .name = "gatepost_dkim_signing_total",
	    .kind = COUNTER,
	    .help = "Outbound messages by what became of their signature.",
	    .label = "outcome",
	    .values = signing_outcomes },
	[GP_M_DKIM_FRAGILE] = { .name = "gatepost_dkim_fragile_total",
	    .kind = COUNTER,
	    .help = "Outbound messages that an MTA may change on the way.",
	    .label = "reason",
	    .values = fragile_kinds },
	[GP_M_DKIM_KEY_CACHE] = { .name = "gatepost_dkim_key_cache_total",
	    .kind = COUNTER,
	    .help = "Decoded public keys by how the cache met them.",
	    .label = "result",
	    .values = key_cache_results },
	[GP_M_DKIM_KEYS] = { .name = "gatepost_dkim_keys",
	    .kind = GAUGE,
	    .help = "Signing keys of the policy in force.",
	    .label = "state",
	    .values = key_states },
	[GP_M_DMARC_RESULTS] = { .name = "gatepost_dmarc_results_total",
	    .kind = COUNTER,
	    .help = "DMARC results of inbound messages.",
	    .label = "result",
	    .values = dmarc_results },
	[GP_M_DMARC_DIFFERENCES] = { .name = "gatepost_dmarc_differences_total",
	    .kind = COUNTER,
	    .help = "Messages that the tree walk and the public suffix list"
		    " judge differently." },
	[GP_M_DMARC_SECONDS] = { .name = "gatepost_dmarc_check_seconds",
	    .kind = HISTOGRAM,
	    .help = "Time that one DMARC check took." },
	[GP_M_RATE_MESSAGES] = { .name = "gatepost_rate_messages_total",
	    .kind = COUNTER,
	    .help = "Outbound messages at the limits.",
	    .label = "outcome",
	    .values = rate_outcomes },
	[GP_M_RATE_OVER] = { .name = "gatepost_rate_over_total",
	    .kind = COUNTER,
	    .help = "Refusals by what was over its limit.",
	    .label = "kind",
	    .values = rate_kinds },
	[GP_M_RATE_WOULD] = { .name = "gatepost_rate_would_total",
	    .kind = COUNTER,
	    .help = "What would have been refused and was not.",
	    .label = "kind",
	    .values = rate_kinds },
	[GP_M_RATE_REFUNDS] = { .name = "gatepost_rate_refunds_total",
	    .kind = COUNTER,
	    .help = "Reservations given back." },
	[GP_M_DMARC_UNSEALED] = { .name = "gatepost_dmarc_unsealed_total",
	    .kind = COUNTER,
	    .help = "Inbound messages without sealed results of a filter.",
	    .label = "filter",
	    .values = sealers },
	[GP_M_PREFLIGHT] = { .name = "gatepost_preflight_total",
	    .kind = COUNTER,
	    .help = "Outbound messages by the outcome of their preflight.",
	    .label = "outcome",
	    .values = preflight_outcomes },
	[GP_M_PREFLIGHT_MISSING] = { .name = "gatepost_preflight_missing_total",
	    .kind = COUNTER,
	    .help = "Outbound messages that lack what is required of them.",
	    .label = "need",
	    .values = preflight_needs },
	[GP_M_DMARC_RECORDS] = { .name = "gatepost_dmarc_records_total",
	    .kind = COUNTER,
	    .help = "Judged messages by what became of their record; refused:"
		    " too many wait; unavailable: the store is not open.",
	    .label = "outcome",
	    .values = record_outcomes },
	[GP_M_DNS_CACHE] = { .name = "gatepost_dns_cache_total",
	    .kind = COUNTER,
	    .help = "DNS questions by how the cache met them.",
	    .label = "result",
	    .values = cache_results },
	[GP_M_DNS_ANSWERS] = { .name = "gatepost_dns_answers_total",
	    .kind = COUNTER,
	    .help = "Answers to DNS questions on the wire.",
	    .label = "outcome",
	    .values = dns_outcomes },
	[GP_M_DNS_SECONDS] = { .name = "gatepost_dns_query_seconds",
	    .kind = HISTOGRAM,
	    .help = "Time that one DNS question on the wire took." },
	[GP_M_DNS_CIRCUIT] = { .name = "gatepost_dns_circuit_open",
	    .kind = GAUGE,
	    .help =
		"1 while no DNS server answers and questions fail at once." },
	[GP_M_DNS_CACHE_BYTES] = { .name = "gatepost_dns_cache_bytes",
	    .kind = GAUGE,
	    .help = "Memory held by the DNS cache." },
	[GP_M_STORE_CALLS] = { .name = "gatepost_store_calls_total",
	    .kind = COUNTER,
	    .help = "Charges by outcome; temporary: the store did not answer.",
	    .label = "outcome",
	    .values = store_outcomes },
	[GP_M_STORE_SECONDS] = { .name = "gatepost_store_seconds",
	    .kind = HISTOGRAM,
	    .help = "Time that one call of the store took." },
	[GP_M_STORE_STATE] = { .name = "gatepost_store_state",
	    .kind = GAUGE,
	    .help = "1 at where limits are counted: the store, or here.",
	    .label = "state",
	    .values = store_states },
	[GP_M_RELOADS] = { .name = "gatepost_reloads_total",
	    .kind = COUNTER,
	    .help = "Reloads of the policy.",
	    .label = "outcome",
	    .values = reload_outcomes },
	[GP_M_RELOAD_GOOD] = { .name = "gatepost_config_last_reload_successful",
	    .kind = GAUGE,
	    .help = "0 after a reload that failed: an older policy is in"
		    " force than the file has." },
	[GP_M_RELOAD_TIME] = { .name = "gatepost_config_last_reload_success_"
				       "timestamp_seconds",
	    .kind = GAUGE,
	    .help = "When the policy in force was read." },
	[GP_M_STARTED] = { .name = "gatepost_start_time_seconds",
	    .kind = GAUGE,
	    .help = "When the daemon was started." },
	[GP_M_LOG_LOST] = { .name = "gatepost_log_lines_lost_total",
	    .kind = COUNTER,
	    .help = "Log lines that could not be written." },
};

_Static_assert((int)GP_SPF_RESULTS <= LABELS_MAX, "every result has a slot");
_Static_assert((int)GP_NEEDS <= LABELS_MAX, "every need has a slot");

/* Upper bounds of the buckets; the last slot before the sum is +Inf. */
static const struct bucket {
	int64_t us;
	const char *le;
} buckets[] = {
	{ 100, "0.0001" },
	{ 250, "0.00025" },
	{ 500, "0.0005" },
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 5000000, "5" },
	{ 10000000, "10" },
	{ 20000000, "20" },
};

#define BUCKETS (sizeof(buckets) / sizeof(buckets[0]))
#define SUM     (BUCKETS + 1)

_Static_assert(SUM < SLOTS, "a histogram fits its slots");

struct gp_metrics {
	_Atomic int64_t slot[GP_METRICS][SLOTS];
	char *daemon;
};

struct gp_metrics *
gp_metrics_new(const char *daemon)
{
	struct gp_metrics *m = gp_xcalloc(1, sizeof(*m));

	m->daemon = gp_xstrdup(daemon);
	return m;
}

void
gp_metrics_free(struct gp_metrics *m)
{
	if (m == NULL)
		return;
	free(m->daemon);
	free(m);
}

/* Is there a series `label` of `id`, which is no histogram? */
static bool
has_series(enum gp_metric id, unsigned label)
{
	const struct family *f;

	if ((unsigned)id >= GP_METRICS)
		return false;
	f = &families[id];
	if (f->kind == HISTOGRAM)
		return false;
	if (f->label == NULL)
		return label == 0;
	return label < LABELS_MAX && f->values[label] != NULL;
}

void
gp_metrics_add(struct gp_metrics *m, enum gp_metric id, unsigned label,
    int64_t value)
{
	if (m != NULL && has_series(id, label))
		(void)atomic_fetch_add_explicit(&m->slot[id][label], value,
		    memory_order_relaxed);
}

void
gp_metrics_set(struct gp_metrics *m, enum gp_metric id, unsigned label,
    int64_t value)
{
	if (m != NULL && has_series(id, label))
		atomic_store_explicit(&m->slot[id][label], value,
		    memory_order_relaxed);
}

void
gp_metrics_observe(struct gp_metrics *m, enum gp_metric id, int64_t us)
{
	size_t b = 0;

	if (m == NULL || (unsigned)id >= GP_METRICS ||
	    families[id].kind != HISTOGRAM)
		return;
	if (us < 0)
		us = 0;
	while (b < BUCKETS && us > buckets[b].us)
		b++;
	(void)atomic_fetch_add_explicit(&m->slot[id][b], 1,
	    memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&m->slot[id][SUM], us,
	    memory_order_relaxed);
}

static int64_t
load(const struct gp_metrics *m, enum gp_metric id, size_t slot)
{
	return atomic_load_explicit(&m->slot[id][slot], memory_order_relaxed);
}

int64_t
gp_metrics_get(const struct gp_metrics *m, enum gp_metric id, unsigned label)
{
	return m != NULL && has_series(id, label) ? load(m, id, label) : 0;
}

static void
format_series(const struct gp_metrics *m, enum gp_metric id, unsigned label,
    struct gp_buf *out)
{
	const struct family *f = &families[id];

	gp_buf_addf(out, "%s{daemon=\"%s\"", f->name, m->daemon);
	if (f->label != NULL)
		gp_buf_addf(out, ",%s=\"%s\"", f->label, f->values[label]);
	gp_buf_addf(out, "} %" PRId64 "\n", load(m, id, label));
}

static void
format_histogram(const struct gp_metrics *m, enum gp_metric id,
    struct gp_buf *out)
{
	const char *name = families[id].name;
	int64_t sum = load(m, id, SUM);
	int64_t count = 0;

	for (size_t b = 0; b <= BUCKETS; b++) {
		count += load(m, id, b);
		gp_buf_addf(out,
		    "%s_bucket{daemon=\"%s\",le=\"%s\"} %" PRId64 "\n", name,
		    m->daemon, b < BUCKETS ? buckets[b].le : "+Inf", count);
	}
	gp_buf_addf(out, "%s_sum{daemon=\"%s\"} %" PRId64 ".%06" PRId64 "\n",
	    name, m->daemon, sum / 1000000, sum % 1000000);
	gp_buf_addf(out, "%s_count{daemon=\"%s\"} %" PRId64 "\n", name,
	    m->daemon, count);
}

static void
format_head(const char *name, const char *help, const char *type,
    struct gp_buf *out)
{
	gp_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type);
}

void
gp_metrics_format(const struct gp_metrics *m, struct gp_buf *out)
{
	static const char *const types[] = { [COUNTER] = "counter",
		[GAUGE] = "gauge",
		[HISTOGRAM] = "histogram" };

	format_head("gatepost_build_info", "The version that runs; always 1.",
	    "gauge", out);
	gp_buf_addf(out,
	    "gatepost_build_info{daemon=\"%s\",version=\"" GP_VERSION "\"} 1\n",
	    m->daemon);
	for (enum gp_metric id = 0; id < GP_METRICS; id++) {
		const struct family *f = &families[id];

		format_head(f->name, f->help, types[f->kind], out);
		if (f->kind == HISTOGRAM)
			format_histogram(m, id, out);
		for (unsigned v = 0; has_series(id, v); v++)
			format_series(m, id, v, out);
	}
}
