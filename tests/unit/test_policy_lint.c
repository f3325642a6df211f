/* What a policy says that its author can hardly mean, and that nothing is said
 * about one that is right. */
#include "core/policy_lint.h"

#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW      1795305600 /* 2026-11-22 */
#define WANTS    3

static const struct gp_dkim_public rsa = { .type = GP_DKIM_KEY_RSA,
	.bits = 2048 };
static const struct gp_dkim_public weak = { .type = GP_DKIM_KEY_RSA,
	.bits = 1024 };
static const struct gp_dkim_public large = { .type = GP_DKIM_KEY_RSA,
	.bits = 8192 };
static const struct gp_dkim_public ed = { .type = GP_DKIM_KEY_ED25519,
	.bits = 256 };

struct row {
	const char *label;
	const char *policy; /* its first line is line 1 */
	struct {
		enum gp_light light;
		const char *topic;
		const char *what;             /* is in it */
		const char *remedy;           /* is in it */
		unsigned line;                /* 0: it has no place */
	} want[WANTS];                        /* all findings, in order */
	const struct gp_dkim_public *keys[4]; /* of all blocks */
};

static struct gp_config *
parse(const char *label, const char *text)
{
	struct gp_problems problems;
	struct gp_config *config = NULL;

	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(text), "p.conf", &config, &problems) !=
	    GP_OK)
		fail_msg("%s: %s", label, gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	return config;
}

static void
show(const struct row *row, const struct gp_findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		print_message("# %s: %s %s %s: %s -> %s (%u)\n", row->label,
		    gp_light_name(f->v[i].light), f->v[i].topic,
		    f->v[i].subject, f->v[i].what,
		    f->v[i].remedy == NULL ? "" : f->v[i].remedy,
		    f->v[i].where.line);
}

static bool
fits(const struct row *row, size_t i, const struct gp_finding *f)
{
	return i < WANTS && row->want[i].topic != NULL &&
	       f->light == row->want[i].light &&
	       strcmp(f->topic, row->want[i].topic) == 0 &&
	       strstr(f->what, row->want[i].what) != NULL &&
	       f->remedy != NULL &&
	       strstr(f->remedy, row->want[i].remedy) != NULL &&
	       (row->want[i].line == 0
		       ? f->where.file == NULL
		       : strcmp(f->where.file, "p.conf") == 0 &&
			     f->where.line == row->want[i].line);
}

static void
run_rows(const struct row *rows, size_t n)
{
	struct gp_arena *arena = gp_arena_new();

	for (size_t r = 0; r < n; r++) {
		struct gp_config *config = parse(rows[r].label, rows[r].policy);
		const struct gp_policy_linting with = { .config = config,
			.now_s = NOW,
			.keys = rows[r].keys,
			.n_keys = COUNT(rows[r].keys) };
		struct gp_findings f;
		size_t want = 0;

		gp_findings_init(&f, arena);
		gp_policy_lint(&with, &f);
		while (want < WANTS && rows[r].want[want].topic != NULL)
			want++;
		for (size_t i = 0; i < f.n; i++)
			if (!fits(&rows[r], i, &f.v[i])) {
				show(&rows[r], &f);
				fail_msg("%s: finding %zu", rows[r].label, i);
			}
		if (f.n != want) {
			show(&rows[r], &f);
			fail_msg("%s: %zu findings, not %zu", rows[r].label,
			    f.n, want);
		}
		gp_config_unref(config);
	}
	gp_arena_free(arena);
}

/* Lines 1 and 2, then what the row has. */
#define D(text) "domain \"d.example\" {\n" text "\n}\n"
#define K(name, more)                                                          \
	"key \"" name "\" { file = \"/k/" name ".pem\" " more " }\n"

/* -- nothing to say ------------------------------------------------------- */

