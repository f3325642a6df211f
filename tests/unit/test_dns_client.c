/* The resolver against one server: one that misbehaves, or nsd. */
#include "support/dns_lab.h"
#include "support/dns_nsd.h"

#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS          GP_US_PER_MS
#define THREADS_MAX 32

enum { HIT, MISS, SHARED };

static unsigned
open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(folder);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): this stream is ours */
	while (readdir(folder) != NULL)
		n++;
	(void)closedir(folder);
	return n;
}

/* -- answers ------------------------------------------------------------- */

static const struct row {
	const char *name;
	enum gp_dns_type type;
	enum gp_rc rc;
	bool nxdomain;
	unsigned n;
	uint32_t ttl_s;
	const char *why;
} rows[] = {
	{ "a.test", GP_DNS_A, GP_OK, false, 1, 300, NULL },
	{ "a.test", GP_DNS_AAAA, GP_OK, false, 1, 300, NULL },
	{ "a.test", GP_DNS_TXT, GP_OK, false, 1, 300, NULL },
	{ "a.test", GP_DNS_MX, GP_OK, false, 1, 300, NULL },
	{ "a.test", GP_DNS_PTR, GP_OK, false, 1, 300, NULL },
	{ "a.test", GP_DNS_CNAME, GP_OK, false, 1, 300, NULL },
	{ "sp ace\\and\"\x01\xff.test", GP_DNS_A, GP_OK, false, 1, 300, NULL },
	{ "nx.test", GP_DNS_A, GP_NONE, true, 0, 30, NULL },
	{ "nxbare.test", GP_DNS_A, GP_NONE, true, 0, 0, NULL },
	{ "nodata.test", GP_DNS_A, GP_NONE, false, 0, 30, NULL },
	{ "hidden.onion", GP_DNS_A, GP_NONE, true, 0, 0, NULL },
	{ "servfail.test", GP_DNS_A, GP_TEMP, false, 0, 0, "SERVFAIL" },
	{ "refused.test", GP_DNS_A, GP_TEMP, false, 0, 0, "REFUSED" },
	{ "formerr.test", GP_DNS_A, GP_TEMP, false, 0, 0, "FORMERR" },
	{ "short.test", GP_DNS_A, GP_TEMP, false, 0, 0, "malformed" },
	{ "trunc.test", GP_DNS_A, GP_OK, false, 1, 300, NULL },
	{ "trunc2.test", GP_DNS_A, GP_TEMP, false, 0, 0, "truncated" },
	{ "notcp.test", GP_DNS_A, GP_TEMP, false, 0, 0, "timeout" },
	{ "big.test", GP_DNS_TXT, GP_OK, false, 1, 300, NULL },
	{ "huge.test", GP_DNS_TXT, GP_OK, false, 12, 300, NULL },
	{ "alias.test", GP_DNS_A, GP_OK, false, 1, 300, NULL },
	{ "loop.test", GP_DNS_A, GP_TEMP, false, 0, 0, "CNAME chain too long" },
	{ "silent.test", GP_DNS_A, GP_TEMP, false, 0, 0, "timeout" },
	{ "garbage.test", GP_DNS_A, GP_TEMP, false, 0, 0, "timeout" },
	{ "wrongid.test", GP_DNS_A, GP_TEMP, false, 0, 0, "timeout" },
	{ "wrongname.test", GP_DNS_A, GP_TEMP, false, 0, 0, "timeout" },
	{ "wrongtype.test", GP_DNS_A, GP_TEMP, false, 0, 0, "timeout" },
};

static void
client_every_kind_of_reply_is_read_or_refused(void **state)
{
	struct dns_lab *f = *state;

	dns_lab_open(f, 200, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		print_message("# %s %s\n", r->name, gp_dns_type_name(r->type));
		assert_int_equal(dns_lab_ask(f, r->name, r->type), r->rc);
		assert_int_equal(f->a.nxdomain, r->nxdomain);
		assert_int_equal(f->a.n, r->n);
		assert_in_range(f->a.ttl_s, r->ttl_s == 0 ? 0 : r->ttl_s - 1,
		    r->ttl_s);
		assert_string_equal(f->a.why == NULL ? "" : f->a.why,
		    r->why == NULL ? "" : r->why);
	}
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CIRCUIT, 0), 0);
}

static void
client_silence_ends_at_the_deadline(void **state)
{
	struct dns_lab *f = *state;
	const int64_t start = gp_clock_us();

	dns_lab_open(f, 5000, 2);
	assert_int_equal(dns_lab_ask_within(f, "silent.test", GP_DNS_A,
			     60 * MS),
	    GP_TEMP);
	assert_string_equal(f->a.why, "timeout");
	assert_in_range(gp_clock_us() - start, 60 * MS, 3 * GP_US_PER_S);
}

