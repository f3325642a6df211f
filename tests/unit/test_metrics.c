/* metrics: the text is read back by a strict reader of format 0.0.4. */
#include "core/direction.h"
#include "core/dkim_result.h"
#include "core/dmarc.h"
#include "core/fragile.h"
#include "core/preflight.h"
#include "core/rate.h"
#include "core/spf_result.h"
#include "core/verdict.h"
#include "io/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 65536 };

/* What the reader knows of the family whose lines it is in. */
struct family {
	char name[80];
	char type[16];
	size_t samples;
	double last_bucket; /* a histogram's buckets never go down */
	double last_le;
	bool seen_inf;
	bool seen_sum;
};

struct sample {
	char name[96];
	char labels[200];
	double value;
};

static bool
is_name(const char *s)
{
	if (!gp_is_alpha(*s) && *s != '_')
		return false;
	for (; *s != '\0'; s++)
		if (!gp_is_alnum(*s) && *s != '_')
			return false;
	return true;
}

/* Copy up to the first byte of `stop`; returns where that stands. */
static const char *
word(const char *s, const char *stop, char *out, size_t size)
{
	size_t n = strcspn(s, stop);

	assert_true(n > 0 && n < size);
	memcpy(out, s, n);
	out[n] = '\0';
	return s + n;
}

/* Every label is name="value", values of [a-z0-9.+Inf-]; daemon is first. */
static void
check_labels(const char *s)
{
	char name[40];
	char value[40];

	assert_int_equal(strncmp(s, "daemon=\"spf\"", 12), 0);
	for (;;) {
		s = word(s, "=", name, sizeof(name));
		assert_true(is_name(name));
		assert_int_equal(strncmp(s, "=\"", 2), 0);
		s = word(s + 2, "\"\\\n", value, sizeof(value));
		assert_int_equal(*s, '"');
		if (*++s == '\0')
			return;
		assert_int_equal(*s++, ',');
	}
}

static void
read_sample(const char *line, struct sample *out)
{
	const char *s = word(line, "{", out->name, sizeof(out->name));
	char *end;

	assert_true(is_name(out->name));
	s = word(s + 1, "}", out->labels, sizeof(out->labels));
	check_labels(out->labels);
	assert_int_equal(strncmp(s, "} ", 2), 0);
	out->value = strtod(s + 2, &end);
	assert_ptr_not_equal(end, s + 2);
	assert_int_equal(*end, '\0');
}

static void
read_histogram_sample(struct family *f, const struct sample *sample)
{
	const char *suffix = sample->name + strlen(f->name);
	const char *le = strstr(sample->labels, ",le=\"");

	if (strcmp(suffix, "_bucket") == 0) {
		double bound;

		assert_non_null(le);
		bound = strtod(le + 5, NULL);
		assert_true(f->samples == 0 || bound > f->last_le);
		assert_true(sample->value >= f->last_bucket);
		f->last_le = bound;
		f->last_bucket = sample->value;
		f->seen_inf = strcmp(le, ",le=\"+Inf\"") == 0;
	} else if (strcmp(suffix, "_sum") == 0) {
		assert_true(f->seen_inf);
		f->seen_sum = true;
	} else {
		assert_string_equal(suffix, "_count");
		assert_true(f->seen_sum);
		assert_true(sample->value == f->last_bucket);
	}
}

static void
end_family(const struct family *f)
{
	if (f->name[0] != '\0')
		assert_true(f->samples > 0);
}

static void
begin_family(struct family *f, const char *line)
{
	const char *s;

	end_family(f);
	memset(f, 0, sizeof(*f));
	s = word(line + strlen("# HELP "), " ", f->name, sizeof(f->name));
	assert_true(is_name(f->name));
	assert_int_equal(strncmp(f->name, "gatepost_", 9), 0);
	assert_true(strlen(s) > 10);
	assert_null(strchr(s, '\\'));
}

static void
read_type(struct family *f, const char *line)
{
	char name[80];
	const char *s = word(line + strlen("# TYPE "), " ", name, sizeof(name));
	size_t n = strlen(name);

	assert_string_equal(name, f->name);
	(void)word(s + 1, "", f->type, sizeof(f->type));
	if (strcmp(f->type, "counter") == 0)
		assert_string_equal(name + n - 6, "_total");
	else if (strcmp(f->type, "histogram") == 0)
		assert_string_equal(name + n - 8, "_seconds");
	else
		assert_string_equal(f->type, "gauge");
}

