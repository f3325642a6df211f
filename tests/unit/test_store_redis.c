/* A Redis as a store: relays share one limit exactly, whoever may log in does,
 * and what is damaged there is as if absent. */
#include "io/clock.h"
#include "io/store.h"
#include "io/store_backend.h"
#include "support/redis_lab.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#define TIMEOUT_MS 5000 /* the machine may be busy */
#define HOUR_MS    INT64_C(3600000)
#define THREADS    8
#define SHARED     1000
#define CROWD      40

static struct redis_lab lab;

static int
set_up(void **state)
{
	(void)state;
	redis_lab_open(&lab, "");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	redis_lab_close(&lab);
	return 0;
}

static int
start_empty(void **state)
{
	(void)state;
	redis_lab_tell(&lab, "FLUSHALL", "+OK");
	return 0;
}

static struct gp_charge
counter(const char *key, double capacity)
{
	return (struct gp_charge){ .key = gp_str(key),
		.rule = { .capacity = capacity, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = HOUR_MS,
		.mark_ms = HOUR_MS };
}

static enum gp_rc
try_open(const char *url, const char *file, struct gp_store_backend *out,
    struct gp_err *err)
{
	return gp_store_redis_open(url, file, TIMEOUT_MS, out, err);
}

static struct gp_store_backend
open_url(const char *url)
{
	struct gp_store_backend store;
	struct gp_err err = { "" };

	if (try_open(url, NULL, &store, &err) != GP_OK)
		fail_msg("%s: %s", url, err.msg);
	return store;
}

static enum gp_rc
apply(const struct gp_store_backend *store, enum gp_store_how how,
    const struct gp_charge *charge, struct gp_charged *out)
{
	return store->ops->apply(store->self, how, 0, charge, 1, out);
}

static enum gp_rc
charge_once(const struct gp_store_backend *store, const char *key,
    struct gp_charged *out)
{
	const struct gp_charge c = counter(key, 100);

	return apply(store, GP_STORE_CHARGE, &c, out);
}

/* What the operator is told, in `out`. */
static const char *
described(const struct gp_store_backend *store, char out[1024])
{
	struct gp_buf text;

	gp_buf_init(&text, 1023);
	store->ops->describe(store->self, &text);
	memcpy(out, gp_buf_cstr(&text), text.n + 1);
	gp_buf_clear(&text);
	return out;
}

/* -- several at once ------------------------------------------------------- */

struct sender {
	pthread_t thread;
	struct gp_store *store;
	unsigned admitted, failed;
};

static void *
send_until_full(void *arg)
{
	const struct gp_charge charges[2] = { counter("login", SHARED),
		counter("domain", 2 * SHARED) };
	struct sender *s = arg;
	struct gp_charged out[2];
	enum gp_rc rc;

	while ((rc = gp_store_charge(s->store, charges, 2, out)) == GP_OK)
		s->admitted++;
	s->failed = rc != GP_NONE;
	return NULL;
}

static struct gp_store *
open_front(void)
{
	const struct gp_store_options options = { .where = lab.url,
		.timeout_ms = TIMEOUT_MS,
		.peers = 2 };
	struct gp_store *store;

	assert_int_equal(gp_store_open(&options, &store, NULL), GP_OK);
	return store;
}

static void
store_redis_two_relays_share_one_limit_exactly(void **state)
{
	struct gp_store *relay[2] = { open_front(), open_front() };
	struct sender senders[2 * THREADS] = { 0 };
	unsigned admitted = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(senders); i++) {
		senders[i].store = relay[i % 2];
		assert_int_equal(pthread_create(&senders[i].thread, NULL,
				     send_until_full, &senders[i]),
		    0);
	}
	for (size_t i = 0; i < ROWS(senders); i++) {
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
		admitted += senders[i].admitted;
		assert_int_equal(senders[i].failed, 0);
	}
	assert_int_equal(admitted, SHARED);
	gp_store_unref(relay[0]);
	gp_store_unref(relay[1]);
}

struct guest {
	pthread_t thread;
	const struct gp_store_backend *store;
	unsigned failed;
};

static void *
charge_some(void *arg)
{
	struct guest *g = arg;
	struct gp_charged out;

	for (int i = 0; i < 25; i++)
		g->failed += charge_once(g->store, "crowd", &out) == GP_TEMP;
	return NULL;
}

