/* Who may write mail From: a domain, and what he hears who may not. */
#include "core/senders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char not_in_auth[] = "login not listed in senders.auth";
static const char not_in_clients[] = "client not listed in senders.clients";
static const char not_own[] = "login may use its own address only";

/* -- logins ------------------------------------------------------------ */

static void
login_table_is_normalised(void **state)
{
	static const struct {
		const char *login, *normalised;
	} rows[] = {
		{ "alice", "alice" },
		{ "ALICE", "alice" },
		{ "Alice@Example.COM", "alice@example.com" },
		{ "alice+tag@example.com", "alice@example.com" },
		{ "alice+a+b@example.com", "alice@example.com" },
		{ "alice+tag", "alice" },
		{ "alice+", "alice" },
		{ "+49301234@example.com", "+49301234@example.com" },
		{ "+4930+tag@example.com", "+4930@example.com" },
		{ "+", "+" },
		{ "alice@a+b", "alice@a+b" },
		{ "a+b@c@example.com", "a@example.com" },
		{ "a@b+c@example.com", "a@b@example.com" },
		{ "@example.com", "@example.com" },
		{ "alice@", "alice@" },
		{ "@", "@" },
		{ "J\xc3\x96RG", "j\xc3\x96rg" },
		{ "", "" },
		{ NULL, "" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = gp_login_normalize(rows[i].login, arena);

		if (strcmp(got, rows[i].normalised) != 0)
			fail_msg("%s: %s", rows[i].login, got);
		assert_string_equal(gp_login_normalize(got, arena), got);
	}
	gp_arena_free(arena);
}

/* -- who may ----------------------------------------------------------- */

static struct gp_ip
ip(const char *text)
{
	struct gp_ip out = { .family = GP_IP_UNKNOWN };

	if (text != NULL)
		assert_int_equal(gp_ip_parse(gp_str(text), &out), GP_OK);
	return out;
}

/* Up to three entries of each list; NULL ends one. */
struct row {
	const char *label;
	const char *auth[3];
	const char *clients[2];
	struct gp_alias aliases[3];
	const char *login, *client;
	const char *local, *domain; /* "alice", "example.com" when NULL */
	const char *why;            /* NULL: he may */
	bool absent, own;
};

static bool
allow(const struct row *row, struct gp_arena *arena, const char **why)
{
	struct gp_senders_policy policy = { .given = !row->absent,
		.own_address = row->own,
		.auth.v = row->auth,
		.aliases.v = row->aliases };
	struct gp_sender_facts facts = { .login = row->login,
		.client = ip(row->client) };
	struct gp_mailbox address = {
		.local = gp_str(row->local == NULL ? "alice" : row->local),
		.domain = row->domain == NULL ? "example.com" : row->domain,
	};
	struct gp_prefix prefixes[COUNT(row->clients)];

	while (policy.auth.n < COUNT(row->auth) &&
	       row->auth[policy.auth.n] != NULL)
		policy.auth.n++;
	while (policy.aliases.n < COUNT(row->aliases) &&
	       row->aliases[policy.aliases.n].login != NULL)
		policy.aliases.n++;
	for (size_t i = 0; i < COUNT(prefixes) && row->clients[i] != NULL; i++)
		assert_int_equal(gp_prefix_parse(gp_str(row->clients[i]),
				     &prefixes[policy.clients.n++], NULL),
		    GP_OK);
	policy.clients.v = prefixes;
	return gp_senders_allow(&policy, &facts, &address, arena, why);
}

static void
check_rows(const struct row *rows, size_t n)
{
	struct gp_arena *arena = gp_arena_new();

	for (size_t i = 0; i < n; i++) {
		const char *want = rows[i].why;
		const char *why = "untouched";
		bool may = allow(&rows[i], arena, &why);

		if (may != (want == NULL) || (why == NULL) != may ||
		    (!may && strcmp(why, want) != 0))
			fail_msg("%s: %s", rows[i].label,
			    why == NULL ? "allowed" : why);
	}
	gp_arena_free(arena);
}

static void
senders_listed_table_is_judged(void **state)
{
	static const struct row rows[] = {
		{ .label = "no section, nobody", .absent = true },
		{ .label = "no section, anybody",
		    .absent = true,
		    .login = "eve",
		    .client = "192.0.2.1" },
		{ .label = "empty section, login",
		    .login = "alice",
		    .client = "192.0.2.1",
		    .why = not_in_auth },
		{ .label = "empty section, client",
		    .client = "192.0.2.1",
		    .why = not_in_clients },
		{ .label = "login listed",
		    .auth = { "bob", "alice" },
		    .login = "alice" },
		{ .label = "login listed, other case",
		    .auth = { "AliCe@Example.com" },
		    .login = "aLIce@exAMPLE.COM" },
		{ .label = "login listed, with tag",
		    .auth = { "alice@example.com" },
		    .login = "alice+x@example.com" },
		{ .label = "login listed with tag",
		    .auth = { "alice+x@example.com" },
		    .login = "alice@example.com" },
		{ .label = "login listed, other spelling of the domain",
		    .auth = { "a@m\xc3\xbcnchen.example" },
		    .login = "a@xn--mnchen-3ya.example" },
		{ .label = "login not listed",
		    .auth = { "bob", "alice2", "alic" },
		    .login = "alice",
		    .why = not_in_auth },
		{ .label = "login of another domain",
		    .auth = { "alice@example.com" },
		    .login = "alice@example.org",
		    .why = not_in_auth },
		{ .label = "login with a domain is not the one without",
		    .auth = { "alice" },
		    .login = "alice@example.com",
		    .why = not_in_auth },
		{ .label = "login without a domain is not the one with",
		    .auth = { "alice@example.com" },
		    .login = "alice",
		    .why = not_in_auth },
		{ .label = "login without a domain is not the one with none",
		    .auth = { "alice@" },
		    .login = "alice",
		    .why = not_in_auth },
		{ .label = "any login", .auth = { "*" }, .login = "eve" },
		{ .label = "any login, with domain",
		    .auth = { "*" },
		    .login = "eve@evil.example" },
		{ .label = "any login is no client",
		    .auth = { "*" },
		    .client = "192.0.2.1",
		    .why = not_in_clients },
		{ .label = "any login is not the empty one",
		    .auth = { "*" },
		    .login = "",
		    .client = "192.0.2.1",
		    .why = not_in_clients },
		{ .label = "any of a domain",
		    .auth = { "x", "*@Example.COM" },
		    .login = "eve@EXAMPLE.com" },
		{ .label = "any of a domain, nothing before it",
		    .auth = { "*@example.com" },
		    .login = "@example.com" },
		{ .label = "any of a domain in U-labels",
		    .auth = { "*@m\xc3\xbcnchen.example" },
		    .login = "eve@XN--mnchen-3ya.example" },
		{ .label = "any of a realm that is no domain",
		    .auth = { "*@My_Realm!" },
		    .login = "eve@my_realm!" },
		{ .label = "any of a domain, other domain",
		    .auth = { "*@example.com" },
		    .login = "eve@example.org",
		    .why = not_in_auth },
		{ .label = "any of a domain, domain below",
		    .auth = { "*@example.com" },
		    .login = "eve@sub.example.com",
		    .why = not_in_auth },
		{ .label = "any of a domain, domain that ends so",
		    .auth = { "*@example.com" },
		    .login = "eve@badexample.com",
		    .why = not_in_auth },
		{ .label = "any of a domain, domain in the local part",
		    .auth = { "*@example.com" },
		    .login = "eve@example.com@evil.example",
		    .why = not_in_auth },
		{ .label = "any of a domain, login without one",
		    .auth = { "*@example.com" },
		    .login = "example.com",
		    .why = not_in_auth },
		{ .label = "any of a domain, nobody",
		    .auth = { "*@example.com" },
		    .client = "192.0.2.1",
		    .why = not_in_clients },
		{ .label = "a star in a word is a star",
		    .auth = { "a*", "*e", "al*@example.com" },
		    .login = "alice",
		    .why = not_in_auth },
		{ .label = "client listed",
		    .clients = { "192.0.2.1" },
		    .client = "192.0.2.1" },
		{ .label = "client in a network",
		    .clients = { "2001:db8::/32", "10.20.0.0/16" },
		    .client = "10.20.7.10" },
		{ .label = "client in a network, IPv6",
		    .clients = { "2001:db8::/32", "10.20.0.0/16" },
		    .client = "2001:db8::7" },
		{ .label = "mapped client",
		    .clients = { "10.20.0.0/16" },
		    .client = "::ffff:10.20.7.10" },
		{ .label = "client not listed",
		    .clients = { "10.20.0.0/16" },
		    .client = "10.21.7.10",
		    .why = not_in_clients },
		{ .label = "client without an address",
		    .clients = { "0.0.0.0/0", "::/0" },
		    .why = not_in_clients },
		{ .label = "login not listed, client listed",
		    .auth = { "bob" },
		    .clients = { "10.20.0.0/16" },
		    .login = "alice",
		    .client = "10.20.7.10" },
		{ .label = "login listed, client not",
		    .auth = { "alice" },
		    .clients = { "10.20.0.0/16" },
		    .login = "alice",
		    .client = "192.0.2.1" },
		{ .label = "neither",
		    .auth = { "bob" },
		    .clients = { "10.20.0.0/16" },
		    .login = "alice",
		    .client = "192.0.2.1",
		    .why = not_in_auth },
		{ .label = "aliases without own-address mean nothing",
		    .auth = { "bob" },
		    .aliases = { { "alice", "alice@example.com" } },
		    .login = "alice",
		    .why = not_in_auth },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void
senders_own_address_table_is_judged(void **state)
{
	static const struct row rows[] = {
		{ .label = "own address",
		    .own = true,
		    .login = "alice@example.com" },
		{ .label = "own address, other case",
		    .own = true,
		    .login = "ALICE@Example.com",
		    .local = "aLiCe" },
		{ .label = "own address, tag in the address",
		    .own = true,
		    .login = "alice@example.com",
		    .local = "alice+x" },
		{ .label = "own address, tag in the login",
		    .own = true,
		    .login = "alice+x@example.com" },
		{ .label = "own address, different tags",
		    .own = true,
		    .login = "alice+x@example.com",
		    .local = "alice+y" },
		{ .label = "own address, telephone number",
		    .own = true,
		    .login = "+4930@example.com",
		    .local = "+4930" },
		{ .label = "other telephone number",
		    .own = true,
		    .login = "+4930@example.com",
		    .local = "+4931",
		    .why = not_own },
		{ .label = "own address, domain in U-labels",
		    .own = true,
		    .login = "alice@m\xc3\xbcnchen.example",
		    .domain = "xn--mnchen-3ya.example" },
		{ .label = "own address, at sign in the local part",
		    .own = true,
		    .login = "a@b@example.com",
		    .local = "a@b" },
		{ .label = "other local part",
		    .own = true,
		    .login = "eve@example.com",
		    .why = not_own },
		{ .label = "local part that begins so",
		    .own = true,
		    .login = "ali@example.com",
		    .why = not_own },
		{ .label = "tag alone",
		    .own = true,
		    .login = "alice@example.com",
		    .local = "+alice",
		    .why = not_own },
		{ .label = "login as a tag",
		    .own = true,
		    .login = "alice@example.com",
		    .local = "ceo+alice",
		    .why = not_own },
		{ .label = "other domain",
		    .own = true,
		    .login = "alice@example.org",
		    .why = not_own },
		{ .label = "domain below",
		    .own = true,
		    .login = "alice@example.com",
		    .domain = "sub.example.com",
		    .why = not_own },
		{ .label = "quoted address as a local part",
		    .own = true,
		    .login = "alice@example.com",
		    .local = "alice@example.com",
		    .domain = "evil.example",
		    .why = not_own },
		{ .label = "login without a domain",
		    .own = true,
		    .login = "alice",
		    .why = not_own },
		{ .label = "login without a domain, empty one",
		    .own = true,
		    .login = "alice",
		    .domain = "",
		    .why = not_own },
		{ .label = "own address, but login not listed",
		    .own = true,
		    .auth = { "bob@example.com" },
		    .login = "alice@example.com",
		    .why = not_in_auth },
		{ .label = "own address, login listed",
		    .own = true,
		    .auth = { "*@example.com" },
		    .login = "alice@example.com" },
		{ .label = "login listed, address of another",
		    .own = true,
		    .auth = { "*" },
		    .login = "eve@example.com",
		    .why = not_own },
		{ .label = "neither listed nor own",
		    .own = true,
		    .auth = { "bob@example.com" },
		    .login = "eve@example.com",
		    .why = not_in_auth },
		{ .label = "login from a listed client, own address",
		    .own = true,
		    .auth = { "bob@example.com" },
		    .clients = { "10.20.0.0/16" },
		    .client = "10.20.7.10",
		    .login = "alice@example.com" },
		{ .label = "login from a listed client, address of another",
		    .own = true,
		    .clients = { "10.20.0.0/16" },
		    .client = "10.20.7.10",
		    .login = "eve@example.com",
		    .why = not_own },
		{ .label = "listed client without login",
		    .own = true,
		    .clients = { "10.20.0.0/16" },
		    .client = "10.20.7.10" },
		{ .label = "listed client with empty login",
		    .own = true,
		    .clients = { "10.20.0.0/16" },
		    .client = "10.20.7.10",
		    .login = "" },
		{ .label = "other client without login",
		    .own = true,
		    .clients = { "10.20.0.0/16" },
		    .client = "192.0.2.1",
		    .why = not_in_clients },
		{ .label = "client without login, no list",
		    .own = true,
		    .client = "192.0.2.1",
		    .why = not_in_clients },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void
senders_alias_table_is_judged(void **state)
{
#define ALIASES                                                                \
	{                                                                      \
		{ "Bob@example.com", "News@example.com" },                     \
		    { "alice", "alice@example.com" },                          \
		    { "alice", "sales+eu@example.com" },                       \
	}
	static const struct row rows[] = {
		{ .label = "alias of a login without domain",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "Alice" },
		{ .label = "alias, tag in the login",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice+x" },
		{ .label = "alias, tag in the address",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice",
		    .local = "alice+x" },
		{ .label = "alias with a tag",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice",
		    .local = "sales+EU" },
		{ .label = "alias with another tag",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice",
		    .local = "sales+us",
		    .why = not_own },
		{ .label = "alias with a tag, without",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice",
		    .local = "sales",
		    .why = not_own },
		{ .label = "first alias, other case",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "BOB@example.com",
		    .local = "news" },
		{ .label = "own address beside the alias",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "bob@example.com",
		    .local = "bob" },
		{ .label = "alias of a login written with a tag",
		    .own = true,
		    .aliases = { { "Alice+z", "news@example.com" } },
		    .login = "alice",
		    .local = "news" },
		{ .label = "alias of another",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice",
		    .local = "news",
		    .why = not_own },
		{ .label = "alias of that name in another realm",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "bob",
		    .local = "news",
		    .why = not_own },
		{ .label = "alias in another domain",
		    .own = true,
		    .aliases = ALIASES,
		    .login = "alice",
		    .domain = "example.org",
		    .why = not_own },
		{ .label = "alias, login not listed",
		    .own = true,
		    .auth = { "bob@example.com" },
		    .aliases = ALIASES,
		    .login = "alice",
		    .why = not_in_auth },
		{ .label = "alias, login listed",
		    .own = true,
		    .auth = { "alice" },
		    .aliases = ALIASES,
		    .login = "alice" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* Every combination; the sentence of senders.h written in another way. */
static void
senders_truth_table_is_complete(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		bool given = i & 1, own = i & 2, has_auth = i & 4;
		bool login = i & 8, in_auth = i & 16;
		bool in_clients = i & 32, address_is_own = i & 64;
		struct row row = { .absent = !given,
			.own = own,
			.auth = { !has_auth ? NULL
				  : in_auth ? "*"
					    : "other" },
			.clients = { "192.0.2.0/24" },
			.client = in_clients ? "192.0.2.1" : "198.51.100.1",
			.login = login ? "alice@example.com" : NULL,
			.local = address_is_own ? "alice" : "bob" };
		bool listed = in_clients || (login && has_auth && in_auth);
		bool want = listed;
		const char *why = NULL;

		if (own && login)
			want = address_is_own && (listed || !has_auth);
		if (!given)
			want = true;
		if (allow(&row, arena, &why) != want)
			fail_msg("case %u: %s", i, why == NULL ? "may" : why);
	}
	gp_arena_free(arena);
}

/* -- what he hears ----------------------------------------------------- */

static struct gp_verdict
refuse(enum gp_senders_else otherwise, bool bounce, const char *why,
    struct gp_arena *arena)
{
	static const char *const auth[] = { "secret-login" };
	struct gp_senders_policy policy = { .given = true,
		.auth = { 1, auth },
		.otherwise = otherwise };
	struct gp_sender_facts facts = { .login = "eve\r\n250 ok",
		.bounce = bounce };

	return gp_senders_refuse(&policy, &facts, "example.com", why, arena);
}

static void
refuse_each_word_has_its_code(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_verdict v = refuse(GP_ELSE_REJECT, false, not_in_auth, arena);

	(void)state;
	assert_int_equal(v.action, GP_REJECT);
	assert_int_equal(v.code, 550);
	assert_string_equal(v.xcode, "5.7.1");
	assert_string_equal(v.why, "senders.else");
	assert_int_equal(v.disposition, GP_DO_REJECT);

	v = refuse(GP_ELSE_TEMPFAIL, false, not_in_auth, arena);
	assert_int_equal(v.action, GP_TEMPFAIL);
	assert_int_equal(v.code, 451);
	assert_string_equal(v.xcode, "4.7.1");
	assert_string_equal(v.why, "senders.else");
	assert_int_equal(v.disposition, GP_DO_TEMPFAIL);

	v = refuse(GP_ELSE_UNSIGNED, false, not_in_auth, arena);
	assert_int_equal(v.action, GP_CONTINUE);
	assert_int_equal(v.disposition, GP_DO_TAG);
	assert_string_equal(v.why, "senders.else");
	gp_arena_free(arena);
}

static void
refuse_bounces_are_never_lost(void **state)
{
	static const enum gp_senders_else words[] = { GP_ELSE_REJECT,
		GP_ELSE_TEMPFAIL, GP_ELSE_UNSIGNED };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct gp_verdict v =
		    refuse(words[i], true, not_in_clients, arena);

		assert_int_equal(v.action, GP_CONTINUE);
		assert_int_equal(v.disposition, GP_DO_TAG);
	}
	gp_arena_free(arena);
}

static void
refuse_texts_say_what_to_do(void **state)
{
	static const struct {
		const char *why, *text;
	} rows[] = {
		{ not_in_auth,
		    "mail From: example.com may not be sent with this login; "
		    "use one that may, or another From address" },
		{ not_in_clients,
		    "mail From: example.com may not be sent by this client "
		    "without a login; log in, or use another From address" },
		{ not_own,
		    "mail From: example.com may be sent with this login from "
		    "its own address only; correct the From address" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_verdict v =
		    refuse(GP_ELSE_REJECT, false, rows[i].why, arena);
		struct gp_verdict later =
		    refuse(GP_ELSE_TEMPFAIL, false, rows[i].why, arena);

		assert_string_equal(v.text, rows[i].text);
		assert_string_equal(later.text, rows[i].text);
		assert_null(strstr(v.text, "eve"));
		assert_null(strstr(v.text, "secret-login"));
	}
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_table_is_normalised),
		cmocka_unit_test(senders_listed_table_is_judged),
		cmocka_unit_test(senders_own_address_table_is_judged),
		cmocka_unit_test(senders_alias_table_is_judged),
		cmocka_unit_test(senders_truth_table_is_complete),
		cmocka_unit_test(refuse_each_word_has_its_code),
		cmocka_unit_test(refuse_bounces_are_never_lost),
		cmocka_unit_test(refuse_texts_say_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