/* Read the whole text; returns the number of samples. */
static size_t
read_text(const char *text)
{
	struct gp_str rest = gp_str(text);
	struct family f = { .name = "" };
	size_t samples = 0;

	assert_true(rest.n > 0 && text[rest.n - 1] == '\n');
	rest.n--;
	while (rest.p != NULL) {
		struct gp_str span = gp_str_split(&rest, '\n');
		struct sample sample;
		char line[400];

		assert_true(span.n < sizeof(line));
		(void)snprintf(line, sizeof(line), "%.*s", GP_STR_ARG(span));
		if (strncmp(line, "# HELP ", 7) == 0) {
			begin_family(&f, line);
			continue;
		}
		if (strncmp(line, "# TYPE ", 7) == 0) {
			read_type(&f, line);
			continue;
		}
		read_sample(line, &sample);
		assert_true(f.type[0] != '\0');
		if (strcmp(f.type, "histogram") == 0)
			read_histogram_sample(&f, &sample);
		else
			assert_string_equal(sample.name, f.name);
		f.samples++;
		samples++;
	}
	end_family(&f);
	return samples;
}

static struct gp_buf
format(const struct gp_metrics *m)
{
	struct gp_buf out;

	gp_buf_init(&out, TEXT_MAX);
	gp_metrics_format(m, &out);
	assert_false(out.overflow);
	return out;
}

static void
has_line(const struct gp_buf *text, const char *line)
{
	const char *at = strstr(gp_buf_cstr(text), line);

	if (at == NULL) {
		fail_msg("not there: %s", line);
		return;
	}
	assert_true(at == text->p || at[-1] == '\n');
}

