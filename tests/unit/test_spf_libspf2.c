/*
 * libspf2 behind the front: what it never gets to read, who counts, and what
 * becomes of its answers.
 *
 * A spy stands in front of the library's two compilers (the linker lets a
 * program put its own function before a library's) and keeps what they read.
 */
#include "base/buf.h"
#include "io/clock.h"
#include "mta/spf_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <spf2/spf.h>
#include <spf2/spf_dns_rr.h>
#include <spf2/spf_log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLERS "tests/vectors/libspf2_killers.zone"

/* -- the spy ----------------------------------------------------------- */

static struct gp_buf seen; /* every record compiled, one a line */
static bool seen_macro;    /* an explanation that is not ours */
static bool plant_error;   /* the library finds a bug in itself */

SPF_errcode_t
SPF_record_compile(SPF_server_t *server, SPF_response_t *response,
    SPF_record_t **record, const char *text)
{
	SPF_errcode_t (*real)(SPF_server_t *, SPF_response_t *, SPF_record_t **,
	    const char *);

	*(void **)&real = dlsym(RTLD_NEXT, "SPF_record_compile");
	gp_buf_addf(&seen, "%s\n", text);
	if (plant_error && strlen(text) > 10)
		SPF_error("planted");
	return real(server, response, record, text);
}

SPF_errcode_t
SPF_record_compile_macro(SPF_server_t *server, SPF_response_t *response,
    SPF_macro_t **macro, const char *text)
{
	SPF_errcode_t (*real)(SPF_server_t *, SPF_response_t *, SPF_macro_t **,
	    const char *);

	*(void **)&real = dlsym(RTLD_NEXT, "SPF_record_compile_macro");
	if (strcmp(text, "%{d}") != 0 && strstr(text, "openspf.org") == NULL)
		seen_macro = true;
	return real(server, response, macro, text);
}

/* -- one check --------------------------------------------------------- */

struct lab {
	struct gp_dns *dns;
	struct gp_dns_scope scope;
	struct gp_spf_query q;
	struct gp_spf_outcome out;
};

