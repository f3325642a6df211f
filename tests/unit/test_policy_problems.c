/*
 * Every problem of a policy file: where it is said to be and in which words,
 * what else of the file is still looked at, and that nothing is said twice.
 */
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define L42 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"
#define L60 L42 "abcdefghijklmnopqr"

struct row {
	const char *label;
	struct gp_str text; /* of the file "c" */
	const char *want;   /* the problems, one a line; "": none */
};

static const struct row rows[] = {
	{ .label = "empty file is fine", .text = GP_STR(""), .want = "" },
	{ .label = "comments of every kind",
	    .text = GP_STR("# a\n"
			   "// b\n"
			   "/* c\n"
			   " d */ store = mem // e\n"),
	    .want = "" },
	{ .label = "CR LF",
	    .text = GP_STR("store = mem\r\n"
			   "spf {\r\n"
			   "}\r\n"),
	    .want = "" },
	{ .label = "unknown option",
	    .text = GP_STR("spf {\n"
			   "  fial = tag\n"
			   "}\n"),
	    .want = "c:2: fial: expected an option or a section of spf; did "
		    "you mean \"fail\"?\n" },
	{ .label = "unknown option, nothing near",
	    .text = GP_STR("spf { zzzzzz = tag }"),
	    .want = "c:1: zzzzzz: expected an option or a section of spf\n" },
	{ .label = "unknown option at top",
	    .text = GP_STR("authserv = x"),
	    .want = "c:1: authserv: expected an option or a section\n" },
	{ .label = "unknown section",
	    .text = GP_STR("spff { mode = enforce }"),
	    .want = "c:1: spff: expected an option or a section; did you mean "
		    "\"spf\"?\n" },
	{ .label = "unknown section: its content is not looked at",
	    .text =
		GP_STR("unknown { a = b  c { d = e } f \"g\" { h = { i } } }\n"
		       "stor = x"),
	    .want = "c:1: unknown: expected an option or a section\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "section of elsewhere",
	    .text = GP_STR("domain a.example { resolver_ { } }"),
	    .want = "c:1: resolver_: expected an option or a section of "
		    "domain\n" },
	{ .label = "enum word",
	    .text = GP_STR("spf { mode = enforced }"),
	    .want = "c:1: \"enforced\": spf.mode: expected monitor or enforce; "
		    "did you mean \"enforce\"?\n" },
	{ .label = "bool word",
	    .text = GP_STR("trust { authenticated = true }"),
	    .want =
		"c:1: \"true\": trust.authenticated: expected yes or no\n" },
	{ .label = "word with wrong case",
	    .text = GP_STR("spf { mode = Enforce }"),
	    .want = "c:1: \"Enforce\": spf.mode: expected monitor or enforce; "
		    "did you mean \"enforce\"?\n" },
	{ .label = "section written as option",
	    .text = GP_STR("spf = enforce"),
	    .want = "c:1: spf: expected `spf {`, it is a section\n" },
	{ .label = "option written as section",
	    .text = GP_STR("spf { fail { } }"),
	    .want = "c:1: fail: expected `fail = VALUE`, it is an option\n" },
	{ .label = "list where one value belongs",
	    .text = GP_STR("spf { fail = { tag } }"),
	    .want = "c:1: fail: expected one value without braces, tag, "
		    "reject, tempfail or hold\n" },
	{ .label = "one value where a list belongs is fine",
	    .text = GP_STR("trust { clients = 10.0.0.0/8 }"),
	    .want = "" },
	{ .label = "empty list where one value belongs",
	    .text = GP_STR("store = { }"),
	    .want = "c:1: store: expected one value without braces, mem, lmdb, "
		    "or the URL of a Redis server\n" },
	{ .label = "two values without comma",
	    .text =
		GP_STR("trust { clients = { \"10.0.0.0/8\" \"10.0.0.0/9\" } }"),
	    .want = "c:1: \"10.0.0.0/9\": expected a comma before it\n" },
	{ .label = "two commas",
	    .text = GP_STR("trust { listeners = { a,, b } }"),
	    .want = "c:1: ,: expected a value before it\n" },
	{ .label = "comma first",
	    .text = GP_STR("trust { listeners = { , a } }"),
	    .want = "c:1: ,: expected a value before it\n" },
	{ .label = "comma last is fine",
	    .text = GP_STR("trust { listeners = { a, b, } }"),
	    .want = "" },
	{ .label = "missing title",
	    .text = GP_STR("domain { subdomains = maybe }"),
	    .want = "c:1: domain: expected `domain \"TITLE\" {`, the title is "
		    "a domain name\n"
		    "c:1: \"maybe\": domain.subdomains: expected yes or no\n" },
	{ .label = "title too many",
	    .text = GP_STR("spf \"x\" { fail = rejct }"),
	    .want = "c:1: \"x\": spf: expected `spf {`, there is no title\n"
		    "c:1: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "title that is no domain",
	    .text = GP_STR("domain \"a..example\" { spf { fail = rejct } }"),
	    .want = "c:1: \"a..example\": domain: expected a domain name (a "
		    "label of the domain is empty)\n"
		    "c:1: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "title that is no name",
	    .text = GP_STR("profile \"a b\" { }"),
	    .want = "c:1: \"a b\": profile: expected a name of letters, "
		    "digits, hyphens and underscores\n" },
	{ .label = "override of everything",
	    .text = GP_STR("override x { dmarc = none until = 2026-12-31 }"),
	    .want = "c:1: override \"x\": expected at least one of from, "
		    "clients, header\n" },
	{ .label = "override that does nothing",
	    .text = GP_STR("\noverride x { header = X }"),
	    .want = "c:2: override \"x\": expected at least one of reject, "
		    "quarantine, dmarc\n" },
	{ .label = "override of nothing but empty lists",
	    .text = GP_STR("override x { from = { } clients = { } header = { }"
			   " dmarc = none }"),
	    .want = "c:1: override \"x\": expected at least one of from, "
		    "clients, header\n" },
	{ .label = "override with nothing but empty words",
	    .text = GP_STR("override x { header = X reject = \"\" }"),
	    .want = "c:1: override \"x\": expected at least one of reject, "
		    "quarantine, dmarc\n" },
	{ .label = "override whose only words are wrong: said once",
	    .text = GP_STR("override x { from = a..b reject = sometimes }"),
	    .want = "c:1: \"a..b\": override.from: expected domain names, "
		    "with \"*.\" in front for all below (a label of the "
		    "domain is empty)\n"
		    "c:1: \"sometimes\": override.reject: expected never, "
		    "corroborated or always\n" },
	{ .label = "override twice",
	    .text = GP_STR("override x { header = X dmarc = none }\n"
			   "override y { header = X dmarc = none }\n"
			   "override x { header = Y dmarc = none }\n"),
	    .want = "c:3: override \"x\": expected once only; the first is at "
		    "c:1\n" },
	{ .label = "override without a title",
	    .text = GP_STR("override { header = X dmarc = none }"),
	    .want = "c:1: override: expected `override \"TITLE\" {`, the "
		    "title is a name of letters, digits, hyphens and "
		    "underscores\n" },
	{ .label = "override with a word of elsewhere",
	    .text = GP_STR("override x { header = X dmarc = none mode = on }"),
	    .want = "c:1: mode: expected an option or a section of "
		    "override\n" },
	{ .label = "selector that is none",
	    .text = GP_STR("domain \"a.example\" { key \"a b\" { file = x } }"),
	    .want = "c:1: \"a b\": key: expected a selector (octet 0x20 can "
		    "not stand in a domain)\n" },
	{ .label = "append",
	    .text = GP_STR("own-ids += { a }"),
	    .want = "c:1: own-ids +=: expected =, lists are not added to\n" },
	{ .label = "call",
	    .text = GP_STR("include(\"x.conf\")\n"
			   "stor = a"),
	    .want = "c:1: include(: expected no call; further files are those "
		    "of policy.d\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "no value",
	    .text = GP_STR("store =\n"
			   "authserv-id = \"a.example\""),
	    .want = "c:1: store =: expected a value\n" },
	{ .label = "no value before a section",
	    .text = GP_STR("store =\n"
			   "domain \"a.example\" { profile = zz }"),
	    .want = "c:1: store =: expected a value\n"
		    "c:2: \"zz\": profile: expected the name of a profile\n" },
	{ .label = "no value at the end",
	    .text = GP_STR("store ="),
	    .want = "c:1: store =: expected a value\n" },
	{ .label = "no value before a brace",
	    .text = GP_STR("spf { fail = }\n"
			   "stor = a"),
	    .want = "c:1: fail =: expected a value\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "two values for one",
	    .text = GP_STR("spf {\n"
			   " fail = tag reject\n"
			   " softfail = rejct }"),
	    .want = "c:2: reject: expected `= VALUE` or `{` after it\n"
		    "c:3: \"rejct\": spf.softfail: expected tag, reject, "
		    "tempfail or hold; did you mean \"reject\"?\n" },
	{ .label = "no equals sign",
	    .text = GP_STR("spf {\n"
			   " fail reject\n"
			   " softfail = rejct }"),
	    .want = "c:2: fail: expected `= VALUE` or `{` after it\n"
		    "c:3: \"rejct\": spf.softfail: expected tag, reject, "
		    "tempfail or hold; did you mean \"reject\"?\n" },
	{ .label = "name alone",
	    .text = GP_STR("spf {\n"
			   " fail\n"
			   " softfail = rejct }"),
	    .want = "c:2: fail: expected `= VALUE` or `{` after it\n"
		    "c:3: \"rejct\": spf.softfail: expected tag, reject, "
		    "tempfail or hold; did you mean \"reject\"?\n" },
	{ .label = "value without a name",
	    .text = GP_STR("= tag\n"
			   "stor = a"),
	    .want = "c:1: =: expected the name of an option or a section\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "string without a name",
	    .text = GP_STR("\"a\" = tag\n"
			   "stor = a"),
	    .want = "c:1: \"a\": expected the name of an option or a section\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "semicolon",
	    .text = GP_STR("store = mem;\n"
			   "stor = a"),
	    .want = "c:1: mem;: expected a word, or quotes around this\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "option twice",
	    .text = GP_STR("spf {\n"
			   " fail = tag\n"
			   " fail = reject\n"
			   "}"),
	    .want = "c:3: fail: expected once only; the first is at c:2\n" },
	{ .label = "option twice, the second one wrong",
	    .text = GP_STR("spf {\n"
			   " fail = tag\n"
			   " fail = rejct\n"
			   "}"),
	    .want = "c:3: fail: expected once only; the first is at c:2\n" },
	{ .label = "option twice, the first one wrong",
	    .text = GP_STR("spf {\n"
			   " fail = rejct\n"
			   " fail = tag\n"
			   "}"),
	    .want = "c:2: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n"
		    "c:3: fail: expected once only; the first is at c:2\n" },
	{ .label = "option twice at top",
	    .text = GP_STR("store = mem\n"
			   "store = lmdb"),
	    .want = "c:2: store: expected once only; the first is at c:1\n" },
	{ .label = "section twice",
	    .text = GP_STR("spf { fail = tag }\n"
			   "spf { fail = tag softfail = rejct }"),
	    .want = "c:2: spf: expected once only; the first is at c:1\n"
		    "c:2: \"rejct\": spf.softfail: expected tag, reject, "
		    "tempfail or hold; did you mean \"reject\"?\n" },
	{ .label = "section twice in a domain",
	    .text = GP_STR("domain a.example {\n"
			   " spf { }\n"
			   " spf { fail = rejct }\n"
			   "}"),
	    .want = "c:3: spf: expected once only; the first is at c:2\n"
		    "c:3: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "domain twice, other case and final dot",
	    .text = GP_STR("domain \"a.example\" { }\n"
			   "domain \"A.Example.\" { spf { fail = rejct } }"),
	    .want = "c:2: domain \"a.example\": expected once only; the first "
		    "is at c:1\n"
		    "c:2: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "domain twice, U-label and A-label",
	    .text = GP_STR("domain \"b\303\274cher.example\" { }\n"
			   "domain \"xn--bcher-kva.example\" { }"),
	    .want = "c:2: domain \"xn--bcher-kva.example\": expected once "
		    "only; the first is at c:1\n" },
	{ .label = "profile twice",
	    .text = GP_STR("profile p { }\n"
			   "profile p { }"),
	    .want = "c:2: profile \"p\": expected once only; the first is at "
		    "c:1\n" },
	{ .label = "profile names keep their case",
	    .text = GP_STR("profile p { }\n"
			   "profile P { }"),
	    .want = "" },
	{ .label = "key twice",
	    .text = GP_STR("domain a.example {\n"
			   " key s { file = a }\n"
			   " key S { file = b }\n"
			   "}"),
	    .want =
		"c:3: key \"s\": expected once only; the first is at c:2\n" },
	{ .label = "limit twice",
	    .text = GP_STR("domain a.example {\n"
			   " limit l { rate = 1/1s }\n"
			   " limit l { rate = 1/1s }\n"
			   "}"),
	    .want = "c:3: limit \"l\": expected once only; the first is at "
		    "c:2\n" },
	{ .label = "key and limit may share a name",
	    .text =
		GP_STR("domain a.example { key l { file = a } limit l { rate = "
		       "1/1s } }"),
	    .want = "" },
	{ .label = "no profile of that name",
	    .text = GP_STR("profile bulk { }\n"
			   "domain a.example { profile = bluk }"),
	    .want = "c:2: \"bluk\": profile: expected the name of a profile; "
		    "did you mean \"bulk\"?\n" },
	{ .label = "no profile at all",
	    .text = GP_STR("domain a.example { profile = bulk }"),
	    .want =
		"c:1: \"bulk\": profile: expected the name of a profile\n" },
	{ .label = "brace missing at the end",
	    .text = GP_STR("domain a.example {\n"
			   " spf {\n"
			   "  fail = rejct\n"),
	    .want = "c:1: domain \"a.example\" {: expected a closing brace }\n"
		    "c:2: spf {: expected a closing brace }\n"
		    "c:3: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "brace missing before a domain",
	    .text = GP_STR("domain a.example {\n"
			   " spf { fail = tag\n"
			   "}\n"
			   "domain b.example { spf { fail = rejct } }\n"),
	    .want = "c:1: domain \"a.example\" {: expected a closing brace } "
		    "before line 4\n"
		    "c:4: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "brace missing before a section of the top",
	    .text = GP_STR("trust { authenticated = yes\n"
			   "resolver { tries = 9 }\n"),
	    .want = "c:1: trust {: expected a closing brace } before line 2\n"
		    "c:2: \"9\": resolver.tries: expected a number from 1 to "
		    "5\n" },
	{ .label = "a section of the top in a domain, no brace missing",
	    .text = GP_STR("domain a.example {\n"
			   " dkim { mode = enforce }\n"
			   " subdomains = maybe\n"
			   "}\n"),
	    .want = "c:2: dkim: expected an option or a section of domain\n"
		    "c:3: \"maybe\": domain.subdomains: expected yes or no\n" },
	{ .label = "brace too many",
	    .text = GP_STR("spf { } }\n"
			   "stor = a"),
	    .want = "c:1: }: expected no closing brace, no section is open\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "brace of a list missing, next line",
	    .text = GP_STR("trust { clients = { \"10.0.0.0/8\"\n"
			   " listeners = { a }\n"
			   " authenticated = maybe }"),
	    .want =
		"c:1: clients = {: expected a closing brace } of the list\n"
		"c:3: \"maybe\": trust.authenticated: expected yes or no\n" },
	{ .label = "brace of a list missing, after a comma",
	    .text = GP_STR("trust { clients = { \"10.0.0.0/8\",\n"
			   " listeners = { a }\n"
			   " authenticated = maybe }"),
	    .want =
		"c:1: clients = {: expected a closing brace } of the list\n"
		"c:3: \"maybe\": trust.authenticated: expected yes or no\n" },
	{ .label = "brace of a list missing, end",
	    .text = GP_STR("own-ids = { a, b"),
	    .want =
		"c:1: own-ids = {: expected a closing brace } of the list\n" },
	{ .label = "brace of a list missing before a block",
	    .text = GP_STR("own-ids = { a\n"
			   "domain \"a.example\" { spf { fail = rejct } }"),
	    .want = "c:1: own-ids = {: expected a closing brace } of the list\n"
		    "c:2: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "quote missing",
	    .text = GP_STR("store = \"mem\n"
			   "authserv-id = \"a..b\""),
	    .want = "c:1: \"mem: expected a closing quote on the same line\n"
		    "c:2: \"a..b\": authserv-id: expected a domain name, or "
		    "\"\" for the name of the MTA (a label of the domain is "
		    "empty)\n" },
	{ .label = "quote missing in a title",
	    .text = GP_STR("domain \"a.example {\n"
			   " spf { fail = rejct }\n"
			   "}"),
	    .want = "c:1: \"a.example {: expected a closing quote on the same "
		    "line\n"
		    "c:2: \"rejct\": spf.fail: expected tag, reject, tempfail "
		    "or hold; did you mean \"reject\"?\n" },
	{ .label = "quote missing at the end",
	    .text = GP_STR("store = \"mem"),
	    .want = "c:1: \"mem: expected a closing quote on the same line\n" },
	{ .label = "single quotes",
	    .text = GP_STR("store = 'mem'"),
	    .want = "" },
	{ .label = "quote in single quotes",
	    .text = GP_STR("spf { explanation = 'say \"no\" \\\\ it\\'s' }"),
	    .want = "" },
	{ .label = "backslash",
	    .text = GP_STR("spf { explanation = \"a\\nb\" }"),
	    .want =
		"c:1: \"a\\nb\": expected only the quote or \\ after a \\\n" },
	{ .label = "escape at the end of the line",
	    .text = GP_STR("spf { explanation = \"a\\\n"
			   "b\" }"),
	    .want = "c:1: \"a\\: expected a closing quote on the same line\n"
		    "c:1: spf {: expected a closing brace }\n"
		    "c:2: \" }: expected a closing quote on the same line\n" },
	{ .label = "backslash in a title",
	    .text = GP_STR("domain \"a\\\\.example\" { }"),
	    .want = "c:1: \"a\\\\.example\": expected a title without \\\n" },
	{ .label = "string over two lines",
	    .text = GP_STR("spf { explanation = \"a\n"
			   " b\" }\n"
			   "stor = a"),
	    .want = "c:1: \"a: expected a closing quote on the same line\n"
		    "c:1: spf {: expected a closing brace }\n"
		    "c:2: \" }: expected a closing quote on the same line\n"
		    "c:3: stor: expected an option or a section of spf\n" },
	{ .label = "comment without an end",
	    .text = GP_STR("store = mem /* x\n"
			   " stor = a\n"),
	    .want = "c:1: /*: expected */ at the end of the comment\n" },
	{ .label = "variable",
	    .text = GP_STR("store = \"${STORE}\""),
	    .want = "c:1: \"${STORE}\": expected no ${, variables are not put "
		    "in\n" },
	{ .label = "variable in single quotes",
	    .text = GP_STR("store = '${STORE}'"),
	    .want = "c:1: '${STORE}': expected no ${, variables are not put "
		    "in\n" },
	{ .label = "variable without quotes",
	    .text = GP_STR("store = ${STORE}\n"
			   "stor = a"),
	    .want = "c:1: ${STORE}: expected no ${, variables are not put in\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "variable in a comment is fine",
	    .text = GP_STR("# ${STORE}\n"),
	    .want = "" },
	{ .label = "URL without quotes",
	    .text = GP_STR("store = redis://127.0.0.1\n"
			   "stor = a"),
	    .want = "c:1: redis://127.0.0.1: expected quotes, there is // or "
		    "/* in it\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "comment in a word",
	    .text = GP_STR("store = a/*b*/"),
	    .want = "c:1: a/*b*/: expected quotes, there is // or /* in it\n" },
	{ .label = "control character",
	    .text = GP_STR("spf { explanation = \"a\tb\" }"),
	    .want = "c:1: \"a?b\": expected no control characters\n" },
	{ .label = "vertical tab between",
	    .text = GP_STR("store\013= mem\n"
			   "stor = a"),
	    .want = "c:1: store?: expected a word, or quotes around this\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "UTF-8 outside of quotes",
	    .text = GP_STR("store = m\303\253m\n"
			   "stor = a"),
	    .want = "c:1: m\303\253m: expected a word, or quotes around this\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "C1 control in a string",
	    .text = GP_STR("spf { explanation = \"a\302\205b\" }"),
	    .want = "c:1: \"a??b\": expected no control characters\n" },
	{ .label = "NUL byte",
	    .text = GP_STR("store = mem\n"
			   "spf { explanation = \"a\000b\" }\n"
			   "stor = a"),
	    .want = "c:2: a NUL byte: expected text\n"
		    "c:3: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "NUL byte in a comment",
	    .text = GP_STR("# a\000b\n"
			   "stor = a"),
	    .want = "c:1: a NUL byte: expected text\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "NUL byte between",
	    .text = GP_STR("store = mem\000\n"
			   "stor = a"),
	    .want = "c:1: a NUL byte: expected text\n"
		    "c:2: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "bytes that are no UTF-8",
	    .text = GP_STR("store = \"\377\"\n"
			   "# \303\n"
			   "stor = a"),
	    .want = "c:1: a byte that is no UTF-8: expected UTF-8\n"
		    "c:2: a byte that is no UTF-8: expected UTF-8\n"
		    "c:3: stor: expected an option or a section; did you mean "
		    "\"store\"?\n" },
	{ .label = "key without a file",
	    .text = GP_STR("domain a.example { key s { state = active } }"),
	    .want = "c:1: key \"s\": expected `file = ...` in it, the path of "
		    "a private key\n" },
	{ .label = "key with an empty file",
	    .text = GP_STR("domain a.example { key s { file = \"\" } }"),
	    .want =
		"c:1: \"\": key.file: expected the path of a private key\n" },
	{ .label = "key in a profile",
	    .text = GP_STR("profile p { key s { file = a } }"),
	    .want = "c:1: key: expected an option or a section of profile\n" },
	{ .label = "staged key with a date that is none",
	    .text = GP_STR("domain a.example { key s { file = a state = staged "
			   "activate-after = \"2026-02-29\" } }"),
	    .want = "c:1: \"2026-02-29\": key.activate-after: expected a date "
		    "YYYY-MM-DD, or \"\" for none\n" },
	{ .label = "active key with a date",
	    .text =
		GP_STR("domain a.example { key s { file = a activate-after = "
		       "\"2026-02-28\" } }"),
	    .want = "c:1: key \"s\": expected `state = staged` beside "
		    "activate-after\n" },
	{ .label = "retired key with a date",
	    .text = GP_STR("domain a.example {\n"
			   " key s { file = a state = retired\n"
			   "  activate-after = \"2026-02-28\" } }"),
	    .want = "c:2: key \"s\": expected `state = staged` beside "
		    "activate-after\n" },
	{ .label = "staged key that was retired on a day",
	    .text = GP_STR("domain a.example {\n"
			   " key s { file = a state = staged\n"
			   "  retired-on = \"2026-02-28\" } }"),
	    .want = "c:2: key \"s\": expected `state = retired` beside "
		    "retired-on\n" },
	{ .label = "active key that was retired on a day",
	    .text = GP_STR("domain a.example { key s { file = a retired-on = "
			   "2026-02-28 } }"),
	    .want = "c:1: key \"s\": expected `state = retired` beside "
		    "retired-on\n" },
	{ .label = "retired key with a day that is none",
	    .text = GP_STR("domain a.example { key s { file = a\n"
			   " state = retired retired-on = yesterday } }"),
	    .want = "c:2: \"yesterday\": key.retired-on: expected a date "
		    "YYYY-MM-DD, or \"\" for none\n" },
	{ .label = "key in a state that is none",
	    .text = GP_STR(
		"domain a.example { key s { file = a state = retird } }"),
	    .want = "c:1: \"retird\": key.state: expected staged, active or "
		    "retired; did you mean \"retired\"?\n" },
	{ .label = "key of an algorithm that nobody should use",
	    .text = GP_STR("domain a.example {\n"
			   " key s { file = a\n"
			   "  algorithm = rsa-sha1 } }"),
	    .want = "c:3: \"rsa-sha1\": key.algorithm: expected rsa-sha256 or "
		    "ed25519-sha256\n" },
	{ .label = "key twice, of two labels, other case and final dot",
	    .text = GP_STR("domain a.example {\n"
			   " key s1.news { file = a }\n"
			   " key \"S1.News.\" { file = b }\n"
			   "}"),
	    .want = "c:3: key \"s1.news\": expected once only; the first is at "
		    "c:2\n" },
	{ .label = "selector that makes the name in DNS too long",
	    .text = GP_STR("domain " L60 "." L60 "." L60 ".example {\n"
			   " key " L42 ".abcdefgh { file = a }\n"
			   " key " L42 ".abcdefghi { file = a }\n"
			   "}"),
	    .want = "c:3: \"" L42 ".abcdefghi\": key: expected a selector with "
		    "which SELECTOR._domainkey.DOMAIN has at most 253 "
		    "octets\n" },
	{ .label = "algorithms: none",
	    .text = GP_STR("domain a.example { algorithms = { } }"),
	    .want = "c:1: \"{ }\": domain.algorithms: expected rsa-sha256, "
		    "ed25519-sha256 or both\n" },
	{ .label = "algorithms: one word wrong",
	    .text = GP_STR("profile p {\n"
			   " algorithms = { rsa-sha256, ed25519 } }"),
	    .want = "c:2: \"ed25519\": profile.algorithms: expected "
		    "rsa-sha256, ed25519-sha256 or both\n" },
	{ .label = "algorithms: nearly",
	    .text = GP_STR("domain a.example { algorithms = rsa_sha256 }"),
	    .want = "c:1: \"rsa_sha256\": domain.algorithms: expected "
		    "rsa-sha256, ed25519-sha256 or both; did you mean "
		    "\"rsa-sha256\"?\n" },
	{ .label = "canon that is none",
	    .text = GP_STR("domain a.example { canon = relaxed }"),
	    .want = "c:1: \"relaxed\": domain.canon: expected "
		    "relaxed/relaxed, relaxed/simple, simple/relaxed or "
		    "simple/simple\n" },
	{ .label = "expire too soon",
	    .text = GP_STR("domain a.example { expire = 30m }"),
	    .want = "c:1: \"30m\": domain.expire: expected 0 for none, or a "
		    "time from 1h to 365d\n" },
	{ .label = "trace field signed",
	    .text = GP_STR("domain a.example {\n"
			   " sign = { default, Received,\n"
			   "  X-A, ARC-Seal } }"),
	    .want = "c:2: \"Received\": domain.sign: expected \"default\" or "
		    "names of header fields, none of them a trace field\n"
		    "c:2: \"ARC-Seal\": domain.sign: expected \"default\" or "
		    "names of header fields, none of them a trace field\n" },
	{ .label = "Bcc oversigned in a profile",
	    .text = GP_STR("profile p { oversign = bcc }"),
	    .want = "c:1: \"bcc\": profile.oversign: expected \"default\" or "
		    "names of header fields, none of them a trace field\n" },
	{ .label = "on-fragile: nearly",
	    .text = GP_STR("domain a.example { on-fragile = rejct }"),
	    .want = "c:1: \"rejct\": domain.on-fragile: expected warn, reject "
		    "or sign; did you mean \"reject\"?\n" },
	{ .label = "dkim action that is none",
	    .text = GP_STR("dkim { permerror = hold }"),
	    .want = "c:1: \"hold\": dkim.permerror: expected tag, tempfail or "
		    "reject\n" },
	{ .label = "signing is no matter of the top",
	    .text = GP_STR("expire = 10d"),
	    .want = "c:1: expire: expected an option or a section\n" },
	{ .label = "alias without a login",
	    .text = GP_STR("domain a.example { senders { aliases = { "
			   "\"=a@b.example\" } } }"),
	    .want = "c:1: \"=a@b.example\": senders.aliases: expected texts "
		    "\"LOGIN=LOCAL@DOMAIN\"\n" },
	{ .label = "alias without a domain",
	    .text = GP_STR(
		"domain a.example { senders { aliases = { \"a=b\" } } }"),
	    .want = "c:1: \"a=b\": senders.aliases: expected texts "
		    "\"LOGIN=LOCAL@DOMAIN\"\n" },
	{ .label = "alias of a domain that is none",
	    .text = GP_STR("domain a.example { senders { aliases = { "
			   "\"a=b@c..example\" } } }"),
	    .want =
		"c:1: \"a=b@c..example\": senders.aliases: expected texts "
		"\"LOGIN=LOCAL@DOMAIN\" (a label of the domain is empty)\n" },
	{ .label = "client with bits behind the prefix",
	    .text = GP_STR(
		"domain a.example { senders { clients = { \"10.0.0.1/8\" } "
		"} }"),
	    .want = "c:1: \"10.0.0.1/8\": senders.clients: expected IP "
		    "addresses or prefixes (address bits are set behind the "
		    "prefix; write 10.0.0.0/8)\n" },
	{ .label = "inside of a domain SPF has only mode and actions",
	    .text = GP_STR("domain a.example { spf { max-terms = 3 } }"),
	    .want =
		"c:1: max-terms: expected an option or a section of spf\n" },
};