/* Two lost datagrams cost half of the server's time, not all of it. */
static void
client_lost_datagram_is_sent_again(void **state)
{
	struct dns_lab *f = *state;
	const int64_t start = gp_clock_us();

	dns_lab_open(f, 4000, 1);
	assert_int_equal(dns_lab_ask(f, "drop1-x.test", GP_DNS_A), GP_OK);
	assert_in_range(gp_clock_us() - start, 1000 * MS, 2900 * MS);
	assert_int_equal(dns_server_asked(f->server), 2);
}

static void
client_answer_after_a_resend_still_counts(void **state)
{
	struct dns_lab *f = *state;

	dns_lab_open(f, 400, 1);
	assert_int_equal(dns_lab_ask(f, "slow250-x.test", GP_DNS_A), GP_OK);
	assert_in_range(dns_server_asked(f->server), 2, 3);
}

static void
client_waiter_leaves_and_the_answer_is_kept(void **state)
{
	struct dns_lab *f = *state;

	dns_lab_open(f, 10000, 1);
	while (dns_server_asked(f->server) == 0)
		assert_int_equal(dns_lab_ask_within(f, "slow200-x.test",
				     GP_DNS_A, 20 * MS),
		    GP_TEMP);
	dns_lab_await(f, GP_M_DNS_ANSWERS, 0, 1);
	assert_int_equal(dns_lab_ask(f, "slow200-x.test", GP_DNS_A), GP_OK);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CACHE, HIT), 1);
	assert_int_equal(dns_server_asked(f->server), 1);
}

static void
client_equal_questions_make_one_query(void **state)
{
	struct dns_lab *f = *state;
	const struct dns_asker like = { .f = f,
		.prefix = "slow300-x",
		.count = 1 };
	struct dns_asker askers[THREADS_MAX];

	dns_lab_open(f, 20000, 1);
	dns_askers_start(askers, THREADS_MAX, &like, false);
	assert_int_equal(dns_askers_join(askers, THREADS_MAX), 0);
	dns_askers_free(askers, THREADS_MAX);
	assert_int_equal(dns_server_asked(f->server), 1);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CACHE, MISS), 1);
}

static void
client_ttl_0_and_negative_minimum_0_are_asked_again(void **state)
{
	static const struct {
		const char *name;
		unsigned asked; /* in three scopes */
	} names[] = { { "ttl0.test", 3 }, { "nx0.test", 3 },
		{ "nodata0.test", 3 }, { "nxbare.test", 3 }, { "a.test", 1 },
		{ "nx.test", 1 }, { "nodata.test", 1 },
		{ "servfail.test", 3 } };
	struct dns_lab *f = *state;

	dns_lab_open(f, 5000, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const unsigned before = dns_server_asked(f->server);

		print_message("# %s\n", names[i].name);
		for (int j = 0; j < 3; j++)
			(void)dns_lab_ask(f, names[i].name, GP_DNS_A);
		assert_int_equal(dns_server_asked(f->server) - before,
		    names[i].asked);
	}
}

static void
client_server_without_edns_is_understood(void **state)
{
	struct dns_lab *f = *state;

	dns_lab_open(f, 2000, 2);
	dns_server_mode(f->server, DNS_SERVER_EDNS_FORMERR);
	assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_OK);
	assert_int_equal(dns_lab_ask(f, "big.test", GP_DNS_TXT), GP_OK);
}

static void
client_source_port_changes(void **state)
{
	struct dns_lab *f = *state;
	const struct dns_asker like = { .f = f,
		.prefix = "silent",
		.count = 1 };
	struct dns_asker asker;
	char name[32];

	dns_lab_open(f, 60000, 1);
	/* always one under way, so the library alone would keep its port */
	dns_askers_start(&asker, 1, &like, false);
	while (dns_server_asked(f->server) == 0)
		(void)sched_yield();
	assert_int_equal(dns_server_ports(f->server), 1);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "a%d.test", i);
		assert_int_equal(dns_lab_ask(f, name, GP_DNS_A), GP_OK);
	}
	assert_in_range(dns_server_ports(f->server), 3, 64);
	gp_dns_close(f->dns);
	f->dns = NULL;
	assert_int_equal(dns_askers_join(&asker, 1), 1);
	dns_askers_free(&asker, 1);
}

