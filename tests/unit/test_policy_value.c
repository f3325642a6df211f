/*
 * Every kind of value at the ends of its range: what is accepted, how it is
 * shown, and that what is shown reads as the same again.
 */
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A64  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01"
#define A256 A64 A64 A64 A64
#define F77  A64 "0123456789-ab"

struct row {
	const char *section; /* "": top level; "domain": in a domain;
	                      * "profile": in its profile */
	const char *name;
	const char *value; /* as written */
	const char *shown; /* NULL: refused */
};

static const struct row rows[] = {
	/* numbers: decimal, never octal, hexadecimal or signed */
	{ "spf", "max-terms", "1", "1" },
	{ "spf", "max-terms", "10", "10" },
	{ "spf", "max-terms", "010", "10" },
	{ "spf", "max-terms", "\"7\"", "7" },
	{ "spf", "max-terms", "0", NULL },
	{ "spf", "max-terms", "11", NULL },
	{ "spf", "max-terms", "-1", NULL },
	{ "spf", "max-terms", "0x5", NULL },
	{ "spf", "max-terms", "5.0", NULL },
	{ "spf", "max-terms", "\"5 \"", NULL },
	{ "spf", "max-terms", "\"\"", NULL },
	{ "spf", "max-terms", "4294967297", NULL },
	{ "spf", "max-terms", "18446744073709551617", NULL },
	{ "spf", "max-void", "0", "0" },
	{ "spf", "max-void", "10", "10" },
	{ "spf", "max-void", "11", NULL },
	{ "resolver", "tries", "5", "5" },
	{ "resolver", "tries", "6", NULL },
	{ "resolver", "max-queries", "16", "16" },
	{ "resolver", "max-queries", "15", NULL },
	{ "resolver", "max-queries", "1001", NULL },
	{ "dkim", "max-signatures", "32", "32" },
	{ "dkim", "max-signatures", "33", NULL },
	{ "dkim", "min-rsa-bits", "1023", NULL },
	{ "dkim", "min-rsa-bits", "4096", "4096" },
	{ "dkim", "min-rsa-bits", "4097", NULL },

	/* times: with a unit */
	{ "spf", "timeout", "1s", "1s" },
	{ "spf", "timeout", "20000ms", "20s" },
	{ "spf", "timeout", "1500ms", "1500ms" },
	{ "spf", "timeout", "20001ms", NULL },
	{ "spf", "timeout", "999ms", NULL },
	{ "spf", "timeout", "5", NULL },
	{ "spf", "timeout", "0", NULL },
	{ "spf", "timeout", "\"5 s\"", NULL },
	{ "spf", "timeout", "5S", NULL },
	{ "resolver", "timeout", "100ms", "100ms" },
	{ "resolver", "timeout", "99ms", NULL },
	{ "resolver", "timeout", "11s", NULL },
	{ "dkim", "timeout", "1s", "1s" },
	{ "dkim", "timeout", "20s", "20s" },
	{ "dkim", "timeout", "999ms", NULL },
	{ "dkim", "timeout", "21s", NULL },
	{ "dkim", "timeout", "0", NULL },
	{ "domain", "expire", "0", "0" },
	{ "domain", "expire", "0d", "0" },
	{ "domain", "expire", "1h", "1h" },
	{ "domain", "expire", "10d", "10d" },
	{ "profile", "expire", "365d", "365d" },
	{ "domain", "expire", "30m", NULL },
	{ "domain", "expire", "1ms", NULL },
	{ "domain", "expire", "366d", NULL },
	{ "domain", "expire", "never", NULL },

	/* sizes */
	{ "resolver", "cache-size", "65536", "64k" },
	{ "resolver", "cache-size", "1024k", "1m" },
	{ "resolver", "cache-size", "65537", "65537" },
	{ "resolver", "cache-size", "4g", "4g" },
	{ "resolver", "cache-size", "4097m", NULL },
	{ "resolver", "cache-size", "63k", NULL },
	{ "resolver", "cache-size", "1t", NULL },

	/* words */
	{ "spf", "mode", "monitor", "monitor" },
	{ "spf", "mode", "\"enforce\"", "enforce" },
	{ "spf", "fail", "tag", "tag" },
	{ "spf", "fail", "reject", "reject" },
	{ "spf", "fail", "tempfail", "tempfail" },
	{ "spf", "fail", "hold", "hold" },
	{ "spf", "fail", "accept", NULL },
	{ "spf", "engine", "libspf2", "libspf2" },
	{ "spf", "engine", "libopendkim", NULL },
	{ "dkim", "engine", "libopendkim", "libopendkim" },
	{ "dkim", "engine", "compare", "compare" },
	{ "dkim", "temperror", "reject", "reject" },
	{ "dkim", "temperror", "hold", NULL },
	{ "dkim", "mode", "monitor", "monitor" },
	{ "dkim", "mode", "off", NULL },
	{ "dkim", "none", "reject", "reject" },
	{ "dkim", "fail", "tempfail", "tempfail" },
	{ "dkim", "fail", "hold", NULL },
	{ "dkim", "policy", "tag", "tag" },
	{ "dkim", "permerror", "reject", "reject" },
	{ "dkim", "body-length", "pass", "pass" },
	{ "dkim", "body-length", "fail", NULL },
	{ "plain-key", "state", "staged", "staged" },
	{ "plain-key", "state", "retired", "retired" },
	{ "plain-key", "state", "old", NULL },
	{ "key", "algorithm", "rsa-sha256", "rsa-sha256" },
	{ "key", "algorithm", "ed25519-sha256", "ed25519-sha256" },
	{ "key", "algorithm", "\"\"", "\"\"" },
	{ "key", "algorithm", "rsa-sha1", NULL },
	{ "key", "algorithm", "rsa", NULL },
	{ "domain", "algorithms", "rsa-sha256", "{ rsa-sha256 }" },
	{ "domain", "algorithms", "{ ed25519-sha256, rsa-sha256 }",
	    "{ ed25519-sha256, rsa-sha256 }" },
	{ "domain", "algorithms", "{ }", NULL },
	{ "domain", "algorithms", "rsa-sha1", NULL },
	{ "domain", "canon", "relaxed/relaxed", "relaxed/relaxed" },
	{ "domain", "canon", "relaxed/simple", "relaxed/simple" },
	{ "domain", "canon", "simple/relaxed", "simple/relaxed" },
	{ "profile", "canon", "simple/simple", "simple/simple" },
	{ "domain", "canon", "relaxed", NULL },
	{ "domain", "canon", "nowsp/simple", NULL },
	{ "domain", "on-fragile", "warn", "warn" },
	{ "domain", "on-fragile", "reject", "reject" },
	{ "profile", "on-fragile", "sign", "sign" },
	{ "domain", "on-fragile", "tempfail", NULL },
	{ "dmarc", "temperror", "tempfail", "tempfail" },
	{ "dmarc", "temperror", "accept", "tag" },
	{ "dmarc", "temperror", "reject", NULL },
	{ "dmarc", "quarantine", "reject", "reject" },
	{ "dmarc", "quarantine", "tempfail", NULL },
	{ "dmarc", "reject", "never", "never" },
	{ "dmarc", "discovery", "psl", "psl" },
	{ "dmarc", "records", "no", "no" },
	{ "dmarc", "record-bytes", "1m", "1m" },
	{ "dmarc", "record-bytes", "1023k", NULL },
	{ "dmarc", "record-bytes", "65g", NULL },
	{ "dmarc", "record-age", "365d", "365d" },
	{ "dmarc", "record-age", "23h", NULL },
	{ "dmarc", "record-age", "366d", NULL },
	{ "dmarc", "multi-from", "tag", "tag" },
	{ "trust", "authenticated", "no", "no" },
	{ "trust", "authenticated", "on", NULL },
	{ "trust", "authenticated", "1", NULL },

	/* names */
	{ "", "authserv-id", "MX.Example.", "\"mx.example\"" },
	{ "", "authserv-id", "\"\"", "\"\"" },
	{ "", "authserv-id", "\"b\303\274cher.example\"",
	    "\"xn--bcher-kva.example\"" },
	{ "", "authserv-id", "\"a b\"", NULL },
	{ "", "authserv-id", "\"*.example\"", NULL },
	{ "", "own-ids", "{ }", "{ }" },
	{ "", "own-ids", "old.example", "{ \"old.example\" }" },
	{ "", "own-ids", "{ \"a\", 'b\\'\"' }", "{ \"a\", \"b'\\\"\" }" },
	{ "", "own-ids", "{ \"a\\\\b\" }", "{ \"a\\\\b\" }" },
	{ "", "own-ids", "{ \"a b\" }", NULL },
	{ "", "own-ids", "{ \"\" }", NULL },
	{ "", "own-ids", "{ \"" A256 "\" }", NULL },
	{ "trust", "listeners", "{ }", "{ }" },

	/* names of header fields */
	{ "domain", "sign", "default", "{ \"default\" }" },
	{ "domain", "sign", "{ default, X-Campaign }",
	    "{ \"default\", \"X-Campaign\" }" },
	{ "domain", "sign", "{ }", "{ }" },
	{ "profile", "oversign", "{ List-Id }", "{ \"List-Id\" }" },
	{ "domain", "oversign", "{ \"x!#$%&'*+/=?^_`{|}~\" }",
	    "{ \"x!#$%&'*+/=?^_`{|}~\" }" },
	{ "domain", "sign", "{ \"" F77 "\" }", "{ \"" F77 "\" }" },
	{ "domain", "sign", "{ \"" F77 "x\" }", NULL },
	{ "domain", "sign", "{ \"\" }", NULL },
	{ "domain", "sign", "{ \"a b\" }", NULL },
	{ "domain", "sign", "{ \"a:\" }", NULL },
	{ "domain", "sign", "{ \"a;b\" }", NULL },
	{ "domain", "sign", "{ \"\303\274\" }", NULL },
	{ "domain", "sign", "{ Return-Path }", NULL },
	{ "domain", "sign", "{ received }", NULL },
	{ "domain", "sign", "{ DKIM-SIGNATURE }", NULL },
	{ "domain", "sign", "{ Authentication-Results }", NULL },
	{ "domain", "sign", "{ Received-SPF }", NULL },
	{ "domain", "sign", "{ ARC-Seal }", NULL },
	{ "domain", "sign", "{ arc-message-signature }", NULL },
	{ "domain", "sign", "{ bcc }", NULL },
	{ "domain", "sign", "{ Comments }", NULL },
	{ "domain", "sign", "{ Keywords }", NULL },
	{ "domain", "oversign", "{ Return-Path }", NULL },
	{ "domain", "oversign", "{ BCC }", NULL },
	{ "domain", "oversign", "{ Received }", NULL },
	{ "domain", "oversign", "{ ARC- }", NULL },

	/* lines */
	{ "spf", "explanation", "\"see %{i} \\\"x\\\"\"",
	    "\"see %{i} \\\"x\\\"\"" },
	{ "spf", "explanation", "\"\"", "\"\"" },
	{ "spf", "explanation", "\"\303\274\"", NULL },
	{ "spf", "explanation",
	    "\"" A64 A64 A64 A64 A64 A64 "0123456789012345\"",
	    "\"" A64 A64 A64 A64 A64 A64 "0123456789012345\"" },
	{ "spf", "explanation",
	    "\"" A64 A64 A64 A64 A64 A64 "01234567890123456\"", NULL },

	/* paths and stores */
	{ "", "seal-key", "/a/b", "\"/a/b\"" },
	{ "", "seal-key", "a/b", "\"a/b\"" },
	{ "", "seal-key", "\"/a b\"", "\"/a b\"" },
	{ "", "seal-key", "\"\"", "\"\"" },
	{ "", "store", "mem", "\"mem\"" },
	{ "", "store", "\"redis://127.0.0.1\"", "\"redis://127.0.0.1\"" },
	{ "", "store", "\"redis://r.example:6379/15\"",
	    "\"redis://r.example:6379/15\"" },
	{ "", "store", "\"redis://[::1]:6379\"", "\"redis://[::1]:6379\"" },
	{ "", "store", "\"redis://[::1]\"", "\"redis://[::1]\"" },
	{ "", "store", "\"redis://\"", NULL },
	{ "", "store", "\"redis://a..b\"", NULL },
	{ "", "store", "\"redis://a:0\"", NULL },
	{ "", "store", "\"redis://a:65536\"", NULL },
	{ "", "store", "\"redis://a:\"", NULL },
	{ "", "store", "\"redis://a/\"", NULL },
	{ "", "store", "\"redis://a/x\"", NULL },
	{ "", "store", "\"redis://[127.0.0.1]\"", NULL },
	{ "", "store", "\"redis://[::1]x\"", NULL },
	{ "", "store", "\"redis://u:p%20w%3ax@r.example/1\"",
	    "\"redis://u:***@r.example/1\"" },
	{ "", "store", "\"Redis://:p@[::1]:1\"", "\"Redis://:***@[::1]:1\"" },
	{ "", "store", "\"redis://:@r.example\"", NULL },
	{ "", "store", "\"redis://u:@r.example\"", NULL },
	{ "", "store", "\"redis://u:a@b@r.example\"", NULL },
	{ "", "store", "\"redis://u:a:b@r.example\"", NULL },
	{ "", "store", "\"redis://u:a%2@r.example\"", NULL },
	{ "", "store", "\"redis://u:a%2x@r.example\"", NULL },
	{ "", "store", "\"redis://u:a/b@r.example\"", NULL },
	{ "", "store", "\"redis://u:p@\"", NULL },
	{ "", "store", "\"redis://u@r.example\"", NULL },
	{ "", "store", "\"rediss://r.example\"", NULL },
	{ "", "store", "\"redis+unix:///a:b@c\"", "\"redis+unix:///a:b@c\"" },
	{ "", "store", "\"redis+unix:///run/r.sock\"",
	    "\"redis+unix:///run/r.sock\"" },
	{ "", "store", "\"redis+unix:///run/r.sock?db=7\"",
	    "\"redis+unix:///run/r.sock?db=7\"" },
	{ "", "store", "\"redis+unix:///run/r.sock?db=\"", NULL },
	{ "", "store", "\"redis+unix:///run/r.sock?db=1024\"", NULL },
	{ "", "store", "\"redis+unix:///run/r.sock?d=7\"", NULL },
	{ "", "store", "\"redis+unix://run/r.sock\"", NULL },
	{ "", "store", "\"\"", NULL },

	/* sockets and servers */
	{ "listen", "spf", "unix:/run/x.sock", "\"unix:/run/x.sock\"" },
	{ "listen", "spf", "unix:x.sock", "\"unix:x.sock\"" },
	{ "listen", "spf",
	    "\"unix:/" A64 "0123456789012345678901234567890"
	    "12345678901\"",
	    "\"unix:/" A64 "012345678901234567890123456789012345678901\"" },
	{ "listen", "spf",
	    "\"unix:/" A64 "0123456789012345678901234567890"
	    "123456789012\"",
	    NULL },
	{ "listen", "spf", "unix:", NULL },
	{ "listen", "spf", "/run/x.sock", NULL },
	{ "listen", "dkim", "inet:8891@127.0.0.1", "\"inet:8891@127.0.0.1\"" },
	{ "listen", "dkim", "inet:8891@localhost", "\"inet:8891@localhost\"" },
	{ "listen", "dmarc", "inet6:65535@::1", "\"inet6:65535@::1\"" },
	{ "listen", "rate", "inet:0@127.0.0.1", NULL },
	{ "listen", "rate", "inet:65536@127.0.0.1", NULL },
	{ "listen", "rate", "inet:8891", NULL },
	{ "listen", "rate", "inet:@127.0.0.1", NULL },
	{ "listen", "rate", "inet:8891@", NULL },
	{ "listen", "rate", "inet7:8891@127.0.0.1", NULL },
	{ "listen", "rate", "\"\"", NULL },
	{ "resolver", "servers", "{ }", "{ }" },
	{ "resolver", "servers", "192.0.2.1", "{ \"192.0.2.1\" }" },
	{ "resolver", "servers", "192.0.2.1:53", "{ \"192.0.2.1:53\" }" },
	{ "resolver", "servers", "{ \"2001:db8::1\", \"[2001:db8::1]:53\" }",
	    "{ \"2001:db8::1\", \"[2001:db8::1]:53\" }" },
	{ "resolver", "servers", "192.0.2.1:0", NULL },
	{ "resolver", "servers", "192.0.2.1:", NULL },
	{ "resolver", "servers", "192.0.2.256", NULL },
	{ "resolver", "servers", "dns.example", NULL },
	{ "resolver", "servers", "\"[2001:db8::1]\"", NULL },
	{ "resolver", "servers", "\"[2001:db8::1]53\"", NULL },
	{ "resolver", "servers", "\"[192.0.2.1]:53\"", NULL },
	{ "resolver", "servers", "\"\"", NULL },

	/* addresses */
	{ "trust", "clients", "{ }", "{ }" },
	{ "trust", "clients", "10.0.0.0/8", "{ \"10.0.0.0/8\" }" },
	{ "trust", "clients", "{ \"::ffff:10.0.0.1\" }",
	    "{ \"10.0.0.1/32\" }" },
	{ "trust", "clients", "{ \"2001:DB8::/32\" }",
	    "{ \"2001:db8::/32\" }" },
	{ "trust", "clients", "10.0.0.0/33", NULL },
	{ "trust", "clients", "10.0.0.1/8", NULL },
	{ "trust", "clients", "10.0.0", NULL },
	{ "trust", "clients", "localhost", NULL },

	/* dates */
	{ "key", "activate-after", "\"2026-12-01\"", "\"2026-12-01\"" },
	{ "key", "activate-after", "2024-02-29", "\"2024-02-29\"" },
	{ "key", "activate-after", "2000-02-29", "\"2000-02-29\"" },
	{ "key", "activate-after", "2026-02-28", "\"2026-02-28\"" },
	{ "key", "activate-after", "9999-12-31", "\"9999-12-31\"" },
	{ "key", "activate-after", "1970-01-02", "\"1970-01-02\"" },
	{ "key", "activate-after", "\"\"", "\"\"" },
	{ "key", "activate-after", "2026-02-29", NULL },
	{ "key", "activate-after", "2100-02-29", NULL },
	{ "key", "activate-after", "2026-13-01", NULL },
	{ "key", "activate-after", "2026-00-01", NULL },
	{ "key", "activate-after", "2026-04-31", NULL },
	{ "key", "activate-after", "2026-04-00", NULL },
	{ "key", "activate-after", "1969-12-31", NULL },
	{ "key", "activate-after", "2026-1-01", NULL },
	{ "key", "activate-after", "26-01-01", NULL },
	{ "key", "activate-after", "2026-01", NULL },
	{ "key", "activate-after", "2026-01-01-", NULL },
	{ "key", "activate-after", "2026-01-01T00:00", NULL },

	/* overrides */
	{ "override", "from", "{ Pay.Example, \"*.EXAMPLE.org\" }",
	    "{ \"pay.example\", \"*.example.org\" }" },
	{ "override", "from", "{ \"*.b\303\274cher.example\" }",
	    "{ \"*.xn--bcher-kva.example\" }" },
	{ "override", "from", "{ }", "{ }" },
	{ "override", "from", "\"*\"", NULL },
	{ "override", "from", "\"*.\"", NULL },
	{ "override", "from", "\"*.*.example\"", NULL },
	{ "override", "from", "\"a.*.example\"", NULL },
	{ "override", "from", "\"a@example\"", NULL },
	{ "override", "header", "{ List-Id, \"Received\", ARC-Seal }",
	    "{ \"List-Id\", \"Received\", \"ARC-Seal\" }" },
	{ "override", "header", F77, "{ \"" F77 "\" }" },
	{ "override", "header", F77 "x", NULL },
	{ "override", "header", "{ }", "{ }" },
	{ "override", "header", "\"List-Id:\"", NULL },
	{ "override", "header", "\"\"", NULL },
	{ "override", "until", "2026-12-31", "\"2026-12-31\"" },
	{ "override", "until", "\"\"", "\"\"" },
	{ "override", "until", "2026-12-32", NULL },
	{ "override", "reject", "never", "never" },
	{ "override", "reject", "corroborated", "corroborated" },
	{ "override", "reject", "always", "always" },
	{ "override", "reject", "\"\"", "\"\"" },
	{ "override", "reject", "tag", NULL },
	{ "override", "quarantine", "tag", "tag" },
	{ "override", "quarantine", "hold", "hold" },
	{ "override", "quarantine", "reject", "reject" },
	{ "override", "quarantine", "tempfail", NULL },
	{ "override", "reason", "mailing_list", "mailing_list" },
	{ "override", "reason", "trusted_forwarder", "trusted_forwarder" },
	{ "override", "reason", "other", "other" },
	{ "override", "reason", "local_policy", "local_policy" },
	{ "override", "reason", "policy_test_mode", NULL },
	{ "override", "reason", "\"\"", NULL },
	{ "override-of-header", "clients", "192.0.2.0/24",
	    "{ \"192.0.2.0/24\" }" },
	{ "override-of-header", "clients", "{ }", "{ }" },
	{ "override-of-header", "dmarc", "none", "none" },
	{ "override-of-header", "dmarc", "quarantine", NULL },

	/* mail that leaves */
	{ "domain", "class", "bulk", "bulk" },
	{ "profile", "class", "transactional", "transactional" },
	{ "domain", "class", "normal", "normal" },
	{ "domain", "class", "trans", NULL },
	{ "preflight", "mode", "enforce", "enforce" },
	{ "preflight", "require", "{ }", "{ }" },
	{ "preflight", "require",
	    "{ list-unsubscribe-oneclick, subject, message-id, date,"
	    " dmarc-record, aligned-spf, aligned-dkim, from-one }",
	    "{ list-unsubscribe-oneclick, subject, message-id, date,"
	    " dmarc-record, aligned-spf, aligned-dkim, from-one }" },
	{ "preflight", "require", "{ date, date }", NULL },
	{ "preflight", "require", "{ dates }", NULL },
	{ "preflight", "egress", "{ 192.0.2.1, \"2001:DB8::1\" }",
	    "{ \"192.0.2.1\", \"2001:db8::1\" }" },
	{ "preflight", "egress", "192.0.2.1/32", NULL },
	{ "preflight", "egress", "192.0.2.0/24", NULL },
	{ "preflight", "egress", "mx.example", NULL },
	{ "preflight", "else", "warn", "warn" },
	{ "preflight", "else", "tempfail", "tempfail" },
	{ "preflight", "else", "reject", "reject" },
	{ "preflight", "else", "hold", NULL },
	{ "preflight", "temperror", "tempfail", "tempfail" },
	{ "preflight", "temperror", "accept", "tag" },
	{ "preflight", "temperror", "reject", NULL },
	{ "warmup", "first-day", "0", "0" },
	{ "warmup", "first-day", "1", "1" },
	{ "warmup", "first-day", "1000000000", "1000000000" },
	{ "warmup", "first-day", "1000000001", NULL },
	{ "warmup", "first-day", "-1", NULL },
	{ "warmup", "grow", "0", "0" },
	{ "warmup", "grow", "1.4", "1.4" },
	{ "warmup", "grow", "1.400", "1.4" },
	{ "warmup", "grow", "1.001", "1.001" },
	{ "warmup", "grow", "1.05", "1.05" },
	{ "warmup", "grow", "2", "2" },
	{ "warmup", "grow", "4.000", "4" },
	{ "warmup", "grow", "1", NULL },
	{ "warmup", "grow", "1.000", NULL },
	{ "warmup", "grow", "4.001", NULL },
	{ "warmup", "grow", "1.4000", NULL },
	{ "warmup", "grow", "1.", NULL },
	{ "warmup", "grow", "\".5\"", NULL },
	{ "warmup", "grow", "1.4.1", NULL },
	{ "warmup", "grow", "-1.4", NULL },
	{ "warmup", "grow", "1e3", NULL },
	{ "warmup", "grow", "\"1,4\"", NULL },
	{ "warmup", "grow", "1001.4", NULL },
	{ "warmup", "plateau", "1000000000000", "1000000000000" },
	{ "warmup", "plateau", "1000000000001", NULL },
	{ "warmup", "hours", "1", "1" },
	{ "warmup", "hours", "24", "24" },
	{ "warmup", "hours", "0", NULL },
	{ "warmup", "hours", "25", NULL },
	{ "warmup", "over", "tempfail", "defer" },
	{ "warmup", "over", "log", "log" },
	{ "warmup", "over", "reject", NULL },
	{ "warmup", "mode", "monitor", "monitor" },
	{ "provider", "domains", "{ \"Gmail.com\", \"*.googlemail.com\" }",
	    "{ \"gmail.com\", \"*.googlemail.com\" }" },
	{ "provider", "domains", "{ \"*gmail.com\" }", NULL },
	{ "provider", "mx", "{ \".Google.com\", googlemail.com }",
	    "{ \"google.com\", \"googlemail.com\" }" },
	{ "provider", "mx", ".", NULL },
	{ "provider", "mx", "\"..google.com\"", NULL },
	{ "provider", "mx", "\"*.google.com\"", NULL },
	{ "plain-provider", "transports", "{ google, slow }",
	    "{ \"google\", \"slow\" }" },
	{ "plain-provider", "transports", "{ }", NULL },
	{ "rate", "login-limit", "{ }", "{ }" },
	{ "rate", "login-limit", "{ 100/1h, 500/1d }",
	    "{ \"100/1h\", \"500/1d\" }" },
	{ "rate", "login-limit", "{ 100/1m, 100/1h }", NULL },
	{ "rate", "login-limit", "0/1h", NULL },
	{ "rate", "peers", "1000", "1000" },
	{ "rate", "peers", "0", NULL },
	{ "rate", "peers", "1001", NULL },
	{ "rate", "store-timeout", "5ms", "5ms" },
	{ "rate", "store-timeout", "5s", "5s" },
	{ "rate", "store-timeout", "4ms", NULL },
	{ "rate", "store-timeout", "5001ms", NULL },
	{ "rate", "store-bytes", "1m", "1m" },
	{ "rate", "store-bytes", "1024g", "1024g" },
	{ "rate", "store-bytes", "1023k", NULL },
	{ "rate", "store-bytes", "1025g", NULL },
	{ "rate", "password-file", "pw", "\"pw\"" },
	{ "rate", "password-file", "\"\"", "\"\"" },
	{ "rate", "internal", "{ example.com, \"*.example.com\" }",
	    "{ \"example.com\", \"*.example.com\" }" },
	{ "rate", "internal", "a..b", NULL },
	{ "rate", "internal-transports", "{ }", "{ }" },
	{ "rate", "internal-transports", "dovecot", "{ \"dovecot\" }" },
	{ "rate", "contact", "\"the desk, 1-800\"", "\"the desk, 1-800\"" },
	{ "rate", "contact", "\"\"", "\"\"" },
	{ "rate", "contact", "\"caf\303\251\"", NULL },

	/* rates, limits, aliases */
	{ "limit", "burst", "0", "0" },
	{ "limit", "burst", "10k", "10k" },
	{ "limit", "burst", "1000000000000", "1000000000000" },
	{ "limit", "burst", "1000000000001", NULL },
	{ "limit", "count", "messages", "messages" },
	{ "limit", "count", "unique-recipients", "unique-recipients" },
	{ "limit", "count", "hosts", NULL },
	{ "limit", "by", "{ auth, sender, client, domain, provider }",
	    "{ auth, sender, client, domain, provider }" },
	{ "limit", "by", "{ rcpt-domain, auth }", "{ rcpt-domain, auth }" },
	{ "limit", "by", "all", "{ all }" },
	{ "limit", "by", "{ all, auth }", NULL },
	{ "limit", "by", "{ auth, domain, auth }", NULL },
	{ "limit", "over", "defer", "defer" },
	{ "limit", "over", "tempfail", "defer" },
	{ "limit", "over", "reject", "reject" },
	{ "limit", "over", "log", "log" },
	{ "limit", "over", "hold", NULL },
	{ "limit", "mode", "monitor", "monitor" },
	{ "limit", "mode", "log", NULL },
	{ "top-limit", "by", "{ domain, provider }", "{ domain, provider }" },
	{ "top-limit", "by", "all", "{ all }" },
	{ "top-limit", "count", "messages", "messages" },
	{ "profile-limit", "rate", "1000000000000/31d",
	    "{ \"1000000000000/31d\" }" },
	{ "profile-limit", "rate", "1/1s", "{ \"1/1s\" }" },
	{ "profile-limit", "rate", "5/60s", "{ \"5/1m\" }" },
	{ "profile-limit", "rate", "5/90s", "{ \"5/90s\" }" },
	{ "profile-limit", "rate", "2000/1m", "{ \"2000/1m\" }" },
	{ "profile-limit", "rate", "2k/1m", "{ \"2k/1m\" }" },
	{ "profile-limit", "rate", "512m/1h", "{ \"512m/1h\" }" },
	{ "profile-limit", "rate", "931g/1h", "{ \"931g/1h\" }" },
	{ "profile-limit", "rate", "932g/1h", NULL },
	{ "profile-limit", "rate", "1000000000001/1s", NULL },
	{ "profile-limit", "rate", "1t/1s", NULL },
	{ "profile-limit", "rate",
	    "{ 1/1s, 2/2s, 3/3s, 4/4s, 5/5s, 6/6s, 7/7s,"
	    " 8/8s, 9/9s }",
	    NULL },
	{ "profile-limit", "rate", "1/999ms", NULL },
	{ "profile-limit", "rate", "1/744h", "{ \"1/31d\" }" },
	{ "profile-limit", "rate", "1/745h", NULL },
	{ "profile-limit", "rate", "1/1s/", NULL },
	{ "profile-limit", "rate", "/1s", NULL },
	{ "profile-limit", "rate", "1", NULL },
	{ "senders", "auth", "{ \"*@a.example\" }", "{ \"*@a.example\" }" },
	{ "senders", "aliases", "{ 'a\"=b=c@D.example' }",
	    "{ \"a\\\"=b=c@d.example\" }" },
	{ "senders", "aliases", "{ \"a@b=c@d@e.example\" }",
	    "{ \"a@b=c@d@e.example\" }" },
	{ "senders", "aliases", "{ \"a=@d.example\" }", NULL },
	{ "senders", "aliases", "{ \"a=b@\" }", NULL },
	{ "senders", "aliases", "{ \"a b=c@d.example\" }", NULL },
	{ "senders", "aliases", "{ \"a=b c@d.example\" }", NULL },
	{ "senders", "aliases", "{ \"a\" }", NULL },
	{ "senders", "else", "unsigned", "unsigned" },
	{ "senders", "else", "accept", NULL },
};