/* The server takes 16 connections, and the one that says so. */
static void
store_redis_many_threads_share_few_connections(void **state)
{
	struct gp_store_backend store = open_url(lab.url);
	struct guest guests[CROWD] = { 0 };

	(void)state;
	redis_lab_tell(&lab, "CONFIG SET maxclients 17", "+OK");
	for (size_t i = 0; i < CROWD; i++) {
		guests[i].store = &store;
		assert_int_equal(pthread_create(&guests[i].thread, NULL,
				     charge_some, &guests[i]),
		    0);
	}
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(pthread_join(guests[i].thread, NULL), 0);
		assert_int_equal(guests[i].failed, 0);
	}
	redis_lab_tell(&lab, "CONFIG SET maxclients 1000", "+OK");
	store.ops->close(store.self);
}

static void
store_redis_longest_call_is_one_call(void **state)
{
	struct gp_store_backend store = open_url(lab.url);
	struct gp_charge *charges = calloc(GP_CHARGES_MAX, sizeof(*charges));
	struct gp_charged *out = calloc(GP_CHARGES_MAX, sizeof(*out));
	char(*names)[GP_CHARGE_KEY_MAX + 1] =
	    calloc(GP_CHARGES_MAX, sizeof(*names));
	int64_t start_us;

	(void)state;
	assert_true(charges != NULL && out != NULL && names != NULL);
	for (size_t i = 0; i < GP_CHARGES_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%0*zu",
		    GP_CHARGE_KEY_MAX, i);
		charges[i] = counter(names[i], 1);
		charges[i].mark = charges[i].key;
	}
	start_us = gp_clock_us();
	assert_int_equal(store.ops->apply(store.self, GP_STORE_CHARGE, 0,
			     charges, GP_CHARGES_MAX, out),
	    GP_OK);
	print_message("# %d charges with marks: %lld ms\n", GP_CHARGES_MAX,
	    (long long)(gp_clock_us() - start_us) / 1000);
	for (size_t i = 0; i < GP_CHARGES_MAX; i++)
		charges[i].mark.n = 0;
	assert_int_equal(store.ops->apply(store.self, GP_STORE_CHARGE, 0,
			     charges, GP_CHARGES_MAX, out),
	    GP_NONE);
	assert_true(!out[0].fits && out[0].level == 1);
	assert_true(!out[GP_CHARGES_MAX - 1].fits);
	free(names);
	free(out);
	free(charges);
	store.ops->close(store.self);
}

/* It goes by the server's clock. */
static void
store_redis_promised_wait_is_kept(void **state)
{
	struct gp_store_backend store = open_url(lab.url);
	struct gp_charge c = counter("a", 1);
	const int64_t start_us = gp_clock_us();
	int64_t promised_ms, waited_ms;
	struct gp_charged out;

	(void)state;
	c.rule.rate = 4;
	assert_int_equal(apply(&store, GP_STORE_CHARGE, &c, &out), GP_OK);
	assert_int_equal(apply(&store, GP_STORE_CHARGE, &c, &out), GP_NONE);
	promised_ms = out.wait_ms;
	assert_true(promised_ms > 0 && promised_ms <= 250);
	do {
		waited_ms = (gp_clock_us() - start_us) / 1000;
		assert_true(waited_ms < TIMEOUT_MS);
	} while (apply(&store, GP_STORE_CHARGE, &c, &out) == GP_NONE);
	waited_ms = (gp_clock_us() - start_us) / 1000;
	print_message("# promised %lld ms, waited %lld ms\n",
	    (long long)promised_ms, (long long)waited_ms);
	/* two clocks, each in whole milliseconds */
	assert_true(waited_ms >= 250 - 2);
	store.ops->close(store.self);
}

/* -- values ---------------------------------------------------------------- */

static void
store_redis_damaged_meter_is_absent(void **state)
{
	static const char *const rows[] = {
		"SET {gatepost}:m:a garbage",
		"SET {gatepost}:m:a \"m2 5 1 9007199254740000\"",
		"SET {gatepost}:m:a \"m1 5 1\"",
		"SET {gatepost}:m:a \"m1 nan 1 9007199254740000\"",
		"SET {gatepost}:m:a \"m1 inf 1 9007199254740000\"",
		"SET {gatepost}:m:a \"m1 -5 1 9007199254740000\"",
		"SET {gatepost}:m:a \"m1 1e300 1 9007199254740000\"",
		"SET {gatepost}:m:a \"m1 5 x 9007199254740000\"",
		"SET {gatepost}:m:a \"m1 5 1 99999999999999999999\"",
		"SET {gatepost}:m:a \"m1 5 1 9007199254740000 \"",
		"SET {gatepost}:m:a \"m1 5 1 1000\"",
		"LPUSH {gatepost}:m:a 5",
		"SET {gatepost}:m:a \"\"",
	};
	struct gp_store_backend store = open_url(lab.url);
	struct gp_charged out;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i]);
		redis_lab_tell(&lab, rows[i], rows[i][0] == 'S' ? "+OK" : ":1");
		assert_int_equal(charge_once(&store, "a", &out), GP_OK);
		assert_true(out.fits && out.level == 1);
		redis_lab_tell(&lab, "DEL {gatepost}:m:a", ":1");
	}
	/* and what is not damaged counts, also when the clock was ahead */
	redis_lab_tell(&lab,
	    "SET {gatepost}:m:a \"m1 5.5 9007199254740000 9007199254740000\"",
	    "+OK");
	assert_int_equal(charge_once(&store, "a", &out), GP_OK);
	assert_true(out.level == 6.5);
	store.ops->close(store.self);
}