static const struct row silent_rows[] = {
	{ "nothing", "", { { 0 } }, { NULL } },
	{ "a key and nothing else", D(K("a", "")), { { 0 } }, { &rsa } },
	{ "a key that is not known", D(K("a", "")), { { 0 } }, { NULL } },
	{ "two algorithms", D(K("a", "") K("b", "")), { { 0 } },
	    { &rsa, &ed } },
	{ "a rotation",
	    D(K("a", "") K("b", "state = staged activate-after = "
				"\"2026-12-01\"") K("c", "state = retired")),
	    { { 0 } }, { &rsa, &rsa, NULL } },
	{ "a block for mail that comes in", D("spf { mode = enforce }"),
	    { { 0 } }, { NULL } },
	{ "a complete one",
	    "trust { clients = { 10.20.0.0/16 } }\n"
	    "provider \"p\" { domains = { p.example } }\n"
	    "limit \"host\" { rate = { \"20000/1h\" } }\n"
	    "domain \"d.example\" { subdomains = yes " K("a", "") K("b",
		"") "expire = 7d class = bulk\n"
		    "senders { auth = { app } clients = { 10.20.7.10 } else = "
		    "reject }\n"
		    "preflight { egress = { 192.0.2.1 } require = { from-one, "
		    "aligned-dkim, aligned-spf, list-unsubscribe-oneclick } }\n"
		    "limit \"all\" { rate = { \"2000/1m\", \"15000/1h\" } }\n"
		    "limit \"login\" { by = { auth } count = messages rate = { "
		    "\"60/5m\" } }\n"
		    "limit \"p\" { by = { provider } rate = { \"10/1m\" } }\n"
		    "warmup \"all\" { } }\n",
	    { { 0 } }, { &rsa, &ed } },
	{ "all that enforces",
	    "spf { mode = enforce fail = tag }\n"
	    "dkim { mode = enforce }\n"
	    "dmarc { mode = enforce reject = corroborated quarantine = hold "
	    "}\n",
	    { { 0 } }, { NULL } },
};

static void
policy_lint_of_what_is_right_says_nothing(void **state)
{
	(void)state;
	run_rows(silent_rows, COUNT(silent_rows));
}

/* -- keys ----------------------------------------------------------------- */