static void
write_file(const struct row *row, const char *value, struct gp_buf *out)
{
	const char *section = row->section;

	gp_buf_reset(out);
	if (strcmp(section, "key") == 0)
		gp_buf_addf(out,
		    "domain a.example { key x { file = f state = staged"
		    " %s = %s } }",
		    row->name, value);
	else if (strcmp(section, "plain-key") == 0)
		gp_buf_addf(out,
		    "domain a.example { key x { file = f %s = %s } }",
		    row->name, value);
	else if (strcmp(section, "domain") == 0)
		gp_buf_addf(out, "domain a.example { %s = %s }", row->name,
		    value);
	else if (strcmp(section, "profile") == 0)
		gp_buf_addf(out,
		    "profile p { %s = %s } domain a.example { profile = p }",
		    row->name, value);
	else if (strcmp(section, "limit") == 0)
		gp_buf_addf(out,
		    "domain a.example { limit x { rate = 1/1s %s = %s } }",
		    row->name, value);
	else if (strcmp(section, "top-limit") == 0)
		gp_buf_addf(out, "limit x { rate = 1/1s %s = %s }", row->name,
		    value);
	else if (strcmp(section, "profile-limit") == 0)
		gp_buf_addf(out,
		    "profile p { limit x { %s = %s } }"
		    " domain a.example { profile = p }",
		    row->name, value);
	else if (strcmp(section, "warmup") == 0)
		gp_buf_addf(out, "domain a.example { warmup all { %s = %s } }",
		    row->name, value);
	else if (strcmp(section, "provider") == 0)
		gp_buf_addf(out, "provider p { transports = x %s = %s }",
		    row->name, value);
	else if (strcmp(section, "plain-provider") == 0)
		gp_buf_addf(out, "provider p { %s = %s }", row->name, value);
	else if (strcmp(section, "preflight") == 0)
		gp_buf_addf(out, "domain a.example { preflight { %s = %s } }",
		    row->name, value);
	else if (strcmp(section, "senders") == 0)
		gp_buf_addf(out, "domain a.example { senders { %s = %s } }",
		    row->name, value);
	else if (strcmp(section, "override") == 0)
		gp_buf_addf(out,
		    "override o { clients = 192.0.2.1 dmarc = none %s = %s }",
		    row->name, value);
	else if (strcmp(section, "override-of-header") == 0)
		gp_buf_addf(out,
		    "override o { header = X reject = never %s = %s }",
		    row->name, value);
	else if (section[0] == '\0')
		gp_buf_addf(out, "%s = %s", row->name, value);
	else
		gp_buf_addf(out, "%s { %s = %s }", section, row->name, value);
	assert_false(out->overflow);
}