static void
lab_open(struct lab *l, const char *zone)
{
	struct gp_err err;

	*l = (struct lab){ .q = { .local = GP_STR("user"),
			       .helo = "helo.test",
			       .receiver = "receiver.test",
			       .now_s = 1800000000,
			       .max_terms = GP_SPF_TERMS_MAX,
			       .max_voids = GP_SPF_VOIDS_MAX,
			       .max_queries = GP_SPF_QUERIES_MAX } };
	if (gp_dns_open_zone(gp_str(zone), NULL, &l->dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
	l->scope = (struct gp_dns_scope){ .dns = l->dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = 1000 };
	gp_buf_init(&seen, 1 << 20);
	seen_macro = false;
}

static void
lab_close(struct lab *l)
{
	gp_arena_free(l->scope.arena);
	gp_dns_close(l->dns);
	gp_buf_clear(&seen);
}

static enum gp_spf_result
ask(struct lab *l, const char *client, const char *domain)
{
	l->q.domain = domain;
	if (gp_ip_parse(gp_str(client), &l->q.client) != GP_OK)
		fail_msg("%s", client);
	gp_spf_libspf2(&l->q, &l->scope, &l->out);
	assert_non_null(l->out.reason);
	return l->out.result;
}

static bool
by_builtin(const struct lab *l)
{
	return strstr(l->out.reason, "(builtin: ") != NULL;
}

/* -- results ----------------------------------------------------------- */

static const char results_zone[] =
    "pass.test TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
    "bare.test TXT v=spf1\n"
    "none.test A 192.0.2.1\n"
    "other.test TXT \"v=spf2.0/pra -all\"\n"
    "twice.test TXT \"v=spf1 -all\"\ntwice.test TXT \"v=spf1 mx\"\n"
    "syntax.test TXT \"v=spf1 ip4:1.2.3.4/33 +all\"\n"
    "unknown.test TXT \"v=spf1 foo:bar +all\"\n"
    "temp.test * !SERVFAIL\n"
    "inner-temp.test TXT \"v=spf1 a:temp.test +all\"\n"
    "inc.test TXT \"v=spf1 include:pass.test ~all\"\n"
    "inc-none.test TXT \"v=spf1 include:none.test +all\"\n"
    "inc-temp.test TXT \"v=spf1 include:temp.test +all\"\n"
    "inc-syntax.test TXT \"v=spf1 include:syntax.test +all\"\n"
    "redirect.test TXT \"v=spf1 redirect=pass.test ip4:192.0.2.7\"\n"
    "red-none.test TXT \"v=spf1 redirect=none.test\"\n"
    "mapped.test TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "zero.test TXT \"v=spf1 a:host.test/0 ~all\"\nhost.test A 203.0.113.9\n"
    "zero-mx.test TXT \"v=spf1 mx:inmx.test/0 ~all\"\n"
    "inmx.test MX 1 host.test\n"
    "zero-gone.test TXT \"v=spf1 a:gone.test/0 ~all\"\n"
    "parts.test TXT \"v=spf1 exists:%{d2}.x.test ~all\"\n"
    "parts.test.x.test A 127.0.0.2\n"
    "ptr.test TXT \"v=spf1 ptr -all\"\n"
    "1.2.0.192.in-addr.arpa PTR m.ptr.test\nm.ptr.test A 192.0.2.1\n"
    "2.2.0.192.in-addr.arpa * !SERVFAIL\n"
    "p.test TXT \"v=spf1 exists:%{p}.y.test -all\"\n"
    "m.ptr.test.y.test A 127.0.0.2\n"
    "loop.test TXT \"v=spf1 include:loop.test -all\"\n";

static const struct {
	const char *label, *client, *domain;
	enum gp_spf_result wanted;
} results[] = {
	{ "a network", "192.0.2.1", "pass.test", GP_SPF_PASS },
	{ "-all", "198.51.100.1", "pass.test", GP_SPF_FAIL },
	{ "version without a space", "192.0.2.1", "bare.test", GP_SPF_NEUTRAL },
	{ "no record", "192.0.2.1", "none.test", GP_SPF_NONE },
	{ "no name", "192.0.2.1", "gone.test", GP_SPF_NONE },
	{ "another version", "192.0.2.1", "other.test", GP_SPF_NONE },
	{ "two records", "192.0.2.1", "twice.test", GP_SPF_PERMERROR },
	{ "syntax", "192.0.2.1", "syntax.test", GP_SPF_PERMERROR },
	{ "unknown mechanism", "192.0.2.1", "unknown.test", GP_SPF_PERMERROR },
	{ "SERVFAIL", "192.0.2.1", "temp.test", GP_SPF_TEMPERROR },
	{ "SERVFAIL within", "192.0.2.1", "inner-temp.test", GP_SPF_TEMPERROR },
	{ "include passes", "192.0.2.1", "inc.test", GP_SPF_PASS },
	{ "include fails", "198.51.100.1", "inc.test", GP_SPF_SOFTFAIL },
	{ "include of none", "192.0.2.1", "inc-none.test", GP_SPF_PERMERROR },
	{ "include, SERVFAIL", "192.0.2.1", "inc-temp.test", GP_SPF_TEMPERROR },
	{ "include, syntax", "192.0.2.1", "inc-syntax.test", GP_SPF_PERMERROR },
	{ "redirect is last", "192.0.2.7", "redirect.test", GP_SPF_PASS },
	{ "redirect fails", "192.1.2.7", "redirect.test", GP_SPF_FAIL },
	{ "redirect to none", "192.0.2.1", "red-none.test", GP_SPF_PERMERROR },
	{ "mapped client", "::ffff:192.0.2.1", "mapped.test", GP_SPF_PASS },
	{ "a/0 matches any", "192.0.2.1", "zero.test", GP_SPF_PASS },
	{ "mx/0 matches any", "192.0.2.1", "zero-mx.test", GP_SPF_PASS },
	{ "a/0 wants an address", "192.0.2.1", "zero-gone.test",
	    GP_SPF_SOFTFAIL },
	{ "all parts of a macro", "192.0.2.1", "parts.test", GP_SPF_PASS },
	{ "ptr", "192.0.2.1", "ptr.test", GP_SPF_PASS },
	{ "ptr, SERVFAIL is no match", "192.0.2.2", "ptr.test", GP_SPF_FAIL },
	{ "%{p}", "192.0.2.1", "p.test", GP_SPF_PASS },
	{ "a loop", "192.0.2.1", "loop.test", GP_SPF_PERMERROR },
};

static void
libspf2_each_situation_result_as_rfc7208_says(void **state)
{
	struct lab l;

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		enum gp_spf_result found;

		lab_open(&l, results_zone);
		found = ask(&l, results[i].client, results[i].domain);
		if (found != results[i].wanted || by_builtin(&l))
			fail_msg("%s: %s (%s)", results[i].label,
			    gp_spf_result_name(found), l.out.reason);
		lab_close(&l);
	}
}

/* A mapped address that was not unmapped where it was read. */
static void
libspf2_raw_mapped_client_is_ipv4(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, results_zone);
	l.q.domain = "mapped.test";
	l.q.client = (struct gp_ip){ .family = GP_IP_V6,
		.b = { [10] = 255, [11] = 255, 192, 0, 2, 1 } };
	gp_spf_libspf2(&l.q, &l.scope, &l.out);
	assert_int_equal(l.out.result, GP_SPF_PASS);
	lab_close(&l);
}

