/* core/import: what becomes of another filter's configuration. */
#include "core/import_parts.h"
#include "io/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD_LINES 2
#define TABLES     4

/* -- one import ---------------------------------------------------------- */

struct given {
	const char *label;
	const char *program;
	const char *conf;
	const char *tables[TABLES]; /* by the names /1, /2 ... */
	const char *unit;           /* of systemd; NULL: none */
	const char *policy;         /* what is to be written, without the
	                             * comment on top */
	const char *decisions;      /* "SUBJECT: WHAT" lines */
};

static enum gp_rc
read_given(void *arg, const char *path, struct gp_str *text, struct gp_err *err)
{
	const struct given *g = arg;
	size_t n = (size_t)(path[1] - '1');

	if (strcmp(path, "conf") == 0)
		*text = gp_str(g->conf);
	else if (path[0] == '/' && n < TABLES && g->tables[n] != NULL)
		*text = gp_str(g->tables[n]);
	else
		return gp_fail(err, GP_NONE, "there is no such file");
	return GP_OK;
}

static enum gp_rc
map(struct gp_import *im, const struct given *g, struct gp_err *err)
{
	struct gp_import_override *overrides = NULL;
	struct gp_import_node *root;
	const char *conf = NULL;

	if (g->unit != NULL)
		assert_true(gp_import_unit(im, "unit", gp_str(g->unit),
		    &overrides, &conf));
	if (strcmp(g->program, "opendkim") == 0)
		return gp_import_opendkim(im, "conf", overrides, err);
	if (strcmp(g->program, "opendmarc") == 0)
		return gp_import_opendmarc(im, "conf", overrides, err);
	assert_int_equal(gp_yaml_read(gp_str(g->conf), im->arena, &root, err),
	    GP_OK);
	return gp_import_rate(im, "conf", root, err);
}

static void
list_decisions(const struct gp_import *im, struct gp_buf *out)
{
	struct gp_findings report;

	gp_findings_init(&report, im->arena);
	gp_import_report(im, &report);
	for (size_t i = 0; i < report.n; i++) {
		const struct gp_finding *f = &report.v[i];

		if (strcmp(f->topic, "decision") != 0)
			continue;
		assert_non_null(f->remedy);
		assert_int_not_equal(f->light, GP_GREEN);
		gp_buf_addf(out, "%s: %s\n", f->subject, f->what);
	}
}

static void
check(const struct given *g)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_import_files files = { read_given, (void *)(uintptr_t)g };
	struct gp_err err = { .msg = "" };
	struct gp_import im;
	struct gp_str text;
	struct gp_buf out;

	gp_import_init(&im, arena, &files, g->program);
	if (map(&im, g, &err) != GP_OK)
		fail_msg("%s: %s", g->label, err.msg);
	gp_buf_init(&out, SIZE_MAX);
	gp_import_write(&im, &out);
	text = gp_buf_str(&out);
	for (int i = 0; i < HEAD_LINES; i++)
		(void)gp_str_split(&text, '\n');
	if (!gp_str_eq(text, gp_str(g->policy)))
		fail_msg("%s: got\n%.*s\nwant\n%s", g->label, GP_STR_ARG(text),
		    g->policy);
	gp_buf_reset(&out);
	list_decisions(&im, &out);
	if (strcmp(gp_buf_cstr(&out), g->decisions) != 0)
		fail_msg("%s: got\n%s\nwant\n%s", g->label, gp_buf_cstr(&out),
		    g->decisions);
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

/* -- what is to come of each ------------------------------------------------
 */

#define DNS_ERROR                                                              \
	"\ndkim {\n\ttemperror = tempfail  # On-DNSError is not set\n}\n"
#define PROFILE                                                                \
	"\nprofile \"imported-opendkim\" {\n"                                  \
	"\tcanon = simple/simple  # Canonicalization is not set\n"             \
	"\texpire = 0  # SignatureTTL is not set\n"                            \
	"\toversign = { }  # OversignHeaders is not set\n}\n"
#define BLOCK(name, at)                                                        \
	"\ndomain \"" name                                                     \
	"\" {\n\tprofile = \"imported-opendkim\"  # from " at "\n"
#define KEY(name, selector, at)                                                \
	"\tkey \"" selector "\" {\n\t\tfile = \"keys/" name "." selector       \
	".pem\"  # from " at "\n\t}\n"