static const struct row key_rows[] = {
	{ "Ed25519 alone", D(K("a", "")),
	    { { GP_RED, "key", "Ed25519 alone",
		"gatepost key new d.example --algorithm rsa2048", 2 } },
	    { &ed } },
	{ "Ed25519 alone, by its word", D(K("a", "algorithm = ed25519-sha256")),
	    { { GP_RED, "key", "Ed25519 alone",
		"gatepost key new d.example --algorithm rsa2048", 2 } },
	    { NULL } },
	{ "Ed25519, and RSA that is switched off",
	    D("algorithms = { ed25519-sha256 }\n" K("a", "") K("b", "")),
	    { { GP_RED, "key", "Ed25519 alone",
		"gatepost key new d.example --algorithm rsa2048", 4 } },
	    { &rsa, &ed } },
	{ "the one that is there is switched off",
	    D("algorithms = { rsa-sha256 }\n" K("a", "")),
	    { { GP_RED, "key", "has switched that of each off",
		"algorithms =", 3 } },
	    { &ed } },
	{ "all retired", D(K("a", "state = retired")),
	    { { GP_RED, "key", "every key is retired",
		"gatepost key new d.example", 2 } },
	    { NULL } },
	{ "all staged", D(K("a", "state = staged")),
	    { { GP_RED, "key", "what is not retired is staged",
		"gatepost key activate d.example a", 2 } },
	    { &rsa } },
	{ "staged with a day to come, alone",
	    D(K("a", "state = staged activate-after = \"2026-11-23\"")),
	    { { GP_YELLOW, "key",
		"unsigned until key \"a\" becomes active, after 2026-11-23",
		"gatepost key activate d.example a", 2 } },
	    { &rsa } },
	{ "staged with a day that has come",
	    D(K("a", "state = staged activate-after = \"2026-11-22\"")),
	    { { 0 } }, { &rsa } },
	{ "staged without a day", D(K("a", "") K("b", "state = staged")),
	    { { GP_YELLOW, "key", "\"b\" is staged and stays so",
		"activate-after", 3 } },
	    { &rsa, &rsa } },
	{ "staged without DNS",
	    D(K("a", "") K("b", "state = staged activate-after = "
				"\"2026-12-01\" require-dns = no")),
	    { { GP_YELLOW, "key", "published or not", "require-dns = yes",
		3 } },
	    { &rsa, &rsa } },
	{ "1024 bits", D(K("a", "")),
	    { { GP_YELLOW, "key", "1024 bits: receivers ask for 2048", "2048",
		2 } },
	    { &weak } },
	{ "8192 bits", D(K("a", "")),
	    { { GP_YELLOW, "key", "8192 bits: receivers need not", "2048",
		2 } },
	    { &large } },
	{ "one file twice",
	    D(K("a", "") "key \"b\" { file = \"/k/a.pem\" state = staged "
			 "activate-after = \"2026-12-01\" }\n"),
	    { { GP_YELLOW, "key", "\"a\" and \"b\" are the same file",
		"a file of its own", 3 } },
	    { &rsa, &rsa } },
	{ "one algorithm twice", D(K("a", "") K("b", "")),
	    { { GP_YELLOW, "key", "the same algorithm",
		"gatepost key retire d.example a", 3 } },
	    { &rsa, &rsa } },
	{ "expires in the queue", D(K("a", "") "expire = 143h"),
	    { { GP_YELLOW, "key", "waits up to 5d in a queue", "expire = 10d",
		3 } },
	    { &rsa } },
	{ "expires in the queue, by a profile",
	    "profile \"p\" { expire = 2d }\n"
	    "domain \"d.example\" { profile = \"p\" " K("a",
		"") "}\n"
		    "domain \"e.example\" { profile = \"p\" " K("b",
			"") "}\n"
			    "domain \"f.example\" { profile = \"p\" " K("c",
				"") "}\n",
	    { { GP_YELLOW, "key", "still be valid; also for 2 more",
		"expire = 10d", 1 } },
	    { &rsa, &rsa, &rsa } },
	{ "two of one line", D(K("a", "") K("b", "state = staged")),
	    { { GP_YELLOW, "key", "1024 bits", "gatepost key new", 3 },
		{ GP_YELLOW, "key", "stays so", "gatepost key activate", 3 } },
	    { &rsa, &weak } },
	{ "expires in the queue, in two blocks",
	    D(K("a", "") "expire = 2d") "domain \"e.example\" { " K("b",
		"") "expire = 2d }\n",
	    { { GP_YELLOW, "key", "too short", "expire = 10d", 3 },
		{ GP_YELLOW, "key", "too short", "expire = 10d", 6 } },
	    { &rsa, &rsa } },
	{ "expires just behind the queue", D(K("a", "") "expire = 6d"),
	    { { 0 } }, { &rsa } },
	{ "expires late", D(K("a", "") "expire = 61d"),
	    { { GP_YELLOW, "key", "longer than mail is on its way",
		"expire = 10d", 3 } },
	    { &rsa } },
	{ "never expires", D(K("a", "") "expire = 0"), { { 0 } }, { &rsa } },
	{ "a block in the shade",
	    "domain \"d.example\" { subdomains = yes " K("a",
		"") "}\ndomain \"x.y.d.example\" { }\n",
	    { { GP_YELLOW, "key", "the keys of d.example",
		"gatepost key new x.y.d.example", 3 } },
	    { &rsa } },
	{ "a block beside one that is for itself",
	    D(K("a", "")) "domain \"x.d.example\" { }\n", { { 0 } }, { &rsa } },
};

static void
policy_lint_of_keys(void **state)
{
	(void)state;
	run_rows(key_rows, COUNT(key_rows));
}

/* -- who sends ------------------------------------------------------------ */