static void
policy_problems_are_said_with_place_and_expectation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_config *config = NULL;
		struct gp_problems problems;
		enum gp_rc rc;

		gp_problems_init(&problems);
		rc = gp_policy_parse(rows[i].text, "c", &config, &problems);
		if (strcmp(gp_buf_cstr(&problems.text), rows[i].want) != 0 ||
		    (rc == GP_OK) != (rows[i].want[0] == '\0') ||
		    (rc == GP_OK) != (config != NULL))
			fail_msg("%s: %s, got\n%swanted\n%s", rows[i].label,
			    gp_rc_name(rc), gp_buf_cstr(&problems.text),
			    rows[i].want);
		gp_config_unref(config);
		gp_problems_clear(&problems);
	}
}

/* What is sound in a file with problems is not in force. */
static void
policy_with_a_problem_makes_no_snapshot(void **state)
{
	struct gp_config *config = (struct gp_config *)state;
	struct gp_problems problems;

	gp_problems_init(&problems);
	assert_int_equal(gp_policy_parse(GP_STR("store = mem\nspf { a = b }"),
			     "c", &config, &problems),
	    GP_PERM);
	assert_null(config);
	assert_int_equal(problems.count, 1);
	gp_problems_clear(&problems);
}

static void
policy_text_above_the_maximum_is_refused(void **state)
{
	char *text = malloc(GP_CONFIG_FILE_MAX + 1);
	struct gp_config *config = NULL;
	struct gp_problems problems;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', GP_CONFIG_FILE_MAX + 1);
	gp_problems_init(&problems);
	assert_int_equal(gp_policy_parse(gp_str_n(text, GP_CONFIG_FILE_MAX),
			     "c", &config, &problems),
	    GP_OK);
	gp_config_unref(config);
	assert_int_equal(gp_policy_parse(gp_str_n(text, GP_CONFIG_FILE_MAX + 1),
			     "c", &config, &problems),
	    GP_PERM);
	assert_string_equal(gp_buf_cstr(&problems.text),
	    "c: 4194305 bytes: expected at most 4194304\n");
	gp_problems_clear(&problems);
	free(text);
}