/* -- bounds ------------------------------------------------------------ */

static const char bounds_zone[] =
    "t9.test TXT \"v=spf1 include:n.test include:n.test include:n.test"
    " include:n.test include:n.test include:n.test include:n.test"
    " include:n.test include:n.test a:a.test ~all\"\n"
    "t11.test TXT \"v=spf1 include:five.test include:five.test ~all\"\n"
    "five.test TXT \"v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test\"\n"
    "n.test TXT \"v=spf1 -all\"\na.test A 203.0.113.1\n"
    "v2.test TXT \"v=spf1 a:g1.test mx:g2.test ~all\"\n"
    "v3.test TXT \"v=spf1 a:g1.test include:v2.test +all\"\n"
    "mx10.test TXT \"v=spf1 mx:ten.test ~all\"\n"
    "mx11.test TXT \"v=spf1 mx:eleven.test +all\"\n"
    "wide.test TXT \"v=spf1 mx:ten.test mx:ten2.test mx:ten3.test"
    " mx:ten4.test +all\"\n"
    "ptr.test TXT \"v=spf1 ptr -all\"\n"
    "m.ptr.test A 192.0.2.1\n"
    "slow.test TXT \"v=spf1 a:slow1.test a:slow2.test +all\"\n"
    "slow1.test A !DELAY 400ms\nslow2.test A !DELAY 400ms\n"
    "out.test TXT \"v=spf1 -include:in.test a:h2.test a:h3.test a:h4.test"
    " a:h5.test a:h6.test a:h7.test a:h8.test a:h9.test a:h10.test ~all\"\n"
    "in.test TXT \"v=spf1 -mx:hosts.test\"\n"
    "h1.test A 192.0.2.1\n";

static char *
make_bounds_zone(void)
{
	static const char *const tens[] = { "ten", "ten2", "ten3", "ten4" };
	struct gp_buf b;
	char *zone;

	gp_buf_init(&b, 1 << 20);
	gp_buf_adds(&b, bounds_zone);
	for (unsigned i = 1; i <= 11; i++) {
		for (size_t k = 0; k < 4 && i <= 10; k++) {
			gp_buf_addf(&b, "%s.test MX 1 x%u%s.test\n", tens[k], i,
			    tens[k]);
			gp_buf_addf(&b, "x%u%s.test A 203.0.113.1\n", i,
			    tens[k]);
		}
		gp_buf_addf(&b, "eleven.test MX 1 x%u.test\n", i);
		gp_buf_addf(&b, "x%u.test A 203.0.113.1\n", i);
		gp_buf_addf(&b, "h%u.test A 203.0.113.1\n", i);
		if (i <= 10)
			gp_buf_addf(&b, "hosts.test MX 1 h%u.test\n", i);
		gp_buf_addf(&b, "1.2.0.192.in-addr.arpa PTR %s\n",
		    i == 11 ? "m.ptr.test" : "n.ptr.test");
	}
	zone = strdup(gp_buf_cstr(&b));
	gp_buf_clear(&b);
	return zone;
}