static const struct given opendkim[] = {
	{ .label = "nothing",
	    .conf = "",
	    .policy = DNS_ERROR,
	    .decisions = "" },
	{ .label = "comments, cases, blanks, CR; the last one holds",
	    .conf = "# x\n\n  DOMAIN\tb.example # x\r\nselector  s1\n"
		    "KeyFile /k\nDomain a.example\n",
	    .policy = DNS_ERROR PROFILE BLOCK("a.example", "conf:6")
		KEY("a.example", "s1", "conf:5") "}\n",
	    .decisions = "" },
	{ .label = "sub-domains",
	    .conf = "Domain a.example\nSelector s1\nKeyFile /k\nSubDomains y\n",
	    .policy = DNS_ERROR PROFILE BLOCK("a.example",
		"conf:1") "\tsubdomains = yes  # from conf:1\n" KEY("a.example",
		"s1", "conf:3") "}\n",
	    .decisions = "" },
	{ .label = "how is signed",
	    .conf = "Domain a.example\nSelector s1\nKeyFile /k\n"
		    "Canonicalization relaxed\nSignatureTTL 86400\n"
		    "OversignHeaders From,To\nSignHeaders *,+X-A\n"
		    "SignatureAlgorithm rsa-sha1\nSenderHeaders Sender,From\n",
	    .policy = DNS_ERROR
	    "\nprofile \"imported-opendkim\" {\n"
	    "\tcanon = relaxed/simple  # from conf:4\n"
	    "\texpire = 86400s  # from conf:5\n"
	    "\tsign = { \"default\", \"X-A\" }  # from conf:7\n"
	    "\toversign = { \"From\", \"To\" }  # from conf:6\n}\n" BLOCK(
		"a.example", "conf:1") KEY("a.example", "s1", "conf:3") "}\n",
	    .decisions =
		"SignatureAlgorithm: SHA-1 is never used to sign (RFC 8301): "
		"RSA keys sign with rsa-sha256\n"
		"SenderHeaders: Sender,From: only the From: field selects what "
		"signs\n" },
	{ .label = "fields by name, and one that changes on the way",
	    .conf = "Domain a.example\nSelector s1\nKeyFile /k\n"
		    "SignHeaders From,Subject,Received\nOmitHeaders Subject\n",
	    .policy = DNS_ERROR
	    "\nprofile \"imported-opendkim\" {\n"
	    "\tcanon = simple/simple  # Canonicalization is not set\n"
	    "\texpire = 0  # SignatureTTL is not set\n"
	    "\tsign = { \"From\" }  # from conf:4\n"
	    "\toversign = { }  # OversignHeaders is not set\n}\n" BLOCK(
		"a.example", "conf:1") KEY("a.example", "s1", "conf:3") "}\n",
	    .decisions = "SignHeaders: Received: a field that can not be "
			 "signed, or a pattern\n" },
	{ .label = "actions",
	    .conf = "On-Default a\nOn-BadSignature reject\nOn-NoSignature t\n"
		    "On-KeyNotFound quarantine\nMinimumKeyBits 2048\n"
		    "MaximumSignaturesToVerify 99\n",
	    .policy = "\ndkim {\n\tmin-rsa-bits = 2048  # from conf:5\n"
		      "\tnone = tempfail  # from conf:3\n"
		      "\tfail = reject  # from conf:2\n}\n",
	    .decisions =
		"MaximumSignaturesToVerify: 99: dkim.max-signatures can be 1 "
		"to "
		"32\nOn-KeyNotFound: quarantine: a signature alone neither "
		"holds nor drops mail\n" },
	{ .label = "names",
	    .conf = "AuthservID MX.Example\nRemoveARFrom a.example,.b.example\n"
		    "Nameservers 127.0.0.1, ::1,x\nOn-DNSError accept\n",
	    .policy =
		"\nauthserv-id = \"mx.example\"  # from conf:1\n"
		"own-ids = { \"a.example\" }  # from conf:2\n"
		"\nresolver {\n"
		"\tservers = { \"127.0.0.1\", \"::1\" }  # from conf:3\n}\n",
	    .decisions = "RemoveARFrom: .b.example: own-ids has names, no "
			 "domains of names\nNameservers: x: expected an "
			 "address\n" },
	{ .label = "a database, a word that is none, one without a value",
	    .conf = "KeyTable dsn:mysql://u:secret@h/x\nSigningTable /1\n"
		    "Nonsense yes\nSelector\nOn-DNSError accept\n",
	    .tables = { "a.example k" },
	    .policy = "",
	    .decisions = "Selector: it has no value, so opendkim does not "
			 "read this file\n"
			 "Nonsense: not known to opendkim\n"
			 "KeyTable: dsn: a database or program, which is not "
			 "read here\n" },
	{ .label = "a table that is not there",
	    .conf = "KeyTable /4\nSigningTable /1\nOn-DNSError accept\n",
	    .policy = "",
	    .decisions = "KeyTable: /4: there is no such file\n" },
	{ .label = "a key that no table has",
	    .conf = "KeyTable /1\nSigningTable /2\nOn-DNSError accept\n",
	    .tables = { "k1 a.example:s1:/k", "a.example k2" },
	    .policy = PROFILE,
	    .decisions = "SigningTable: k2: not in the KeyTable, so opendkim "
			 "defers such mail\n" },
	{ .label = "a command line over the file",
	    .conf = "Domain a.example\nSelector s1\nKeyFile /k\n"
		    "On-DNSError accept\n",
	    .unit = "[Service]\nExecStart=/x -d z.example\nExecStart=\n"
		    "ExecStart=/usr/sbin/opendkim -f -s s2 -Db v -bsv\n",
	    .policy = PROFILE BLOCK("a.example",
		"conf:1") "\tsubdomains = yes  # from conf:1\n" KEY("a.example",
		"s2", "conf:3") "}\n",
	    .decisions = "ExecStart: v: an option that is not known here\n" },
	{ .label = "the same selector for two keys",
	    .conf = "KeyTable /1\nSigningTable refile:/2\nOn-DNSError accept\n"
		    "MultipleSignatures true\n",
	    .tables = { "k1 a.example:s1:/k\nk2 a.example:s1:/l",
		"*@a.example k1\n*@a.example k2" },
	    .policy = PROFILE BLOCK("a.example", "/2:1")
		KEY("a.example", "s1", "/1:1") "}\n",
	    .decisions = "KeyTable: s1._domainkey.a.example: two keys of this "
			 "name; the one of /1:1 was taken\n" },
	{ .label = "two keys whose files would have one name",
	    .conf = "KeyTable /1\nSigningTable /2\nOn-DNSError accept\n",
	    .tables = { "k1 b.example:s1.a:/k\nk2 b.example.s1:a:/l",
		"b.example k1\nb.example.s1 k2" },
	    .policy = PROFILE BLOCK("b.example", "/2:1")
		KEY("b.example", "s1.a", "/1:1") "}\n" BLOCK("b.example.s1",
		    "/2:2") "\tkey \"a\" {\n\t\tfile = "
			    "\"keys/a._domainkey.b.example.s1.pem\"  # from "
			    "/1:2\n\t}\n}\n",
	    .decisions = "" },
	{ .label = "patterns that blocks can not say",
	    .conf = "KeyTable /1\nSigningTable refile:/2\nOn-DNSError accept\n",
	    .tables = { "k a.example:s1:/k",
		"a*@a.example k\n*@a.*.example k\na.example k\n*@a.example k" },
	    .policy = PROFILE BLOCK("a.example", "/2:4")
		KEY("a.example", "s1", "/1:1") "}\n",
	    .decisions =
		"SigningTable: a*@a.example: a pattern of users; blocks are "
		"for "
		"domains\nSigningTable: *@a.*.example: a pattern that blocks "
		"can not say\n" },
};