static void
policy_value_above_the_maximum_is_refused(void **state)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;

	(void)state;
	gp_problems_init(&problems);
	gp_buf_init(&text, 10000);
	gp_buf_adds(&text, "own-ids = { \"");
	for (int i = 0; i < 5000; i++)
		gp_buf_addc(&text, 'a');
	gp_buf_adds(&text, "\" }\nstor = mem\n");
	assert_int_equal(gp_policy_parse(gp_buf_str(&text), "c", &config,
			     &problems),
	    GP_PERM);
	assert_int_equal(problems.count, 2);
	assert_non_null(strstr(gp_buf_cstr(&problems.text),
	    "aaa: expected at most 4096 bytes\nc:2: stor:"));
	gp_buf_clear(&text);
	gp_problems_clear(&problems);
}

static void
policy_problems_beyond_the_maximum_are_counted(void **state)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;
	size_t lines = 0;

	(void)state;
	gp_problems_init(&problems);
	gp_buf_init(&text, 100000);
	for (int i = 0; i < 250; i++)
		gp_buf_addf(&text, "zzz%d = 1\n", i);
	assert_int_equal(gp_policy_parse(gp_buf_str(&text), "c", &config,
			     &problems),
	    GP_PERM);
	assert_int_equal(problems.count, 250);
	for (struct gp_str rest = gp_buf_str(&problems.text); rest.p != NULL;
	     (void)gp_str_split(&rest, '\n'))
		lines++;
	assert_int_equal(lines, GP_CONFIG_PROBLEMS_MAX + 2);
	assert_true(gp_str_ends_nocase(gp_buf_str(&problems.text),
	    GP_STR("c:100: zzz99: expected an option or a section\n"
		   "more problems are not shown\n")));
	gp_buf_clear(&text);
	gp_problems_clear(&problems);
}