static void
metrics_text_of_a_fresh_daemon_is_complete(void **state)
{
	struct gp_metrics *m = gp_metrics_new("spf");
	struct gp_buf text = format(m);

	(void)state;
	/* 1 + 13 single + 3 + 2 + 4 + 4 + 8 + 8 + 3 + 4 + 2 + 2 * 20, and of
	 * DKIM 1 single + 6 + 4 + 7 + 2 + 4 + 20, and of DMARC 1 single + 5 + 2
	 * + 3 + 20, and of preflight 3 + 8, and of the store 3 + 20 + 2, and of
	 * the limits 1 single + 3 + 6 +
	 * 6 */
	assert_int_equal(read_text(gp_buf_cstr(&text)), 219);
	has_line(&text,
	    "gatepost_build_info{daemon=\"spf\",version=\"" GP_VERSION
	    "\"} 1\n");
	has_line(&text, "gatepost_sessions_total{daemon=\"spf\"} 0\n");
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

static void
metrics_counters_and_gauges_are_read_back(void **state)
{
	struct gp_metrics *m = gp_metrics_new("spf");
	struct gp_buf text;

	(void)state;
	gp_metrics_add(m, GP_M_MESSAGES, GP_OUTBOUND, 2);
	gp_metrics_add(m, GP_M_MESSAGES, GP_OUTBOUND, 1);
	gp_metrics_add(m, GP_M_SESSIONS_OPEN, 0, 5);
	gp_metrics_add(m, GP_M_SESSIONS_OPEN, 0, -7);
	gp_metrics_set(m, GP_M_DNS_CACHE_BYTES, 0, INT64_MAX);
	assert_int_equal(gp_metrics_get(m, GP_M_MESSAGES, GP_OUTBOUND), 3);
	assert_int_equal(gp_metrics_get(m, GP_M_MESSAGES, GP_INBOUND), 0);
	text = format(m);
	(void)read_text(gp_buf_cstr(&text));
	has_line(&text, "gatepost_messages_total{daemon=\"spf\","
			"direction=\"outbound\"} 3\n");
	has_line(&text, "gatepost_sessions_open{daemon=\"spf\"} -2\n");
	has_line(&text, "gatepost_dns_cache_bytes{daemon=\"spf\"} "
			"9223372036854775807\n");
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

static void
metrics_words_are_those_of_the_core(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct gp_metrics *m = gp_metrics_new("spf");
		struct gp_buf text;
		char line[160];

		gp_metrics_add(m, GP_M_SPF_RESULTS, i, 1);
		gp_metrics_add(m, GP_M_ACTIONS, i, 1);
		gp_metrics_add(m, GP_M_WOULD, i, 1);
		text = format(m);
		if (i < GP_SPF_RESULTS) {
			(void)snprintf(line, sizeof(line),
			    "gatepost_spf_results_total{daemon=\"spf\","
			    "result=\"%s\"} 1\n",
			    gp_spf_result_name((enum gp_spf_result)i));
			has_line(&text, line);
		}
		if (i <= GP_TEMPFAIL) {
			(void)snprintf(line, sizeof(line),
			    "gatepost_actions_total{daemon=\"spf\","
			    "action=\"%s\"} 1\n",
			    gp_action_name((enum gp_action)i));
			has_line(&text, line);
		}
		if (i <= GP_DO_HOLD) {
			(void)snprintf(line, sizeof(line),
			    "gatepost_monitored_total{daemon=\"spf\","
			    "action=\"%s\"} 1\n",
			    gp_disposition_name((enum gp_disposition)i));
			has_line(&text, line);
		}
		gp_buf_clear(&text);
		gp_metrics_free(m);
	}
}

static void
metrics_words_of_dkim_are_those_of_the_core(void **state)
{
	struct gp_metrics *m = gp_metrics_new("dkim");
	struct gp_buf text;
	char line[160];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		gp_metrics_add(m, GP_M_DKIM_RESULTS, i, 10 + (int)i);
		gp_metrics_add(m, GP_M_DKIM_FRAGILE, i, 20 + (int)i);
	}
	text = format(m);
	for (unsigned i = 0; i < GP_DKIM_RESULTS; i++) {
		(void)snprintf(line, sizeof(line),
		    "gatepost_dkim_results_total{daemon=\"dkim\","
		    "result=\"%s\"} %u\n",
		    gp_dkim_result_name((enum gp_dkim_result)i), 10 + i);
		has_line(&text, line);
	}
	for (unsigned i = 0; i < GP_FRAGILES; i++) {
		(void)snprintf(line, sizeof(line),
		    "gatepost_dkim_fragile_total{daemon=\"dkim\","
		    "reason=\"%s\"} %u\n",
		    gp_fragile_name((enum gp_fragile)i), 20 + i);
		has_line(&text, line);
	}
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

static void
metrics_words_of_dmarc_are_those_of_the_core(void **state)
{
	struct gp_metrics *m = gp_metrics_new("dmarc");
	struct gp_buf text;
	char line[160];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		gp_metrics_add(m, GP_M_DMARC_RESULTS, i, 10 + (int)i);
	gp_metrics_add(m, GP_M_DMARC_RECORDS, 2, 7);
	text = format(m);
	has_line(&text, "gatepost_dmarc_records_total{daemon=\"dmarc\","
			"outcome=\"unavailable\"} 7\n");
	for (unsigned i = 0; i < GP_DMARC_RESULTS; i++) {
		(void)snprintf(line, sizeof(line),
		    "gatepost_dmarc_results_total{daemon=\"dmarc\","
		    "result=\"%s\"} %u\n",
		    gp_dmarc_result_name((enum gp_dmarc_result)i), 10 + i);
		has_line(&text, line);
	}
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

static void
metrics_words_of_preflight_are_those_of_the_core(void **state)
{
	struct gp_metrics *m = gp_metrics_new("dmarc");
	struct gp_buf text;
	char line[160];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		gp_metrics_add(m, GP_M_PREFLIGHT_MISSING, i, 10 + (int)i);
	text = format(m);
	for (unsigned i = 0; i < GP_NEEDS; i++) {
		(void)snprintf(line, sizeof(line),
		    "gatepost_preflight_missing_total{daemon=\"dmarc\","
		    "need=\"%s\"} %u\n",
		    gp_preflight_need_name((enum gp_preflight_need)i), 10 + i);
		has_line(&text, line);
	}
	has_line(&text, "gatepost_preflight_total{daemon=\"dmarc\","
			"outcome=\"open\"} 0\n");
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

static void
metrics_words_of_limits_are_those_of_the_core(void **state)
{
	struct gp_metrics *m = gp_metrics_new("rate");
	struct gp_buf text;
	char line[160];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		gp_metrics_add(m, GP_M_RATE_OVER, i, 10 + (int)i);
		gp_metrics_add(m, GP_M_RATE_WOULD, i, 40 + (int)i);
	}
	text = format(m);
	for (unsigned i = 0; i < GP_RATE_KINDS; i++) {
		const char *kind = gp_rate_kind_name((enum gp_rate_kind)i);

		(void)snprintf(line, sizeof(line),
		    "gatepost_rate_over_total{daemon=\"rate\",kind=\"%s\"} "
		    "%u\n",
		    kind, 10 + i);
		has_line(&text, line);
		(void)snprintf(line, sizeof(line),
		    "gatepost_rate_would_total{daemon=\"rate\",kind=\"%s\"} "
		    "%u\n",
		    kind, 40 + i);
		has_line(&text, line);
	}
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

static void
metrics_out_of_range_is_ignored(void **state)
{
	struct gp_metrics *m = gp_metrics_new("spf");
	struct gp_buf before = format(m);
	struct gp_buf after;

	(void)state;
	gp_metrics_add(m, GP_M_MESSAGES, 2, 1);
	gp_metrics_add(m, GP_M_MESSAGES, 8, 1);
	gp_metrics_add(m, GP_M_SESSIONS, 1, 1);
	gp_metrics_set(m, GP_M_SESSIONS_OPEN, 1000000, 1);
	gp_metrics_add(m, GP_METRICS, 0, 1);
	gp_metrics_add(m, GP_M_SPF_SECONDS, 0, 1);
	gp_metrics_observe(m, GP_M_SESSIONS, 1);
	gp_metrics_observe(m, GP_METRICS, 1);
	gp_metrics_add(NULL, GP_M_SESSIONS, 0, 1);
	gp_metrics_set(NULL, GP_M_SESSIONS, 0, 1);
	gp_metrics_observe(NULL, GP_M_SPF_SECONDS, 1);
	assert_int_equal(gp_metrics_get(m, GP_M_MESSAGES, 2), 0);
	assert_int_equal(gp_metrics_get(NULL, GP_M_SESSIONS, 0), 0);
	after = format(m);
	assert_string_equal(gp_buf_cstr(&before), gp_buf_cstr(&after));
	gp_buf_clear(&before);
	gp_buf_clear(&after);
	gp_metrics_free(m);
	gp_metrics_free(NULL);
}

static void
metrics_histogram_bounds_are_inclusive(void **state)
{
	static const char *const lines[] = {
		"_bucket{daemon=\"spf\",le=\"0.0001\"} 3\n",
		"_bucket{daemon=\"spf\",le=\"0.00025\"} 4\n",
		"_bucket{daemon=\"spf\",le=\"10\"} 4\n",
		"_bucket{daemon=\"spf\",le=\"20\"} 5\n",
		"_bucket{daemon=\"spf\",le=\"+Inf\"} 6\n",
		"_sum{daemon=\"spf\"} 40.000203\n",
		"_count{daemon=\"spf\"} 6\n",
	};
	static const int64_t observed[] = { 0, -5, 100, 101, 20000000,
		20000002 };
	struct gp_metrics *m = gp_metrics_new("spf");
	struct gp_buf text;

	(void)state;
	for (size_t i = 0; i < sizeof(observed) / sizeof(observed[0]); i++)
		gp_metrics_observe(m, GP_M_SPF_SECONDS, observed[i]);
	text = format(m);
	(void)read_text(gp_buf_cstr(&text));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[120];

		(void)snprintf(line, sizeof(line),
		    "gatepost_spf_check_seconds%s", lines[i]);
		has_line(&text, line);
	}
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *
add_many(void *arg)
{
	struct gp_metrics *m = arg;

	for (int i = 0; i < ROUNDS; i++) {
		gp_metrics_add(m, GP_M_ACTIONS, GP_REJECT, 1);
		gp_metrics_observe(m, GP_M_DNS_SECONDS, i);
	}
	return NULL;
}

static void
metrics_nothing_is_lost_between_threads(void **state)
{
	struct gp_metrics *m = gp_metrics_new("spf");
	pthread_t threads[THREADS];
	struct gp_buf text;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, m),
		    0);
	text = format(m); /* a reader in between sees whole numbers */
	(void)read_text(gp_buf_cstr(&text));
	gp_buf_clear(&text);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(gp_metrics_get(m, GP_M_ACTIONS, GP_REJECT),
	    THREADS * ROUNDS);
	text = format(m);
	has_line(&text, "gatepost_dns_query_seconds_count{daemon=\"spf\"} "
			"80000\n");
	gp_buf_clear(&text);
	gp_metrics_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_text_of_a_fresh_daemon_is_complete),
		cmocka_unit_test(metrics_counters_and_gauges_are_read_back),
		cmocka_unit_test(metrics_words_are_those_of_the_core),
		cmocka_unit_test(metrics_words_of_dkim_are_those_of_the_core),
		cmocka_unit_test(metrics_words_of_dmarc_are_those_of_the_core),
		cmocka_unit_test(
		    metrics_words_of_preflight_are_those_of_the_core),
		cmocka_unit_test(metrics_words_of_limits_are_those_of_the_core),
		cmocka_unit_test(metrics_out_of_range_is_ignored),
		cmocka_unit_test(metrics_histogram_bounds_are_inclusive),
		cmocka_unit_test(metrics_nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