static const struct given opendmarc[] = {
	{ .label = "as Debian ships it",
	    .conf = "PidFile /x\nPublicSuffixList /y\nSocket local:/z\n"
		    "Syslog true\nUMask 0002\nUserID opendmarc\n",
	    .policy = "\ndmarc {\n\tdiscovery = both  # from conf:2\n}\n",
	    .decisions =
		"RejectMultiValueFrom: not set: opendmarc lets mail with "
		"several From: domains pass, here dmarc.multi-from = reject\n"
		"RequiredHeaders: not set: opendmarc lets mail without From: "
		"pass, here dmarc.no-from = reject\n"
		"PublicSuffixList: discovery = both acts by the tree walk of "
		"RFC 9989, and counts where the public suffix list would have "
		"it differ\n" },
	{ .label = "refusing, holding, and who is left alone",
	    .conf = "AuthservID mx.example\nRejectFailures true\n"
		    "HoldQuarantinedMessages 1\nRejectMultiValueFrom yes\n"
		    "RequiredHeaders no\nIgnoreHosts /1\n"
		    "IgnoreMailFrom A.example, b.example\n"
		    "TrustedAuthservIDs HOSTNAME,mx.example\n",
	    .tables = { "192.0.2.0/24\n!192.0.2.128/25\n" },
	    .policy =
		"\nauthserv-id = \"mx.example\"  # from conf:1\n"
		"\ndmarc {\n\tmode = enforce  # from conf:2\n"
		"\treject = always  # from conf:2\n"
		"\ttemperror = tempfail  # from conf:2\n"
		"\tquarantine = hold  # from conf:3\n"
		"\tno-from = tag  # from conf:5\n}\n"
		"\noverride \"imported-ignore-hosts\" {\n"
		"\tclients = { \"192.0.2.0/25\" }  # from conf:6\n"
		"\tdmarc = none  # from conf:6\n"
		"\treason = local_policy  # from conf:6\n}\n"
		"\noverride \"imported-ignore-mail-from\" {\n"
		"\tfrom = { \"a.example\", \"b.example\" }  # from conf:7\n"
		"\tdmarc = none  # from conf:7\n"
		"\treason = local_policy  # from conf:7\n}\n",
	    .decisions =
		"RejectFailures: reject = always is what it means; RFC 9989 "
		"forbids to refuse mail for p=reject alone, as lists break "
		"it\n" },
};