static void
store_redis_damaged_mark_or_note_is_absent(void **state)
{
	struct gp_store_backend store = open_url(lab.url);
	struct gp_arena *arena = gp_arena_new();
	struct gp_charge c = counter("a", 100);
	struct gp_charged out;
	struct gp_str value;

	(void)state;
	c.mark = GP_STR("seen");
	redis_lab_tell(&lab, "SET {gatepost}:k:seen k1", "+OK");
	assert_int_equal(apply(&store, GP_STORE_CHARGE, &c, &out), GP_OK);
	assert_true(!out.free && out.level == 1);
	assert_int_equal(apply(&store, GP_STORE_CHARGE, &c, &out), GP_OK);
	assert_true(out.free && out.level == 1);
	redis_lab_tell(&lab, "SET {gatepost}:n:note n1", "+OK");
	assert_int_equal(store.ops->get(store.self, 0, GP_STR("note"), arena,
			     &value),
	    GP_NONE);
	gp_arena_free(arena);
	store.ops->close(store.self);
}

static void
assert_kept(const char *command)
{
	char answer[64];
	long long ms;

	redis_lab_say(&lab, command, answer, sizeof(answer));
	ms = strtoll(answer + 1, NULL, 10);
	print_message("# %s: %s\n", command, answer);
	assert_true(answer[0] == ':' && ms > HOUR_MS / 2 && ms <= HOUR_MS);
}

static void
store_redis_server_forgets_what_is_old(void **state)
{
	struct gp_store_backend store = open_url(lab.url);
	struct gp_charge c = counter("a", 100);
	struct gp_charged out;

	(void)state;
	c.mark = GP_STR("seen");
	assert_int_equal(apply(&store, GP_STORE_CHARGE, &c, &out), GP_OK);
	assert_int_equal(store.ops->put(store.self, 0, GP_STR("note"),
			     GP_STR("text"), HOUR_MS),
	    GP_OK);
	assert_kept("PTTL {gatepost}:m:a");
	assert_kept("PTTL {gatepost}:k:seen");
	assert_kept("PTTL {gatepost}:n:note");
	redis_lab_tell(&lab, "DBSIZE", ":3");
	store.ops->close(store.self);
}

/* -- login ----------------------------------------------------------------- */