static void
client_descriptors_are_given_back(void **state)
{
	struct dns_lab *f = *state;
	const struct dns_asker like = { .f = f,
		.prefix = "trunc",
		.count = 20 };
	const int64_t until = gp_clock_us() + 10 * GP_US_PER_S;
	const unsigned before = open_descriptors();
	struct dns_asker askers[8];

	dns_lab_open(f, 5000, 2);
	dns_askers_start(askers, 8, &like, true);
	assert_int_equal(dns_askers_join(askers, 8), 0);
	dns_askers_free(askers, 8);
	/* idle: the wake-up alone is left */
	while (open_descriptors() > before + 1) {
		assert_true(gp_clock_us() < until);
		(void)sched_yield();
	}
	gp_dns_close(f->dns);
	f->dns = NULL;
	assert_int_equal(open_descriptors(), before);
}

/* -- life ---------------------------------------------------------------- */

static void
client_close_ends_at_once_with_questions_under_way(void **state)
{
	struct dns_lab *f = *state;
	const struct dns_asker like = { .f = f,
		.prefix = "silent",
		.count = 1 };
	struct dns_asker askers[8];
	int64_t start;

	dns_lab_open(f, 20000, 3);
	assert_int_equal(dns_lab_ask_within(f, "silent-left.test", GP_DNS_A,
			     5 * MS),
	    GP_TEMP);
	dns_askers_start(askers, 8, &like, true);
	while (dns_server_asked(f->server) < 9)
		(void)sched_yield();
	start = gp_clock_us();
	gp_dns_close(f->dns);
	f->dns = NULL;
	assert_true(gp_clock_us() - start < GP_US_PER_S);
	assert_int_equal(dns_askers_join(askers, 8), 8);
	for (unsigned i = 0; i < 8; i++)
		assert_string_equal(askers[i].a.why, "shutting down");
	dns_askers_free(askers, 8);
}

static void
client_pump_takes_no_signal(void **state)
{
	struct dns_lab *f = *state;
	sigset_t usr1, pending;

	dns_lab_open(f, 5000, 1);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	/* were it unblocked anywhere, it would end the process */
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_OK);
	assert_int_equal(sigpending(&pending), 0);
	assert_int_equal(sigismember(&pending, SIGUSR1), 1);
	(void)signal(SIGUSR1, SIG_IGN);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	(void)signal(SIGUSR1, SIG_DFL);
}

static void
client_server_texts_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} texts[] = { { "192.0.2.1", true }, { "192.0.2.1:5353", true },
		{ "2001:db8::1", true }, { "[2001:db8::1]", true },
		{ "[2001:db8::1]:5353", true }, { "192.0.2.1:0", false },
		{ "192.0.2.1:65536", false }, { "192.0.2.1:", false },
		{ "192.0.2.1:53x", false }, { "192.0.2", false },
		{ "ns.example.com", false }, { "", false }, { "[]", false },
		{ "[2001:db8::1", false }, { "[2001:db8::1]5353", false },
		{ "[2001:db8::1]:", false }, { "2001:db8::1]:53", false } };
	const char *server;
	const struct gp_resolver_policy policy = { .servers = { .v = &server,
						       .n = 1 },
		.timeout_ms = 1000,
		.tries = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct gp_err err = { "" };
		struct gp_dns *dns;

		print_message("# \"%s\"\n", texts[i].text);
		server = texts[i].text;
		assert_int_equal(gp_dns_open(&policy, NULL, &dns, &err),
		    texts[i].good ? GP_OK : GP_PERM);
		assert_int_equal(dns != NULL, texts[i].good);
		assert_int_equal(strstr(err.msg, "resolver.servers") != NULL,
		    !texts[i].good);
		gp_dns_close(dns);
	}
}

static void
client_system_servers_are_found(void **state)
{
	const struct gp_resolver_policy policy = { .timeout_ms = 1000,
		.tries = 1 };
	struct gp_err err = { "" };
	struct gp_dns *dns;

	(void)state;
	assert_int_equal(gp_dns_open(&policy, NULL, &dns, &err), GP_OK);
	gp_dns_close(dns);
}

/* -- a real one ---------------------------------------------------------- */

static const char zone[] = "$ORIGIN example.test.\n"
			   "$TTL 300\n"
			   "@ SOA ns hm 1 3600 600 86400 60\n"
			   "@ NS ns\n"
			   "ns A 127.0.0.1\n"
			   "@ TXT \"v=spf1 mx\" \" -all\"\n"
			   "@ 120 MX 10 mail\n"
			   "@ 120 MX 20 mail\\.x\n"
			   "mail A 192.0.2.1\n"
			   "mail AAAA 2001:db8::1\n"
			   "www 90 CNAME mail\n"
			   "nothing CNAME gone\n"
			   "loop1 CNAME loop2\n"
			   "loop2 CNAME loop1\n"
			   "*.wild TXT \"any\"\n"
			   "deep.ent A 192.0.2.2\n"
			   "1 PTR mail\n"
			   "zero 0 TXT \"zero\"\n";