static const struct row sender_rows[] = {
	{ "nobody, refused", D("senders { else = reject }"),
	    { { GP_RED, "senders", "all mail is refused", "senders {", 2 } },
	    { NULL } },
	{ "nobody, unsigned", D("senders { }"),
	    { { GP_YELLOW, "senders", "no mail is signed", "senders {", 1 } },
	    { NULL } },
	{ "everybody with his own address",
	    D("senders { own-address = yes else = reject }"), { { 0 } },
	    { NULL } },
	{ "a client that is inbound",
	    D("senders { clients = { 127.0.0.1, 10.1.0.0/16 } }"),
	    { { GP_YELLOW, "senders", "10.1.0.0/16 is not in trust.clients",
		"trust { clients = { ..., \"10.1.0.0/16\" } }", 2 } },
	    { NULL } },
	{ "a net that is only partly trusted",
	    "trust { clients = { 10.1.0.0/24 } }\n" D(
		"senders { clients = { 10.1.0.0/16, 10.1.0.3 } }"),
	    { { GP_YELLOW, "senders", "10.1.0.0/16 is not", "trust", 3 } },
	    { NULL } },
	{ "every address", D("senders { clients = { 0.0.0.0/0 } }"),
	    { { GP_RED, "senders", "every address", "your own hosts", 2 } },
	    { NULL } },
	{ "a login without an address",
	    D("senders { auth = { app, \"a@d.example\", \"*\" } own-address = "
	      "yes }"),
	    { { GP_YELLOW, "senders", "\"app\" has no address of this domain",
		"aliases = { \"app=LOCAL@d.example\" }", 2 } },
	    { NULL } },
	{ "a login with an alias",
	    D("senders { auth = { app } own-address = yes aliases = { "
	      "\"app=news@d.example\" } }"),
	    { { 0 } }, { NULL } },
	{ "an alias elsewhere",
	    D("senders { auth = { \"a@d.example\" } own-address = yes aliases "
	      "= { \"a@d.example=news@e.example\" } }"),
	    { { GP_YELLOW, "senders", "of another domain", "that domain", 2 } },
	    { NULL } },
	{ "an alias for nothing",
	    D("senders { auth = { app } aliases = { \"app=news@d.example\" } "
	      "}"),
	    { { GP_YELLOW, "senders", "does nothing: own-address = no",
		"own-address = yes", 2 } },
	    { NULL } },
	{ "an open door",
	    D(K("a", "")) "domain \"e.example\" { " K("b",
		"") "senders { auth = { app } } }\n",
	    { { GP_YELLOW, "senders", "also the senders of e.example",
		"senders {", 1 } },
	    { &rsa, &rsa } },
	{ "two open doors",
	    D(K("a", "")) "domain \"e.example\" { " K("b", "") " }\n",
	    { { 0 } }, { &rsa, &rsa } },
	{ "no key for what is required",
	    D("preflight { mode = enforce else = reject require = { "
	      "aligned-dkim } }"),
	    { { GP_RED, "preflight", "no key that signs", "a key", 2 } },
	    { NULL } },
	{ "the same, only watched",
	    D("preflight { require = { aligned-dkim } "
	      "}"),
	    { { GP_YELLOW, "preflight", "no key that signs", "a key", 2 } },
	    { NULL } },
	{ "no egress", D(K("a", "") "preflight { }"),
	    { { GP_YELLOW, "preflight", "no egress address", "egress = {",
		1 } },
	    { &rsa } },
	{ "bulk without a click",
	    D(K("a", "") "class = bulk preflight { require = { date } }"),
	    { { GP_YELLOW, "preflight", "one-click", "list-unsubscribe", 3 } },
	    { &rsa } },
};

static void
policy_lint_of_senders_and_preflight(void **state)
{
	(void)state;
	run_rows(sender_rows, COUNT(sender_rows));
}

/* -- limits --------------------------------------------------------------- */

#define L(name, more) "limit \"" name "\" { " more " }\n"