static void
write_secret(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

struct login_row {
	const char *label;
	const char *login; /* before "127.0.0.1" */
	const char *file;  /* what is in the password file; NULL: none */
	enum gp_rc rc;     /* of a charge */
	const char *trouble;
};

static void
try_login(const struct login_row *row)
{
	struct gp_store_backend store;
	struct gp_err err = { "" };
	struct gp_charged out;
	char url[256], path[128], text[1024];

	(void)snprintf(url, sizeof(url), "redis://%s127.0.0.1:%u/2", row->login,
	    lab.port);
	(void)snprintf(path, sizeof(path), "%s/secret", lab.folder);
	if (row->file != NULL)
		write_secret(path, row->file, 0640);
	if (try_open(url, row->file == NULL ? NULL : path, &store, &err) !=
	    GP_OK)
		fail_msg("%s: %s", row->label, err.msg);
	print_message("# %s\n", row->label);
	assert_int_equal(charge_once(&store, row->label, &out), row->rc);
	assert_non_null(strstr(described(&store, text), row->trouble));
	assert_null(strstr(text, "geheim"));
	assert_int_equal(store.ops->walk(store.self, 0, GP_STR("x"), 1, NULL,
			     NULL),
	    row->rc);
	store.ops->close(store.self);
}

static void
store_redis_login_is_as_the_operator_says(void **state)
{
	static const struct login_row rows[] = {
		{ "default", ":geheim-1@", NULL, GP_OK, "" },
		{ "user", "gate:geheim%3A2@", NULL, GP_OK, "gate@127.0.0.1" },
		{ "file", "", "geheim-1\n", GP_OK, "" },
		{ "user-file", "gate@", "geheim:2", GP_OK, "" },
		{ "file-over-url", "gate:geheim-x@", "geheim:2", GP_OK, "" },
		{ "none", "", NULL, GP_TEMP, "NOAUTH" },
		{ "wrong", ":geheim-3@", NULL, GP_TEMP, "login (WRONGPASS)" },
		{ "wrong-user", "gote:geheim-1@", NULL, GP_TEMP, "WRONGPASS" },
	};

	(void)state;
	/* what the manual says that it may do */
	redis_lab_tell(&lab,
	    "ACL SETUSER gate on >geheim:2 ~{gatepost}* +evalsha +script|load "
	    "+time +get +set +del +scan +select +info",
	    "+OK");
	redis_lab_tell(&lab,
	    "ACL SETUSER default >geheim-1 resetpass >geheim-1", "+OK");
	for (size_t i = 0; i < ROWS(rows); i++)
		try_login(&rows[i]);
	/* the lab itself does not log in: start afresh */
	redis_lab_kill(&lab);
	redis_lab_resume(&lab);
}

/* A server that does not know a command tells its arguments. */
static void
store_redis_unknown_auth_shows_no_password(void **state)
{
	struct redis_lab other;
	struct gp_store_backend store;
	struct gp_charged out;
	char url[128], text[1024];

	(void)state;
	redis_lab_open(&other, "rename-command AUTH OTHER");
	(void)snprintf(url, sizeof(url), "redis://gate:geheim@127.0.0.1:%u",
	    other.port);
	store = open_url(url);
	assert_int_equal(charge_once(&store, "a", &out), GP_TEMP);
	assert_non_null(strstr(described(&store, text), "login (ERR)"));
	assert_null(strstr(text, "geheim"));
	store.ops->close(store.self);
	redis_lab_close(&other);
}

static void
store_redis_unfit_password_is_refused(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *want;
	} rows[] = {
		{ "geheim\n", 0644, "chmod 0640 " },
		{ "geheim\n", 0602, "chmod 0640 " },
		{ "", 0600, "no password is in it" },
		{ "\n", 0600, "no password is in it" },
		{ "geheim\ngeheim\n", 0600, "not a password on one line" },
		{ "geheim\r\n", 0600, "not a password on one line" },
	};
	struct gp_store_backend store;
	char path[128];
	struct gp_err err;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/secret", lab.folder);
	for (size_t i = 0; i < ROWS(rows); i++) {
		write_secret(path, rows[i].text, rows[i].mode);
		assert_int_equal(try_open(lab.url, path, &store, &err),
		    GP_PERM);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, rows[i].want));
		assert_null(strstr(err.msg, "geheim"));
		assert_null(store.self);
	}
	assert_int_equal(try_open(lab.url, "/nonexistent", &store, &err),
	    GP_PERM);
	assert_int_equal(try_open(lab.url, lab.folder, &store, &err), GP_PERM);
	assert_int_equal(try_open("redis://u@h", NULL, &store, &err), GP_PERM);
	assert_int_equal(try_open("redis://h:x", NULL, &store, &err), GP_PERM);
}

static void
store_redis_socket_and_database_are_chosen(void **state)
{
	struct gp_store_backend store;
	struct gp_charged out;
	char url[160];

	(void)state;
	(void)snprintf(url, sizeof(url), "redis+unix://%s?db=3", lab.socket);
	store = open_url(url);
	assert_int_equal(charge_once(&store, "a", &out), GP_OK);
	redis_lab_tell(&lab, "DBSIZE", ":0");
	redis_lab_tell(&lab, "SWAPDB 0 3", "+OK");
	redis_lab_tell(&lab, "EXISTS {gatepost}:m:a", ":1");
	store.ops->close(store.self);
	(void)snprintf(url, sizeof(url), "redis+unix://%s?db=1000", lab.socket);
	store = open_url(url);
	assert_int_equal(charge_once(&store, "a", &out), GP_TEMP);
	store.ops->close(store.self);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_empty)
	static const struct CMUnitTest tests[] = {
		TEST(store_redis_two_relays_share_one_limit_exactly),
		TEST(store_redis_many_threads_share_few_connections),
		TEST(store_redis_longest_call_is_one_call),
		TEST(store_redis_promised_wait_is_kept),
		TEST(store_redis_damaged_meter_is_absent),
		TEST(store_redis_damaged_mark_or_note_is_absent),
		TEST(store_redis_server_forgets_what_is_old),
		TEST(store_redis_login_is_as_the_operator_says),
		TEST(store_redis_unknown_auth_shows_no_password),
		TEST(store_redis_unfit_password_is_refused),
		TEST(store_redis_socket_and_database_are_chosen),
	};

	if (!redis_lab_is_installed()) {
		(void)puts("1..0 # SKIP redis-server is not installed");
		return 0;
	}
	return cmocka_run_group_tests_name("store_redis", tests, set_up,
	    tear_down);
}