static const struct {
	const char *name;
	enum gp_dns_type type;
	enum gp_rc rc;
	bool nxdomain;
	unsigned n;
	uint32_t ttl_s;
	const char *text;
} real_rows[] = {
	{ "example.test", GP_DNS_TXT, GP_OK, false, 1, 300, "v=spf1 mx -all" },
	{ "EXAMPLE.test", GP_DNS_MX, GP_OK, false, 2, 120, NULL },
	{ "mail.example.test", GP_DNS_A, GP_OK, false, 1, 300, NULL },
	{ "mail.example.test", GP_DNS_AAAA, GP_OK, false, 1, 300, NULL },
	{ "mail.example.test", GP_DNS_TXT, GP_NONE, false, 0, 60, NULL },
	{ "www.example.test", GP_DNS_A, GP_OK, false, 1, 90, NULL },
	{ "www.example.test", GP_DNS_TXT, GP_NONE, false, 0, 60, NULL },
	{ "www.example.test", GP_DNS_CNAME, GP_OK, false, 1, 90,
	    "mail.example.test" },
	{ "nothing.example.test", GP_DNS_A, GP_NONE, true, 0, 60, NULL },
	{ "gone.example.test", GP_DNS_A, GP_NONE, true, 0, 60, NULL },
	{ "x.wild.example.test", GP_DNS_TXT, GP_OK, false, 1, 300, "any" },
	{ "ent.example.test", GP_DNS_TXT, GP_NONE, false, 0, 60, NULL },
	{ "1.example.test", GP_DNS_PTR, GP_OK, false, 1, 300,
	    "mail.example.test" },
	{ "zero.example.test", GP_DNS_TXT, GP_OK, false, 1, 0, "zero" },
	{ "big.example.test", GP_DNS_TXT, GP_OK, false, 1, 300, NULL },
	{ "loop1.example.test", GP_DNS_A, GP_TEMP, false, 0, 0, NULL },
	{ "other.test", GP_DNS_A, GP_TEMP, false, 0, 0, NULL },
};

static void
check_real(struct dns_lab *f)
{
	for (size_t i = 0; i < sizeof(real_rows) / sizeof(real_rows[0]); i++) {
		print_message("# %s %s\n", real_rows[i].name,
		    gp_dns_type_name(real_rows[i].type));
		assert_int_equal(dns_lab_ask(f, real_rows[i].name,
				     real_rows[i].type),
		    real_rows[i].rc);
		assert_int_equal(f->a.nxdomain, real_rows[i].nxdomain);
		assert_int_equal(f->a.n, real_rows[i].n);
		assert_in_range(f->a.ttl_s,
		    real_rows[i].ttl_s == 0 ? 0 : real_rows[i].ttl_s - 1,
		    real_rows[i].ttl_s);
		if (real_rows[i].text != NULL)
			assert_string_equal(f->a.rr[0].text.p,
			    real_rows[i].text);
	}
}

static void
client_nsd_is_understood(void **state)
{
	struct dns_lab *f = *state;
	struct dns_nsd nsd;
	struct gp_buf text;
	int started;

	/* beyond what fits into a datagram */
	gp_buf_init(&text, 65536);
	gp_buf_adds(&text, zone);
	gp_buf_adds(&text, "big TXT");
	for (int i = 0; i < 16; i++)
		gp_buf_addf(&text, " \"%0250d\"", i);
	gp_buf_adds(&text, "\n");
	started = dns_nsd_start(&nsd, "example.test", gp_buf_cstr(&text));
	gp_buf_clear(&text);
	if (started == 1) {
		print_message("# SKIP nsd is not installed\n");
		skip();
	}
	assert_int_equal(started, 0);
	dns_lab_open_all(f, &nsd.port, 1, 5000, 2);
	check_real(f);
	dns_nsd_stop(&nsd);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, dns_lab_setup, dns_lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(client_every_kind_of_reply_is_read_or_refused),
		TEST(client_silence_ends_at_the_deadline),
		TEST(client_lost_datagram_is_sent_again),
		TEST(client_answer_after_a_resend_still_counts),
		TEST(client_waiter_leaves_and_the_answer_is_kept),
		TEST(client_equal_questions_make_one_query),
		TEST(client_ttl_0_and_negative_minimum_0_are_asked_again),
		TEST(client_server_without_edns_is_understood),
		TEST(client_source_port_changes),
		TEST(client_descriptors_are_given_back),
		TEST(client_close_ends_at_once_with_questions_under_way),
		TEST(client_pump_takes_no_signal),
		cmocka_unit_test(client_server_texts_are_read_strictly),
		cmocka_unit_test(client_system_servers_are_found),
		TEST(client_nsd_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