/* The value of the line "...NAME = VALUE  # c:1" of what is shown. */
static struct gp_str
value_of(const struct gp_buf *all, const char *name)
{
	const struct gp_str end = GP_STR("  # c:1");
	struct gp_str rest = gp_buf_str(all);

	while (rest.p != NULL) {
		struct gp_str value = gp_str_split(&rest, '\n');
		struct gp_str option = gp_str_split(&value, ' ');

		if (gp_str_ends_nocase(option, gp_str(name)) &&
		    gp_str_ends_nocase(value, end))
			return gp_str_n(value.p + 2, value.n - 2 - end.n);
	}
	fail_msg("%s is not in\n%s", name, gp_buf_cstr(all));
	return gp_str("");
}

/* "" when the file is refused. */
static void
read_and_show(const char *name, const struct gp_buf *file, struct gp_buf *out)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf all;

	gp_buf_reset(out);
	gp_problems_init(&problems);
	gp_buf_init(&all, 65536);
	if (gp_policy_parse(gp_buf_str(file), "c", &config, &problems) ==
	    GP_OK) {
		gp_policy_show(gp_policy_for(config, "a.example"), &all);
		gp_buf_add_str(out, value_of(&all, name));
	} else if (problems.count != 1) {
		fail_msg("%s", gp_buf_cstr(&problems.text));
	}
	gp_config_unref(config);
	gp_buf_clear(&all);
	gp_problems_clear(&problems);
}

static void
policy_value_is_read_to_its_ends_and_shown_as_it_reads(void **state)
{
	struct gp_buf file;
	struct gp_buf shown;

	(void)state;
	gp_buf_init(&file, 4096);
	gp_buf_init(&shown, 4096);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const char *want = row->shown == NULL ? "" : row->shown;

		write_file(row, row->value, &file);
		read_and_show(row->name, &file, &shown);
		if (strcmp(gp_buf_cstr(&shown), want) != 0)
			fail_msg("%s: %s, wanted %s", gp_buf_cstr(&file),
			    gp_buf_cstr(&shown), want);
		if (row->shown == NULL)
			continue;
		write_file(row, want, &file);
		read_and_show(row->name, &file, &shown);
		if (strcmp(gp_buf_cstr(&shown), want) != 0)
			fail_msg("again %s: %s", gp_buf_cstr(&file),
			    gp_buf_cstr(&shown));
	}
	gp_buf_clear(&file);
	gp_buf_clear(&shown);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    policy_value_is_read_to_its_ends_and_shown_as_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