static const struct {
	const char *label, *domain;
	enum gp_spf_result wanted;
	const char *reason;
} bounds[] = {
	{ "10 terms", "t9.test", GP_SPF_SOFTFAIL, "libspf2" },
	{ "terms of includes count together", "t11.test", GP_SPF_PERMERROR,
	    "more than 10 terms" },
	{ "2 void look-ups", "v2.test", GP_SPF_SOFTFAIL, "libspf2" },
	{ "void look-ups of includes too", "v3.test", GP_SPF_PERMERROR,
	    "more than 2 look-ups" },
	{ "10 mail hosts", "mx10.test", GP_SPF_SOFTFAIL, "libspf2" },
	{ "11 mail hosts", "mx11.test", GP_SPF_PERMERROR, "mail hosts" },
	{ "32 questions", "wide.test", GP_SPF_PERMERROR,
	    "more than 32 DNS queries" },
	{ "the eleventh name of ptr", "ptr.test", GP_SPF_FAIL, "libspf2" },
};

static void
libspf2_each_bound_is_kept_over_the_whole_check(void **state)
{
	char *zone = make_bounds_zone();
	struct lab l;

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		enum gp_spf_result found;

		lab_open(&l, zone);
		found = ask(&l, "192.0.2.1", bounds[i].domain);
		if (found != bounds[i].wanted || l.out.queries > 32 ||
		    strstr(l.out.reason, bounds[i].reason) == NULL)
			fail_msg("%s: %s (%s), %u questions", bounds[i].label,
			    gp_spf_result_name(found), l.out.reason,
			    l.out.queries);
		lab_close(&l);
	}
	free(zone);
}

/* "mx" within the include matches its first host; the others are then asked
 * for by terms of their own, which must count. */
static void
libspf2_hosts_left_over_from_mx_are_no_excuse_for_terms(void **state)
{
	char *zone = make_bounds_zone();
	struct lab l;

	(void)state;
	lab_open(&l, zone);
	assert_int_equal(ask(&l, "192.0.2.1", "out.test"), GP_SPF_PERMERROR);
	assert_non_null(strstr(l.out.reason, "more than 10 terms"));
	lab_close(&l);
	free(zone);
}

static void
libspf2_time_is_up_is_temperror(void **state)
{
	char *zone = make_bounds_zone();
	int64_t start_us;
	struct lab l;

	(void)state;
	lab_open(&l, zone);
	start_us = gp_clock_us();
	l.scope.deadline_us = start_us + 300000;
	assert_int_equal(ask(&l, "192.0.2.1", "slow.test"), GP_SPF_TEMPERROR);
	assert_true(gp_clock_us() - start_us < 2 * GP_US_PER_S);
	lab_close(&l);
	free(zone);
}

/* -- explanation ------------------------------------------------------- */

static void
libspf2_explanation_is_ours_and_of_the_record_that_failed(void **state)
{
	static const char zone[] =
	    "e.test TXT \"v=spf1 -all exp=t.test\"\n"
	    "t.test TXT \"%{d} does not know %{c}, %{s}\"\n"
	    "r.test TXT \"v=spf1 exp=t.test redirect=e2.test\"\n"
	    "e2.test TXT \"v=spf1 -all exp=t2.test\"\n"
	    "t2.test TXT \"by %{d} for %{o}\"\n"
	    "i.test TXT \"v=spf1 include:e.test -all\"\n"
	    "two.test TXT \"v=spf1 -all exp=many.test\"\n"
	    "many.test TXT one\nmany.test TXT two\n";
	struct lab l;

	(void)state;
	lab_open(&l, zone);
	assert_int_equal(ask(&l, "192.0.2.1", "e.test"), GP_SPF_FAIL);
	assert_string_equal(l.out.explanation,
	    "e.test does not know 192.0.2.1, user@e.test");
	assert_int_equal(ask(&l, "192.0.2.1", "r.test"), GP_SPF_FAIL);
	assert_string_equal(l.out.explanation, "by e2.test for r.test");
	assert_int_equal(ask(&l, "192.0.2.1", "i.test"), GP_SPF_FAIL);
	assert_null(l.out.explanation);
	assert_int_equal(ask(&l, "192.0.2.1", "two.test"), GP_SPF_FAIL);
	assert_null(l.out.explanation);
	assert_false(seen_macro);
	lab_close(&l);
}

/* -- what the library may not judge ------------------------------------ */