static const struct row limit_rows[] = {
	{ "behind the built-in one",
	    D(L("a", "by = { auth } rate = { \"1000/1h\" }")),
	    { { GP_YELLOW, "limit", "the built-in \"login-limit\"",
		"login-limit", 2 } },
	    { NULL } },
	{ "before it", D(L("a", "by = { auth } rate = { \"999/1h\" }")),
	    { { 0 } }, { NULL } },
	{ "slower than it, but with less room at once",
	    D(L("a", "by = { auth } rate = { \"24000/24h\" }")),
	    { { GP_YELLOW, "limit", "built-in", "login-limit", 2 } },
	    { NULL } },
	{ "over a day", D(L("a", "by = { auth } rate = { \"5000/24h\" }")),
	    { { 0 } }, { NULL } },
	{ "without the built-in one",
	    "rate { login-limit = { } }\n" D(
		L("a", "by = { auth } rate = { \"5000/1h\" }")),
	    { { 0 } }, { NULL } },
	{ "by messages",
	    D(L("a", "by = { auth } count = messages rate = { "
		     "\"5000/1h\" }")),
	    { { 0 } }, { NULL } },
	{ "one in the block",
	    D(L("a", "rate = { \"500/1m\" }")
		    L("b", "by = { client } rate = { \"1000/1m\" }")),
	    { { GP_YELLOW, "limit", "\"b\" never acts: limit \"a\"",
		"than in p.conf:2", 3 } },
	    { NULL } },
	{ "two that are equal",
	    D(L("a", "rate = { \"500/1m\" }") L("b", "by = { all } rate = { "
						     "\"500/1m\" }")),
	    { { GP_YELLOW, "limit", "\"b\" never acts: limit \"a\"", "p.conf:2",
		3 } },
	    { NULL } },
	{ "a finer one is no cover",
	    D(L("a", "by = { client } rate = { \"500/1m\" }")
		    L("b", "rate = { \"1000/1m\" }")),
	    { { 0 } }, { NULL } },
	{ "one that only watches is no cover",
	    D(L("a", "rate = { \"500/1m\" } mode = monitor")
		    L("b", "by = { client } rate = { \"1000/1m\" }")
			L("c", "rate = { \"200/1m\" } over = log")),
	    { { 0 } }, { NULL } },
	{ "each rate has its cover",
	    D(L("a", "rate = { \"500/1m\", \"5000/1h\" }") L("b",
		"by = { client } rate = { \"600/1m\", \"6000/1h\" }")),
	    { { GP_YELLOW, "limit", "\"b\" never acts", "p.conf:2", 3 } },
	    { NULL } },
	{ "one rate has none",
	    D(L("a", "rate = { \"500/1m\" }") L("b",
		"by = { client } rate = { \"600/1m\", \"6000/1h\" }")),
	    { { 0 } }, { NULL } },
	{ "a larger burst is no cover",
	    D(L("a", "rate = { \"500/1m\" } burst = 5000")
		    L("b", "by = { client } rate = { \"600/1m\" }")),
	    { { 0 } }, { NULL } },
	{ "over all blocks",
	    L("host", "rate = { \"1000/1h\" }")
		D(L("a", "rate = { \"2000/1h\" }")),
	    { { GP_YELLOW, "limit", "\"a\" never acts: limit \"host\"",
		"p.conf:1", 3 } },
	    { NULL } },
	{ "over all blocks, for each domain",
	    L("host", "by = { domain } rate = { \"1000/1h\" }")
		D(L("a", "rate = { \"2000/1h\" }")),
	    { { GP_YELLOW, "limit", "\"a\" never acts: limit \"host\"",
		"p.conf:1", 3 } },
	    { NULL } },
	{ "small for a message", D(L("a", "rate = { \"99/1h\" }")),
	    { { GP_YELLOW, "limit", "has room for 99 recipients at once",
		"burst = 100", 2 } },
	    { NULL } },
	{ "just large enough", D(L("a", "rate = { \"50/1h\" } burst = 100")),
	    { { 0 } }, { NULL } },
	{ "small, of one login alone",
	    D(L("a", "by = { auth } rate = { \"60/5m\" }")), { { 0 } },
	    { NULL } },
	{ "small for bytes", D(L("a", "count = bytes rate = { \"9m/1h\" }")),
	    { { GP_YELLOW, "limit", "bytes at once", "burst = 10m", 2 } },
	    { NULL } },
	{ "by login where no login counts",
	    "trust { authenticated = no }\n" D(
		L("a", "by = { auth } rate = { \"60/5m\" }")),
	    { { GP_YELLOW, "limit", "trust.authenticated = no",
		"authenticated = yes", 3 } },
	    { NULL } },
	{ "by provider where there is none",
	    D(L("a", "by = { provider } rate = { \"60/5m\" }")),
	    { { GP_YELLOW, "limit", "no provider is known", "providers.conf",
		2 } },
	    { NULL } },
	{ "warm-up where there is none", D("warmup \"all\" { }"),
	    { { GP_YELLOW, "warmup", "no provider is known", "providers.conf",
		2 } },
	    { NULL } },
};

static void
policy_lint_of_limits(void **state)
{
	(void)state;
	run_rows(limit_rows, COUNT(limit_rows));
}

/* -- what stands above ---------------------------------------------------- */

#define O(more) "override \"o\" { " more " }\n"