static void
policy_problems_are_sorted_by_file_and_line(void **state)
{
	static const struct gp_origin places[] = { { "b", 10 }, { "b", 9 },
		{ "ab", 1 }, { NULL, 0 }, { "b", 0 }, { "a", 2 }, { "b", 9 } };
	struct gp_problems problems;

	(void)state;
	gp_problems_init(&problems);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		gp_problems_add(&problems, places[i], "%zu", i);
	gp_problems_sort(&problems);
	assert_string_equal(gp_buf_cstr(&problems.text),
	    "3\na:2: 5\nab:1: 2\nb: 4\nb:9: 1\nb:9: 6\nb:10: 0\n");
	gp_problems_clear(&problems);
}

static void
policy_problem_shows_no_control_character(void **state)
{
	struct gp_problems problems;

	(void)state;
	gp_problems_init(&problems);
	gp_problems_add(&problems, (struct gp_origin){ "a\033b\n", 1 }, "%s",
	    "\r\t\177\302\205\303\251\n");
	assert_string_equal(gp_buf_cstr(&problems.text),
	    "a?b?:1: \?\?\?\?\?\303\251?\n");
	gp_problems_clear(&problems);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    policy_problems_are_said_with_place_and_expectation),
		cmocka_unit_test(policy_with_a_problem_makes_no_snapshot),
		cmocka_unit_test(policy_text_above_the_maximum_is_refused),
		cmocka_unit_test(policy_value_above_the_maximum_is_refused),
		cmocka_unit_test(
		    policy_problems_beyond_the_maximum_are_counted),
		cmocka_unit_test(policy_problems_are_sorted_by_file_and_line),
		cmocka_unit_test(policy_problem_shows_no_control_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