static void
libspf2_unfit_question_is_judged_by_builtin(void **state)
{
	static const char zone[] = "p.test TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
				   "h.test TXT \"v=spf1 exists:%{p2}.x.test"
				   " -all\"\n";
	struct lab l;

	(void)state;
	lab_open(&l, zone);
	assert_int_equal(ask(&l, "127.0.0.1", "p.test"), GP_SPF_FAIL);
	assert_true(by_builtin(&l));
	assert_int_equal(ask(&l, "::1", "p.test"), GP_SPF_FAIL);
	assert_true(by_builtin(&l));
	l.q.local = GP_STR("\xc3\xbc");
	assert_int_equal(ask(&l, "192.0.2.1", "p.test"), GP_SPF_PASS);
	assert_true(by_builtin(&l));
	l.q.local = GP_STR("user");
	l.q.helo = "a b";
	assert_int_equal(ask(&l, "192.0.2.1", "p.test"), GP_SPF_PASS);
	assert_true(by_builtin(&l));
	l.q.helo = "h";
	assert_int_equal(ask(&l, "192.0.2.1", "p.test"), GP_SPF_PASS);
	assert_false(by_builtin(&l));
	lab_close(&l);
}

/* The library alone says neutral here, for it drops the "-all". */
static void
libspf2_record_too_long_for_it_is_judged_by_builtin(void **state)
{
	struct gp_buf zone;
	struct lab l;

	(void)state;
	gp_buf_init(&zone, 100000);
	gp_buf_adds(&zone, "long.test TXT \"v=spf1");
	for (unsigned i = 0; i < 100; i++)
		gp_buf_addf(&zone, " ip4:203.0.113.%u", i);
	gp_buf_adds(&zone, " -all\"\n");
	lab_open(&l, gp_buf_cstr(&zone));
	assert_int_equal(ask(&l, "192.0.2.1", "long.test"), GP_SPF_FAIL);
	assert_true(by_builtin(&l));
	lab_close(&l);
	gp_buf_clear(&zone);
}

/* -- killers ----------------------------------------------------------- */

static char *
read_killers(void)
{
	FILE *f = fopen(KILLERS, "r");
	char *text = calloc(1, 100000);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, 99999, f) > 1000);
	fclose(f);
	return text;
}

/* The domains with a record, in order; false at the end. */
static bool
next_killer(const char **at, char name[64])
{
	while (**at != '\0') {
		const char *line = *at;
		const size_t n = strcspn(line, " \n");

		*at += strcspn(line, "\n") + 1;
		if (line[0] == ';' || strncmp(line, "text.", 5) == 0 || n > 63)
			continue;
		memcpy(name, line, n);
		name[n] = '\0';
		return true;
	}
	return false;
}

/* No text of a killer is among what was compiled. */
static const char *
what_reached_the_library(void)
{
	struct gp_str rest = gp_buf_str(&seen);

	if (seen_macro)
		return "an explanation";
	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');
		size_t macros = 0;

		if (memmem(line.p, line.n, "exp", 3) != NULL)
			return "exp=";
		for (size_t i = 0; i + 1 < line.n; i++)
			macros += line.p[i] == '%' && line.p[i + 1] == '{';
		if (macros > 64 || line.n > 1000)
			return "a long record";
	}
	return NULL;
}

static int
run_killer(const char *zone, const char *name)
{
	struct gp_spf_outcome builtin;
	const char *reached;
	struct lab l;

	lab_open(&l, zone);
	l.q.local = GP_STR("%{d}-a+b=c_d.e");
	(void)ask(&l, "192.0.2.1", name);
	gp_spf_builtin(&l.q, &l.scope, &builtin);
	reached = what_reached_the_library();
	if (reached != NULL)
		fprintf(stderr, "# %s: %s reached libspf2\n", name, reached);
	if (builtin.result != l.out.result)
		fprintf(stderr, "# %s: %s, builtin %s\n", name, l.out.reason,
		    builtin.reason);
	return reached != NULL || builtin.result != l.out.result;
}

/* Run in a child: 0 to 255 its exit code, 256 and more the signal. */
static int
in_child(int (*run)(const char *, const char *), const char *zone,
    const char *name)
{
	const struct rlimit no_core = { 0, 0 };
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		_exit(run(zone, name));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status)
	                           : WEXITSTATUS(status);
}