static const struct row top_rows[] = {
	{ "everybody is trusted", "trust {\nclients = { 10.0.0.0/8, ::/0 } }\n",
	    { { GP_RED, "trust", "trust.clients has every address", "own hosts",
		2 } },
	    { NULL } },
	{ "everybody forwards", "trust { forwarders = { 0.0.0.0/0 } }\n",
	    { { GP_RED, "trust", "trust.forwarders has every", "forward", 1 } },
	    { NULL } },
	{ "one socket for two",
	    "listen { dkim = \"inet:8891@127.0.0.1\"\nrate = "
	    "\"inet:8891@127.0.0.1\" }\n",
	    { { GP_RED, "listen", "gatepost-dkim and gatepost-rate",
		"/run/gatepost/rate/milter.sock", 2 } },
	    { NULL } },
	{ "open to the world", "listen { spf = \"inet:8891@0.0.0.0\" }\n",
	    { { GP_YELLOW, "listen", "inet:8891@0.0.0.0", "127.0.0.0/8", 1 } },
	    { NULL } },
	{ "open to itself",
	    "listen { spf = \"inet6:8891@::1\" dkim = \"inet:8892@localhost\" "
	    "}\n",
	    { { 0 } }, { NULL } },
	{ "peers without redis", "rate { peers = 2 }\n",
	    { { GP_YELLOW, "store", "rate.peers does nothing", "redis", 1 } },
	    { NULL } },
	{ "peers with redis",
	    "store = \"redis://127.0.0.1:6379/0\"\nrate { peers = 2 }\n",
	    { { 0 } }, { NULL } },
	{ "SPF before DMARC",
	    "spf { mode = enforce\nfail = reject }\ndmarc { mode = enforce }\n",
	    { { GP_YELLOW, "inbound", "before DMARC", "fail = tag", 2 } },
	    { NULL } },
	{ "the same, only watched",
	    "spf { fail = reject }\ndmarc { mode = enforce }\n", { { 0 } },
	    { NULL } },
	{ "SPF alone", "spf { mode = enforce fail = reject }\n", { { 0 } },
	    { NULL } },
	{ "without a record", "spf { mode = enforce none = reject }\n",
	    { { GP_YELLOW, "inbound", "publish no record", "none = tag", 1 } },
	    { NULL } },
	{ "of one domain alone", D("dmarc { mode = enforce\nreject = always }"),
	    { { GP_YELLOW, "inbound", "reject = always", "corroborated", 3 } },
	    { NULL } },
	{ "of all, said once",
	    "dmarc { mode = enforce reject = always }\n" D(""),
	    { { GP_YELLOW, "inbound", "reject = always", "corroborated", 1 } },
	    { NULL } },
	{ "a signature or nothing",
	    "dkim { mode = enforce none = reject\nfail = reject }\n",
	    { { GP_YELLOW, "inbound", "without a signature", "none = tag", 1 },
		{ GP_YELLOW, "inbound", "worse than none", "fail = tag", 2 } },
	    { NULL } },
	{ "an override that has ended",
	    O("from = { a.example } dmarc = none clients = { 192.0.2.1 }\n"
	      "until = \"2026-11-21\""),
	    { { GP_YELLOW, "override", "ended on 2026-11-21", "take it out",
		2 } },
	    { NULL } },
	{ "one that ends today",
	    O("from = { a.example } dmarc = none until = \"2026-11-22\""),
	    { { GP_YELLOW, "override", "ends after 2026-11-22",
		"another `until`", 1 } },
	    { NULL } },
	{ "one that goes on",
	    O("from = { a.example } dmarc = none until = \"2026-12-06\""),
	    { { 0 } }, { NULL } },
	{ "one for our own name",
	    O("from = { \"*.example\" } reject = never") D(""),
	    { { GP_YELLOW, "override", "anybody may write as d.example",
		"clients =", 1 } },
	    { NULL } },
	{ "one for our own name, from there",
	    O("from = { d.example } reject = never clients = { 192.0.2.1 }")
		D(""),
	    { { 0 } }, { NULL } },
	{ "one that a header opens", O("header = { List-Id } dmarc = none"),
	    { { GP_YELLOW, "override", "a header field alone",
		"clients =", 1 } },
	    { NULL } },
	{ "one that is stricter", O("header = { X-Bad } reject = always"),
	    { { 0 } }, { NULL } },
};

static void
policy_lint_of_the_top_level(void **state)
{
	(void)state;
	run_rows(top_rows, COUNT(top_rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_lint_of_what_is_right_says_nothing),
		cmocka_unit_test(policy_lint_of_keys),
		cmocka_unit_test(policy_lint_of_senders_and_preflight),
		cmocka_unit_test(policy_lint_of_limits),
		cmocka_unit_test(policy_lint_of_the_top_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