static const struct given rates[] = {
	{ .label = "as shipped",
	    .conf = "limits:\n    - [10, 60] # ten\n    - [150, 86400]\n"
		    "limits_by_id: {}\nfail_action: \"defer_if_permit x\"\n",
	    .policy = "\nrate {\n\tlogin-limit = { }  # from conf:2\n}\n"
		      "\nlimit \"imported-login\" {\n"
		      "\tcount = recipients  # from conf:2\n"
		      "\tby = { \"auth\" }  # from conf:2\n"
		      "\trate = { \"10/1m\", \"150/1d\" }  # from conf:2\n"
		      "\tover = defer  # from conf:5\n}\n",
	    .decisions = "" },
	{ .label = "all kinds",
	    .conf = "limits: [[5, 90], [0, 1], [1]]\nlimit_by_sasl: no\n"
		    "limit_by_sender: True\nlimit_by_ip: on\n"
		    "limited_networks: [0.0.0.0/0]\nfail_action: reject\n"
		    "limits_by_id:\n  foo: []\n  bar: [[7, 3600]]\nodd: 1\n",
	    .policy = "\nrate {\n\tlogin-limit = { }  # from conf:1\n}\n"
		      "\nlimit \"imported-sender\" {\n"
		      "\tcount = recipients  # from conf:1\n"
		      "\tby = { \"sender\" }  # from conf:3\n"
		      "\trate = { \"5/90s\" }  # from conf:1\n"
		      "\tover = reject  # from conf:6\n}\n"
		      "\nlimit \"imported-client\" {\n"
		      "\tcount = recipients  # from conf:1\n"
		      "\tby = { \"client\" }  # from conf:4\n"
		      "\trate = { \"5/90s\" }  # from conf:1\n"
		      "\tover = reject  # from conf:6\n}\n",
	    .decisions =
		"odd: not known to policyd-rate-limit 1.0\n"
		"limits: expected [NUMBER, SECONDS], of at least 1 and at most "
		"31 days\n"
		"limits: expected [NUMBER, SECONDS], of at least 1 and at most "
		"31 days\n"
		"limit_by_sender: the limit counts each sender, also of "
		"clients that have logged in\n"
		"limited_networks: the limit counts every client whose mail is "
		"ours, whatever its network, and those that have logged in, "
		"too\n"
		"limits_by_id: foo has no limit of its own; a limit is the "
		"same for every login\n"
		"limits_by_id: bar has { \"7/1h\" } of its own; a limit is the "
		"same for every login\n" },
	{ .label = "no limit at all",
	    .conf = "backend: 1\n",
	    .policy = "",
	    .decisions = "limits: no limit is in it\n" },
};