static void
libspf2_killers_never_reach_it(void **state)
{
	char *zone = read_killers();
	const char *at = zone;
	unsigned n = 0;
	char name[64];

	(void)state;
	for (; next_killer(&at, name); n++) {
		int status = in_child(run_killer, zone, name);

		if (status != 0)
			fail_msg("%s: status %d", name, status);
	}
	assert_true(n >= 10);
	free(zone);
}

/* -- the same without the front, to show what it is good for ----------- */

static struct gp_dns_scope *raw_scope;

static SPF_dns_rr_t *
raw_lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int cache)
{
	struct gp_dns_answer a;
	SPF_dns_rr_t *rr;

	(void)cache;
	if (type != ns_t_txt ||
	    gp_dns_query(raw_scope, domain, GP_DNS_TXT, &a) != GP_OK)
		return SPF_dns_rr_new_init(dns, domain, type, 0, NO_DATA);
	rr = SPF_dns_rr_new_init(dns, domain, type, 0, NETDB_SUCCESS);
	if (SPF_dns_rr_buf_realloc(rr, 0, a.rr[0].text.n + 1) != SPF_E_SUCCESS)
		return NULL;
	memcpy((char *)rr->rr[0], a.rr[0].text.p, a.rr[0].text.n + 1);
	rr->num_rr = 1;
	return rr;
}

static int
run_raw(const char *zone, const char *name)
{
	SPF_dns_server_t dns = { .lookup = raw_lookup, .name = "raw" };
	const struct in_addr client = { htonl(0xc0000201) };
	SPF_response_t *response = NULL;
	SPF_request_t *request;
	SPF_server_t *server;
	char from[100];
	struct lab l;

	lab_open(&l, zone);
	raw_scope = &l.scope;
	(void)snprintf(from, sizeof(from), "user@%s", name);
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	server = SPF_server_new_dns(&dns, 0);
	request = SPF_request_new(server);
	(void)SPF_request_set_ipv4(request, client);
	(void)SPF_request_set_helo_dom(request, "helo.test");
	(void)SPF_request_set_env_from(request, from);
	(void)SPF_request_query_mailfrom(request, &response);
	return 0;
}

static void
libspf2_alone_dies_of_some_of_them(void **state)
{
	char *zone = read_killers();
	const char *at = zone;
	unsigned deaths = 0, expected = 0;
	char name[64];

	(void)state;
	while (next_killer(&at, name)) {
		if (strncmp(name, "dies-", 5) != 0)
			continue;
		expected++;
		deaths += in_child(run_raw, zone, name) >= 256;
	}
	free(zone);
	assert_true(expected >= 3);
	if (deaths == 0)
		skip(); /* a mended library: then this shows nothing */
	assert_int_equal(deaths, expected);
}

/* What the library holds is lost then, hence a child. */
static int
run_planted(const char *zone, const char *name)
{
	struct lab l;

	lab_open(&l, zone);
	plant_error = true;
	if (ask(&l, "192.0.2.1", name) != GP_SPF_TEMPERROR ||
	    strcmp(l.out.reason, "libspf2 gave up: planted") != 0)
		return 1;
	plant_error = false;
	return ask(&l, "192.0.2.1", name) != GP_SPF_PASS;
}

static void
libspf2_finding_a_bug_in_itself_is_temperror(void **state)
{
	(void)state;
	assert_int_equal(in_child(run_planted, results_zone, "pass.test"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libspf2_each_situation_result_as_rfc7208_says),
		cmocka_unit_test(libspf2_raw_mapped_client_is_ipv4),
		cmocka_unit_test(
		    libspf2_each_bound_is_kept_over_the_whole_check),
		cmocka_unit_test(
		    libspf2_hosts_left_over_from_mx_are_no_excuse_for_terms),
		cmocka_unit_test(libspf2_time_is_up_is_temperror),
		cmocka_unit_test(
		    libspf2_explanation_is_ours_and_of_the_record_that_failed),
		cmocka_unit_test(libspf2_unfit_question_is_judged_by_builtin),
		cmocka_unit_test(
		    libspf2_record_too_long_for_it_is_judged_by_builtin),
		cmocka_unit_test(libspf2_killers_never_reach_it),
		cmocka_unit_test(libspf2_alone_dies_of_some_of_them),
		cmocka_unit_test(libspf2_finding_a_bug_in_itself_is_temperror),
	};

	return cmocka_run_group_tests_name("libspf2", tests, NULL, NULL);
}