static void
check_all(const struct given *v, size_t n, const char *program)
{
	for (size_t i = 0; i < n; i++) {
		struct given one = v[i];

		one.program = program;
		check(&one);
	}
}

static void
import_opendkim_becomes_what_it_meant(void **state)
{
	(void)state;
	check_all(opendkim, sizeof(opendkim) / sizeof(opendkim[0]), "opendkim");
}

static void
import_opendmarc_becomes_what_it_meant(void **state)
{
	(void)state;
	check_all(opendmarc, sizeof(opendmarc) / sizeof(opendmarc[0]),
	    "opendmarc");
}

static void
import_rates_become_limits(void **state)
{
	(void)state;
	check_all(rates, sizeof(rates) / sizeof(rates[0]),
	    "policyd-rate-limit");
}

/* -- hosts ------------------------------------------------------------------
 */

static const struct {
	const char *hosts, *want;
} lists[] = {
	{ "192.0.2.1", "{ \"192.0.2.1\" }" },
	{ "10.0.0.0/8,!10.128.0.0/9", "{ \"10.0.0.0/9\" }" },
	{ "10.0.0.0/30,!10.0.0.1", "{ \"10.0.0.0\", \"10.0.0.2/31\" }" },
	/* the more precise one holds, whatever the order */
	{ "10.0.0.1,!10.0.0.0/8", "{ \"10.0.0.1\" }" },
	{ "!10.0.0.0/8,10.0.0.0/8", "{  }" },
	/* an address alone comes before its /32 */
	{ "10.0.0.1,!10.0.0.1/32", "{ \"10.0.0.1\" }" },
	{ "10.0.0.1/32,!10.0.0.1", "{  }" },
	{ "10.0.0.0/8,10.1.0.0/16,10.1.2.3", "{ \"10.0.0.0/8\" }" },
	{ "10.0.0.0/8,10.0.0.0/8", "{ \"10.0.0.0/8\" }" },
	{ "10.0.0.0/29,!10.0.0.4/30,10.0.0.6",
	    "{ \"10.0.0.0/30\", \"10.0.0.6\" }" },
	{ "[2001:db8::1],[192.0.2.0]/31",
	    "{ \"2001:db8::1\", \"192.0.2.0/31\" }" },
	{ "2001:db8::/126,!2001:db8::3",
	    "{ \"2001:db8::/127\", \"2001:db8::2\" }" },
	{ "0.0.0.0/0,!128.0.0.0/1", "{ \"0.0.0.0/1\" }" },
	{ "localhost", "{ \"127.0.0.1\", \"::1\" }" },
};

static void
import_hosts_are_those_whose_most_precise_entry_says_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_import_word word = { .name = "InternalHosts",
			.value = lists[i].hosts };
		struct gp_import_hosts hosts = { .n = 0 };
		struct gp_import_files files = { .read = read_given };
		struct gp_import_set set;
		struct gp_import im;
		size_t n;

		gp_import_init(&im, arena, &files, "opendkim");
		assert_int_equal(gp_import_set_read(&im, &word, &set), GP_OK);
		gp_import_hosts_add(&im, word.name, &set, &hosts);
		assert_string_equal(gp_import_hosts_text(&im, &hosts, &n),
		    lists[i].want);
		gp_arena_free(arena);
	}
}

/* -- bounds and odd input
 * ------------------------------------------------------ */

static void
import_of_no_text_or_too_many_words_is_refused(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct given g = { .program = "opendkim" };
	struct gp_import_files files = { read_given, &g };
	struct gp_err err;
	struct gp_import im;
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i <= GP_IMPORT_ROWS_MAX; i++)
		gp_buf_adds(&text, "Syslog yes\n");
	g.conf = gp_buf_cstr(&text);
	gp_import_init(&im, arena, &files, "opendkim");
	assert_int_equal(gp_import_opendkim(&im, "conf", NULL, &err), GP_PERM);
	assert_string_equal(err.msg, "conf: more than 10000 settings");
	assert_int_equal(gp_import_opendkim(&im, "none", NULL, &err), GP_NONE);
	assert_string_equal(err.msg, "none: there is no such file");
	g.conf = "Include conf\n";
	assert_int_equal(gp_import_opendkim(&im, "conf", NULL, &err), GP_PERM);
	assert_string_equal(err.msg, "conf: included too deep");
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

static void
import_inline_key_is_pem_of_its_kind(void **state)
{
	static const struct {
		const char *text, *want;
	} keys[] = {
		/* SEQUENCE { INTEGER 0, INTEGER 1 } and { 0, SEQUENCE } */
		{ "MAYCAQACAQE=", "-----BEGIN RSA PRIVATE KEY-----\n"
				  "MAYCAQACAQE=\n"
				  "-----END RSA PRIVATE KEY-----\n" },
		{ "MAYCAQAwAQE=", "-----BEGIN PRIVATE KEY-----\nMAYCAQAwAQE=\n"
				  "-----END PRIVATE KEY-----\n" },
		{ "-----BEGIN X", "-----BEGIN X" },
		{ "MAYCAQAEAQE=", "" },
		{ "MAYCAQ", "" },
		{ "////////////", "" },
		{ "", "" },
	};
	struct gp_arena *arena = gp_arena_new();
	struct gp_import_files files = { .read = read_given };
	struct gp_import im;

	(void)state;
	gp_import_init(&im, arena, &files, "opendkim");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_true(
		    gp_str_eq(gp_import_inline_key(&im, gp_str(keys[i].text)),
			gp_str(keys[i].want)));
	gp_arena_free(arena);
}

static void
import_drop_key_leaves_no_trace_of_it(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct given g = { .conf = "KeyTable /1\nSigningTable refile:/2\n"
				   "MultipleSignatures yes\n",
		.tables = { "k1 a.example:s1:/k\nk2 a.example:s2:/l\n",
		    "*@a.example k1\n*@a.example k2\n" } };
	struct gp_import_files files = { read_given, &g };
	struct gp_import im;
	struct gp_buf text;

	(void)state;
	gp_import_init(&im, arena, &files, "opendkim");
	assert_int_equal(gp_import_opendkim(&im, "conf", NULL, NULL), GP_OK);
	assert_string_equal(im.keys->selector, "s1");
	gp_import_drop_key(&im, im.keys, "why");
	gp_buf_init(&text, SIZE_MAX);
	gp_import_write(&im, &text);
	assert_null(strstr(gp_buf_cstr(&text), "a.example.s1.pem"));
	assert_non_null(strstr(gp_buf_cstr(&text), "a.example.s2.pem"));
	assert_int_equal(gp_findings_worst(&im.report), GP_RED);
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

/* -- yaml --------------------------------------------------------------------
 */

static void
yaml_outside_its_bounds_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum gp_rc rc;
		const char *why;
	} texts[] = {
		{ "a: [1, 'x']\n", GP_OK, "" },
		{ "", GP_NONE, "" },
		{ "# x\n", GP_NONE, "" },
		{ "a: &x 1\nb: *x\n", GP_PERM, "1: an anchor, or no text" },
		{ "a: &x [1]\n", GP_PERM, "1: an anchor" },
		{ "a: *x\n", GP_PERM, "1: an alias" },
		{ "a: [1\nb: 2\n", GP_PERM,
		    "2: did not find expected ',' or ']'" },
		{ "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", GP_PERM,
		    "1: nested too deep" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct gp_import_node *root;
		struct gp_err err = { .msg = "" };

		assert_int_equal(gp_yaml_read(gp_str(texts[i].text), arena,
				     &root, &err),
		    texts[i].rc);
		assert_string_equal(err.msg, texts[i].why);
		assert_int_equal(root != NULL, texts[i].rc == GP_OK);
	}
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(import_opendkim_becomes_what_it_meant),
		cmocka_unit_test(import_opendmarc_becomes_what_it_meant),
		cmocka_unit_test(import_rates_become_limits),
		cmocka_unit_test(
		    import_hosts_are_those_whose_most_precise_entry_says_so),
		cmocka_unit_test(
		    import_of_no_text_or_too_many_words_is_refused),
		cmocka_unit_test(import_inline_key_is_pem_of_its_kind),
		cmocka_unit_test(import_drop_key_leaves_no_trace_of_it),
		cmocka_unit_test(yaml_outside_its_bounds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
