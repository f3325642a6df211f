/* Address lists by the grammar of RFC 5322, or nothing; one author or none. */
#include "base/buf.h"
#include "core/limits.h"
#include "core/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define A64        "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01"
#define A256       A64 A64 A64 A64
#define L63        "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define D253       L63 "." L63 "." L63 "." A60 "."
#define A60        "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwx"
#define DEEP_OPEN  "((((((((((((((((" /* 16, half of GP_COMMENT_DEPTH_MAX */
#define DEEP_CLOSE "))))))))))))))))"

struct row {
	const char *label;
	struct gp_str value;
	const char *list; /* "{LOCAL}DOMAIN ..." */
};

#define OK(what, text, mailboxes)                                              \
	{                                                                      \
		.label = (what), .value = GP_STR(text), .list = (mailboxes)    \
	}
#define NO(what, text)                                                         \
	{                                                                      \
		.label = (what), .value = GP_STR(text)                         \
	}

static const struct row readable[] = {
	OK("bare", "joe@example.com", "{joe}example.com"),
	OK("leading blank", " joe@example.com", "{joe}example.com"),
	OK("blanks around", "\t joe@example.com \t", "{joe}example.com"),
	OK("angle", "<joe@example.com>", "{joe}example.com"),
	OK("angle with blanks inside", "< joe@example.com >",
	    "{joe}example.com"),
	OK("case of the local part stays", "Joe@EXAMPLE.Com",
	    "{Joe}example.com"),
	OK("display name", "Joe Smith <joe@example.com>", "{joe}example.com"),
	OK("display name without blank", "Joe<joe@example.com>",
	    "{joe}example.com"),
	OK("display name in quotes", "\"Smith, Joe\" <joe@example.com>",
	    "{joe}example.com"),
	OK("display name of several kinds of words",
	    "Joe \"J\" Q. =?utf-8?Q?S?= <joe@example.com>", "{joe}example.com"),
	OK("quoted strings without blanks", "\"a\"b\"c\"<joe@example.com>",
	    "{joe}example.com"),
	OK("empty quoted display name", "\"\" <joe@example.com>",
	    "{joe}example.com"),
	OK("dots in a display name", "J.R. . Smith.. <joe@example.com>",
	    "{joe}example.com"),
	OK("display name in UTF-8", "J\xc3\xb6rg \xe4\xb8\xad <j@example.com>",
	    "{j}example.com"),
	OK("address in a quoted display name",
	    "\"ceo@bank.example\" <joe@evil.example>", "{joe}evil.example"),
	OK("angle in a quoted display name",
	    "\"<ceo@bank.example>\" <joe@evil.example>", "{joe}evil.example"),
	OK("escaped quote in a display name",
	    "\"\\\" <ceo@bank.example>\" <joe@evil.example>",
	    "{joe}evil.example"),
	OK("encoded word is not decoded",
	    "=?utf-8?B?PGFkbWluQGJhbmsuZXhhbXBsZT4=?= <joe@evil.example>",
	    "{joe}evil.example"),
	OK("encoded word as a local part",
	    "=?utf-8?Q?admin=40bank.example?=@evil.example",
	    "{=?utf-8?Q?admin=40bank.example?=}evil.example"),
	OK("all of atext", "a1!#$%&'*+-/=?^_`{|}~@example.com",
	    "{a1!#$%&'*+-/=?^_`{|}~}example.com"),
	OK("dot-atom", "a.b.c@example.com", "{a.b.c}example.com"),
	OK("quoted local part", "\"joe smith\"@example.com",
	    "{joe smith}example.com"),
	OK("quoted local part with every trap",
	    "\"a@b>c,d;e:f(g)\\\"h\\\\\"@example.com",
	    "{a@b>c,d;e:f(g)\"h\\}example.com"),
	OK("quoted pair of a plain character", "\"j\\oe\"@example.com",
	    "{joe}example.com"),
	OK("quoted pair of a blank", "\"j\\ oe\"@example.com",
	    "{j oe}example.com"),
	OK("quoted pair of UTF-8", "\"j\\\xc3\xb6\"@example.com",
	    "{j\xc3\xb6}example.com"),
	OK("empty local part", "\"\"@example.com", "{}example.com"),
	OK("quoted address as a local part",
	    "\"Joe <ceo@bank.example>\"@evil.example",
	    "{Joe <ceo@bank.example>}evil.example"),
	OK("UTF-8 local part", "j\xc3\xb6rg@example.com",
	    "{j\xc3\xb6rg}example.com"),
	OK("U-labels", "joe@M\xc3\x9cNCHEN.example",
	    "{joe}xn--mnchen-3ya.example"),
	OK("A-labels", "joe@XN--MNCHEN-3YA.example",
	    "{joe}xn--mnchen-3ya.example"),
	OK("single label", "root@localhost", "{root}localhost"),
	OK("longest local part", A256 "@example.com", "{" A256 "}example.com"),
	OK("longest quoted local part", "\"" A256 "\"@example.com",
	    "{" A256 "}example.com"),
	OK("longest domain", "a@" L63 "." L63 "." L63 "." A60 "a",
	    "{a}" L63 "." L63 "." L63 "." A60 "a"),
	OK("IPv4 literal", "joe@[192.0.2.1]", "{joe}[192.0.2.1]"),
	OK("IPv6 literal", "joe@[ipv6:2001:DB8::0:1]",
	    "{joe}[IPv6:2001:db8::1]"),
	OK("mapped literal", "joe@[IPv6:::ffff:192.0.2.1]", "{joe}[192.0.2.1]"),
	OK("blanks in a literal", "joe@[ 192.0.2.1\r\n ]", "{joe}[192.0.2.1]"),

	/* blanks and comments wherever the grammar has them */
	OK("fold before", "\r\n joe@example.com", "{joe}example.com"),
	OK("bare LF fold", "\n\tjoe@example.com", "{joe}example.com"),
	OK("fold behind", "joe@example.com\n ", "{joe}example.com"),
	OK("folds one after the other", "Joe\r\n \r\n <joe@example.com>",
	    "{joe}example.com"),
	OK("fold between name and angle", "Joe\n <joe@example.com>",
	    "{joe}example.com"),
	OK("fold in a quoted string", "\"joe\r\n smith\"@example.com",
	    "{joe smith}example.com"),
	OK("HTAB in a quoted string", "\"joe\tsmith\"@example.com",
	    "{joe\tsmith}example.com"),
	OK("comment before", "(a) joe@example.com", "{joe}example.com"),
	OK("comment behind", "joe@example.com (Joe)", "{joe}example.com"),
	OK("comment with everything in it",
	    "(\"a@b\" <c@d>, \\) \\( ; : [)joe@example.com",
	    "{joe}example.com"),
	OK("comment in UTF-8", "(J\xc3\xb6) joe@example.com",
	    "{joe}example.com"),
	OK("comment with folds", "(a\r\n b\n c)joe@example.com",
	    "{joe}example.com"),
	OK("comments nested to the bound",
	    DEEP_OPEN DEEP_OPEN DEEP_CLOSE DEEP_CLOSE "joe@example.com",
	    "{joe}example.com"),
	OK("comments everywhere",
	    "(1)Joe(2)\"S\"(3)<(4)joe(5)@(6)example(7).(8)com(9)>(10),"
	    "(11)a@b(12)",
	    "{joe}example.com {a}b"),
	OK("comment is no part of the local part",
	    "joe(ceo@bank.example)@example.com", "{joe}example.com"),
	OK("blanks around dots", "a . b @ c . d", "{a.b}c.d"),
	OK("quoted words in a local part", "\"a b\".c.\"d\"@example.com",
	    "{a b.c.d}example.com"),
	OK("comment in a domain (pain 22)", "joe@bank.example(a).evil.example",
	    "{joe}bank.example.evil.example"),

	/* lists and groups */
	OK("two", "a@b.example, c@d.example", "{a}b.example {c}d.example"),
	OK("two without blank", "<a@b>,c@d", "{a}b {c}d"),
	OK("the same twice", "a@b,a@b", "{a}b {a}b"),
	OK("empty members", ", ,a@b, (x), ,c@d,,", "{a}b {c}d"),
	OK("group", "Us: a@b, Joe <c@d>;", "{a}b {c}d"),
	OK("address as its own display name", "a@b <a@b>", "{a}b"),
	OK("address of the same domain as a display name",
	    "a@B.Example (x) <c@b.example>, d@e", "{c}b.example {d}e"),
	OK("group of none among others", "Nobody:;, a@b", "{a}b"),
	OK("groups and mailboxes", "a@b, \"G\"(x): c@d;(y), e@f, H:g@h,;",
	    "{a}b {c}d {e}f {g}h"),
	OK("group with empty members", "G: , ,a@b,\n ,;", "{a}b"),

	/* the obsolete route */
	OK("route", "<@a,@b:user@c>", "{user}c"),
	OK("route with commas to spare", "<, ,@a,,(x)@b,:user@c>", "{user}c"),
	OK("route with blanks and literals",
	    "X < @ a . b , @[192.0.2.1] : user @ c >", "{user}c"),

	/* the forms of the public attack cases that have one reading */
	OK("A08, first field", "<first@attacker.example>",
	    "{first}attacker.example"),
	OK("A14", "<first@attacker.example>, <admin@bank.example>",
	    "{first}attacker.example {admin}bank.example"),
	OK("A16", "<@attacker.example,@any.example:admin@bank.example>",
	    "{admin}bank.example"),
	OK("A18", "admin@bank.example,<second@attacker.example>",
	    "{admin}bank.example {second}attacker.example"),
};

static const struct row without_mailbox[] = {
	NO("empty group", "Undisclosed recipients:;"),
	NO("two of them", "a:;, b: (x) ;,"),
	NO("only empty members", "a:,,;"),
};

static const struct row refused[] = {
	NO("nothing", ""),
	NO("blanks", " \t\r\n "),
	NO("comment alone", "(joe@example.com)"),
	NO("commas alone", ", ,"),
	NO("bare word", "joe"),
	NO("words", "Joe Smith"),
	NO("quoted string alone", "\"joe@example.com\""),
	NO("empty angle", "<>"),
	NO("name and empty angle", "Joe <>"),
	NO("comment in the angle", "<(joe@example.com)>"),
	NO("word in the angle", "<joe>"),
	NO("two without a comma", "a@b c@d"),
	NO("two angles", "<a@b> <c@d>"),
	NO("two angles, together", "<a@b><c@d>"),
	NO("angle in an angle", "<<a@b>>"),
	NO("angle in an address", "<a<b@c>@d>"),
	NO("address as a display name", "a@b <c@d>"),
	NO("address of a sub-domain as a display name", "a@s.b <c@b>"),
	NO("two addresses as a display name", "a@b c@b <d@b>"),
	NO("address as a display name, nothing in the angle", "a@b <>"),
	NO("address in a display name", "Joe a@b <c@d>"),
	NO("address before quoted display name", "a@b \"Joe\" <c@d>"),
	NO("text behind the angle", "<a@b> Joe"),
	NO("semicolon as a comma", "a@b; c@d"),
	NO("semicolon at the end", "a@b;"),
	NO("angle never closed", "<a@b"),
	NO("angle never closed, another one", "<a@b, <c@d>"),
	NO("angle never opened", "a@b>"),
	NO("angle never opened, with name", "Joe a@b>"),
	NO("two at signs", "a@b@c"),
	NO("two at signs in the angle", "<a@b@c>"),
	NO("at sign alone", "@"),
	NO("no local part", "@example.com"),
	NO("no local part in the angle", "<@example.com>"),
	NO("comment as a local part", "(a)@example.com"),
	NO("no domain", "joe@"),
	NO("no domain in the angle", "<joe@>"),
	NO("no domain before a comma", "joe@, a@b"),
	NO("comment as a domain", "joe@(example.com)"),
	NO("quoted domain", "joe@\"example.com\""),
	NO("leading dot", ".joe@example.com"),
	NO("trailing dot", "joe.@example.com"),
	NO("two dots", "a..b@example.com"),
	NO("dot alone", ".@example.com"),
	NO("blank in a local part", "joe smith@example.com"),
	NO("quoted string beside an atom", "\"joe\"smith@example.com"),
	NO("atom beside a quoted string", "joe\"smith\"@example.com"),
	NO("atom across a comment", "jo(x)e@example.com"),
	NO("dot before a display name", ". Joe <a@b>"),
	NO("final dot", "joe@example.com."),
	NO("final dot in the angle", "<joe@example.com.>"),
	NO("domain with a leading dot", "joe@.example.com"),
	NO("domain with two dots", "joe@example..com"),
	NO("blank in a domain", "joe@example com"),
	NO("domain with a hyphen first", "joe@-example.com"),
	NO("domain with a character that none has", "joe@exam'ple.com"),
	NO("domain with an ideographic dot", "joe@example\xe3\x80\x82"
					     "com"),
	NO("domain with a long label", "joe@" L63 "x.example"),
	NO("domain too long", "a@" D253 "abc"),
	NO("domain far too long", "a@" A256 A256 A256 A256),
	NO("local part too long", A256 "x@example.com"),
	NO("quoted local part too long", "\"" A256 "x\"@example.com"),
	NO("local part too long by a dot", A256 ".x@example.com"),
	NO("literal without end", "joe@[192.0.2.1"),
	NO("literal in the angle without end", "<joe@[192.0.2.1>"),
	NO("empty literal", "joe@[]"),
	NO("literal with a name", "joe@[example.com]"),
	NO("literal with a comment", "joe@[192.0.2.1(x)]"),
	NO("literal with a quoted pair", "joe@[192.0.2.\\1]"),
	NO("literal with a blank inside", "joe@[192.0. 2.1]"),
	NO("literal and name", "joe@[192.0.2.1].example"),
	NO("bracket before a name", "[list] Joe <a@b>"),
	NO("quotes never closed", "\"Joe <a@b>"),
	NO("quotes closed by a quoted pair", "\"Joe\\\" <a@b>"),
	NO("backslash at the end", "\"Joe\\"),
	NO("backslash before a fold", "\"Joe\\\r\n x\" <a@b>"),
	NO("backslash outside quotes", "Jo\\e <a@b>"),
	NO("comment never closed", "(a joe@example.com"),
	NO("comment closed by a quoted pair", "(a\\) joe@example.com"),
	NO("comment behind the address never closed", "joe@example.com (a"),
	NO("nested comment behind it never closed", "<joe@example.com>(a(b)"),
	NO("comment in the angle never closed", "<joe@example.com(a>"),
	NO("nested comment never closed", "(a(b) joe@example.com"),
	NO("comment never opened", "a) joe@example.com"),
	NO("backslash at the end of a comment", "(a\\"),
	NO("comments nested too deep",
	    "(" DEEP_OPEN DEEP_OPEN DEEP_CLOSE DEEP_CLOSE ")joe@example.com"),
	NO("comments nested too deep behind the address",
	    "joe@example.com(" DEEP_OPEN DEEP_OPEN DEEP_CLOSE DEEP_CLOSE ")"),
	NO("group without end", "G: a@b"),
	NO("group without end, empty", "G:"),
	NO("group without a name", ": a@b;"),
	NO("group with a dot first", ".G: a@b;"),
	NO("group in a group", "G: H: a@b;;"),
	NO("group in a group, empty", "G: H:;"),
	NO("group in a group, both closed", "G: H:;;"),
	NO("group of words", "G: Joe;"),
	NO("groups without a comma", "G:; H:;"),
	NO("address behind a group", "G:; a@b"),
	NO("group in the angle", "<G: a@b;>"),
	NO("address as the name of a group", "a@b: c@d;"),
	NO("route without address", "<@a,@b:>"),
	NO("route without a colon", "<@a,@b>"),
	NO("route without at sign", "<@a,b:user@c>"),
	NO("route without a comma", "<@a@b:user@c>"),
	NO("route of commas", "<,,:user@c>"),
	NO("route with a comma first and no hop", "<,user@c>"),
	NO("route with two colons", "<@a::user@c>"),
	NO("route after a route", "<@a:@b:user@c>"),
	NO("route with a bad domain", "<@a'b:user@c>"),
	NO("route with an empty hop", "<@,@b:user@c>"),
	NO("route outside an angle", "@a,@b:user@c"),
	NO("CR alone", "joe@example.com\r (x)"),
	NO("CR at the end", "joe@example.com\r"),
	NO("LF without a blank", "joe@example.com\n(x)"),
	NO("CR LF without a blank", "Joe\r\nBcc: <joe@example.com>"),
	NO("LF at the end", "joe@example.com\n"),
	NO("CR CR LF", "joe\r\r\n @example.com"),
	NO("line end in quotes", "\"joe\nsmith\"@example.com"),
	NO("line end in a comment", "(a\nb) joe@example.com"),
	NO("NUL", "joe@example.com\0"),
	NO("NUL in quotes", "\"joe\0\"@example.com"),
	NO("NUL in a comment", "(\0) joe@example.com"),
	NO("NUL in a domain", "joe@bank.example\0.evil.example"),
	NO("control in a comment", "(\x01) joe@example.com"),
	NO("control in a quoted pair", "\"\\\x01\"@example.com"),
	NO("escape in quotes", "\"\x1b[1m\" <joe@example.com>"),
	NO("DEL", "joe\x7f@example.com"),
	NO("DEL in quotes", "\"\x7f\"@example.com"),
	NO("DEL in a comment", "(\x7f)joe@example.com"),
	NO("C1 control", "joe\xc2\x85@example.com"),
	NO("Latin-1", "J\xf6rg <joe@example.com>"),
	NO("Latin-1 in quotes", "\"J\xf6rg\" <joe@example.com>"),
	NO("overlong", "joe\xc1\x80@example.com"),
	NO("cut UTF-8", "joe@example.com (\xe4\xb8)"),
	NO("surrogate", "\"\xed\xa0\x80\" <joe@example.com>"),
	NO("full-width at sign", "joe\xef\xbc\xa0"
				 "example.com"),
	NO("full-width angle", "\xef\xbc\x9cjoe@example.com\xef\xbc\x9e c@d"),
	/* and those of the public attack cases that must have no reading */
	NO("A15", "=?utf-8?B?PGFkbWluQGJhbmsuZXhhbXBsZT4=?=,"
		  "<second@attacker.example>"),
	NO("A17", "<admin@bank.example>\\,<second@attacker.example>"),
	NO("A19", "<any@attacker.example>admin@bank.example"),
};

/* What a list would be in the notation of the tables; `out` is cleared. */
static const char *
shown(const struct gp_mailboxes *m, struct gp_buf *out)
{
	gp_buf_reset(out);
	for (size_t i = 0; i < m->n; i++) {
		gp_buf_adds(out, i == 0 ? "{" : " {");
		gp_buf_add_str(out, m->v[i].local);
		gp_buf_addf(out, "}%s", m->v[i].domain);
		assert_int_equal(m->v[i].is_literal, m->v[i].domain[0] == '[');
	}
	return gp_buf_cstr(out);
}

static void
check_row(const struct row *row, enum gp_rc want, struct gp_arena *arena)
{
	/* exactly as long as the value, and gone before the result is read */
	char *block = malloc(row->value.n == 0 ? 1 : row->value.n);
	struct gp_mailboxes got = { .n = 7 };
	struct gp_err err = { "" };
	struct gp_buf text;
	enum gp_rc rc;

	assert_non_null(block);
	memcpy(block, row->value.p, row->value.n);
	rc = gp_mailboxes_parse(gp_str_n(block, row->value.n), arena, &got,
	    &err);
	free(block);
	gp_buf_init(&text, 4096);
	if (rc != want)
		fail_msg("%s: %s: %s %s", row->label, gp_rc_name(rc),
		    shown(&got, &text), err.msg);
	if (want == GP_OK && strcmp(shown(&got, &text), row->list) != 0)
		fail_msg("%s: %s", row->label, gp_buf_cstr(&text));
	if (want != GP_OK && (got.n != 0 || err.msg[0] == '\0'))
		fail_msg("%s: %zu mailboxes, \"%s\"", row->label, got.n,
		    err.msg);
	for (const char *p = err.msg; *p != '\0'; p++)
		if (!gp_is_print(*p))
			fail_msg("%s: octets of the value in \"%s\"",
			    row->label, err.msg);
	gp_buf_clear(&text);
}

static void
check_rows(const struct row *rows, size_t n, enum gp_rc want)
{
	struct gp_arena *arena = gp_arena_new();

	for (size_t i = 0; i < n; i++)
		check_row(&rows[i], want, arena);
	gp_arena_free(arena);
}

static void
mailboxes_readable_table_is_read_one_way(void **state)
{
	(void)state;
	check_rows(readable, COUNT(readable), GP_OK);
}

static void
mailboxes_groups_alone_are_none(void **state)
{
	(void)state;
	check_rows(without_mailbox, COUNT(without_mailbox), GP_NONE);
}

static void
mailboxes_refused_table_is_not_guessed_at(void **state)
{
	(void)state;
	check_rows(refused, COUNT(refused), GP_PERM);
}

/* The first thing that is wrong, not what follows from it. */
static void
mailboxes_clause_names_the_first_fault(void **state)
{
	static const struct {
		const char *value, *clause;
	} rows[] = {
		{ "", "there is no address in it" },
		{ "Joe Smith", "a name has no address" },
		{ "<>", "there is no address between \"<\" and \">\"" },
		{ "<joe>", "an address has no domain" },
		{ "joe smith@a.b",
		    "what stands before \"@\" is no local part" },
		{ "joe@", "a domain is missing or incomplete" },
		{ "joe@-a",
		    "a label of the domain begins or ends with a hyphen" },
		{ "joe@[x]", "the address literal is neither [IPv4] nor "
			     "[IPv6:address]" },
		{ "joe@[x", "an address literal has no end" },
		{ "<joe@a", "\">\" does not stand behind an address" },
		{ "a@b c@d",
		    "something that is no comma stands behind an address" },
		{ "\"Joe <a@b>", "a quoted string has no end" },
		{ "(a a@b", "a comment has no end" },
		{ "(\\", "a backslash stands before no character" },
		{ DEEP_OPEN DEEP_OPEN "((",
		    "comments are nested more than 32 deep" },
		{ DEEP_OPEN DEEP_OPEN "(",
		    "comments are nested more than 32 deep" },
		{ DEEP_OPEN DEEP_OPEN, "a comment has no end" },
		{ ".Joe <a@b>", "a display name begins with a dot" },
		{ "G: a@b", "a group does not end in \";\"" },
		{ "G: H: a@b", "a group stands in a group" },
		{ "<@a@b:c@d>", "a source route is not as it must be" },
		{ "a@b\n", "a line end is not part of a fold" },
		{ "\x01", "there is a control character in it" },
		{ "\xff", "it is not UTF-8" },
		{ A256 "xy@a.b",
		    "the local part has 258 octets, more than 256" },
		{ "a@" A256 A256 A256 A256,
		    "a domain is longer than 253 octets" },
		{ "g:;", "there are only empty groups in it" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_mailboxes got;
		struct gp_err err = { "" };

		if (gp_mailboxes_parse(gp_str(rows[i].value), arena, &got,
			&err) == GP_OK ||
		    strcmp(err.msg, rows[i].clause) != 0)
			fail_msg("%s: \"%s\"", rows[i].value, err.msg);
	}
	gp_arena_free(arena);
}

/* `unit` over and over, `before` and `behind` around it */
static struct gp_str
repeated(struct gp_arena *arena, const char *before, const char *unit,
    size_t times, const char *behind)
{
	struct gp_buf b;
	struct gp_str out;

	gp_buf_init(&b, (size_t)4 * GP_FIELD_MAX);
	gp_buf_adds(&b, before);
	for (size_t i = 0; i < times; i++)
		gp_buf_adds(&b, unit);
	gp_buf_adds(&b, behind);
	assert_false(b.overflow);
	out = gp_arena_dup(arena, gp_buf_str(&b));
	gp_buf_clear(&b);
	return out;
}

static void
mailboxes_bounds_hold_to_the_one(void **state)
{
	static const struct {
		const char *label, *before, *unit;
		size_t times;
		const char *behind;
		enum gp_rc rc;
	} rows[] = {
		{ "most mailboxes", "", "a@b,", GP_MAILBOXES_MAX, "", GP_OK },
		{ "one more", "", "a@b,", GP_MAILBOXES_MAX + 1, "", GP_PERM },
		{ "most in a group", "g:", "<a@b>,", GP_MAILBOXES_MAX, ";",
		    GP_OK },
		{ "one more behind it", "g:", "<a@b>,", GP_MAILBOXES_MAX,
		    ";,a@b", GP_PERM },
		{ "most hops", "<", "@a,", GP_MAILBOXES_MAX - 1, ":a@b>",
		    GP_OK },
		{ "one more", "<", "@a,", GP_MAILBOXES_MAX, ":a@b>", GP_PERM },
		{ "longest field", "a@b", " ", GP_FIELD_MAX - 3, "", GP_OK },
		{ "one more", "a@b", " ", GP_FIELD_MAX - 2, "", GP_PERM },
		{ "many groups", "a@b", ",g:;", 20000, "", GP_OK },
		{ "many comments", "a@b", "(x)", 40000, "", GP_OK },
		{ "long display name", "\"", "x", 100000, "\" <a@b>", GP_OK },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str value = repeated(arena, rows[i].before,
		    rows[i].unit, rows[i].times, rows[i].behind);
		struct gp_mailboxes got;

		if (gp_mailboxes_parse(value, arena, &got, NULL) != rows[i].rc)
			fail_msg("%s", rows[i].label);
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
}

/* A rescan of a field of 128 KiB would be 10^10 steps. */
static void
mailboxes_longest_hostile_fields_are_quick(void **state)
{
	static const char *const units[] = { "(", "((((((((()", ")", "\"",
		"\"\"", "\\", "(\\", "a,", "a@b,", ",", ":", "g:", "g:;,", "<",
		"<@a,", "<@a:", "@a,", "[", "a@[", "a.", ".", "a ", "\r\n ",
		"@\xc3\xbc,", "\xc3\xbc", "(a)", "=?utf-8?Q?" };
	struct gp_arena *arena = gp_arena_new();
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		struct gp_mailboxes got;
		struct gp_str value = repeated(arena, "", units[i],
		    GP_FIELD_MAX / strlen(units[i]), "");
		enum gp_rc rc = gp_mailboxes_parse(value, arena, &got, NULL);

		if (rc == GP_OK || clock() - start > 5 * CLOCKS_PER_SEC)
			fail_msg("%s: %s", units[i], gp_rc_name(rc));
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
}

/* -- the author -------------------------------------------------------- */

struct author_row {
	const char *label;
	struct {
		const char *name, *value;
	} fields[4];
	enum gp_rc rc;
	const char *domain; /* the Author Domain */
	const char *all;
	size_t n_fields;
	const char *domains[3];
	const char *why;
	bool over;
};

static const struct author_row authors[] = {
	{ .label = "one address",
	    .fields = { { "To", " x@y" }, { "From", " Joe <joe@Example.com>" },
		{ "Sender", " s@bank.example" } },
	    .domain = "example.com",
	    .all = "{joe}example.com",
	    .n_fields = 1,
	    .domains = { "example.com" } },
	{ .label = "name in any case",
	    .fields = { { "fRoM", "joe@example.com" } },
	    .domain = "example.com",
	    .all = "{joe}example.com",
	    .n_fields = 1,
	    .domains = { "example.com" } },
	{ .label = "several addresses of one domain",
	    .fields = { { "From", "a@m\xc3\xbcnchen.example, G: "
				  "b@XN--MNCHEN-3YA.Example;" } },
	    .domain = "xn--mnchen-3ya.example",
	    .all = "{a}xn--mnchen-3ya.example {b}xn--mnchen-3ya.example",
	    .n_fields = 1,
	    .domains = { "xn--mnchen-3ya.example" } },
	{ .label = "several domains (attack A14)",
	    .fields = { { "From", " <first@attacker.example>, "
				  "<admin@bank.example>,x@attacker.example" } },
	    .rc = GP_PERM,
	    .all = "{first}attacker.example {admin}bank.example "
		   "{x}attacker.example",
	    .n_fields = 1,
	    .domains = { "attacker.example", "bank.example" },
	    .why = "From has 2 domains" },
	{ .label = "a domain and one below it",
	    .fields = { { "From", "a@example.com,b@sub.example.com" } },
	    .rc = GP_PERM,
	    .all = "{a}example.com {b}sub.example.com",
	    .n_fields = 1,
	    .domains = { "example.com", "sub.example.com" },
	    .why = "From has 2 domains" },
	{ .label = "two fields (attack A08)",
	    .fields = { { "From", " <first@attacker.example>" },
		{ "From", " <admin@bank.example>" } },
	    .rc = GP_PERM,
	    .all = "{first}attacker.example {admin}bank.example",
	    .n_fields = 2,
	    .domains = { "attacker.example", "bank.example" },
	    .why = "there are 2 From fields" },
	{ .label = "two fields, blank before the colon (attack A10)",
	    .fields = { { "From", " <first@attacker.example>" },
		{ "From ", " <admin@bank.example>" } },
	    .rc = GP_PERM,
	    .all = "{first}attacker.example {admin}bank.example",
	    .n_fields = 2,
	    .domains = { "attacker.example", "bank.example" },
	    .why = "there are 2 From fields" },
	{ .label = "two fields, fold before the colon (attack A11)",
	    .fields = { { "From\r\n ", " <first@attacker.example>" },
		{ "From", " <admin@bank.example>" } },
	    .rc = GP_PERM,
	    .all = "{first}attacker.example {admin}bank.example",
	    .n_fields = 2,
	    .domains = { "attacker.example", "bank.example" },
	    .why = "there are 2 From fields" },
	{ .label = "the same field twice",
	    .fields = { { "From", "a@example.com" },
		{ "FROM", "a@example.com" } },
	    .rc = GP_PERM,
	    .all = "{a}example.com {a}example.com",
	    .n_fields = 2,
	    .domains = { "example.com" },
	    .why = "there are 2 From fields" },
	{ .label = "two fields, one that can not be read",
	    .fields = { { "From", "<a@b> c@d" }, { "From", "e@f" },
		{ "From", "" } },
	    .rc = GP_PERM,
	    .all = "{e}f",
	    .n_fields = 3,
	    .domains = { "f" },
	    .why = "there are 3 From fields" },
	{ .label = "two fields, one of an empty group",
	    .fields = { { "From", "g:;" }, { "From", "e@f" } },
	    .rc = GP_PERM,
	    .all = "{e}f",
	    .n_fields = 2,
	    .domains = { "f" },
	    .why = "there are 2 From fields" },
	{ .label = "none",
	    .fields = { { "To", "a@b" }, { "Sender", "admin@bank.example" },
		{ "Resent-From", "admin@bank.example" }, { "Fro", "x@y" } },
	    .rc = GP_NONE,
	    .all = "",
	    .why = "there is no From field" },
	{ .label = "names that only begin like it",
	    .fields = { { "From-", "a@b" }, { "XFrom", "a@b" },
		{ "Fr om", "a@b" }, { "", "a@b" } },
	    .rc = GP_NONE,
	    .all = "",
	    .why = "there is no From field" },
	{ .label = "empty group",
	    .fields = { { "From", " Nobody:;" } },
	    .rc = GP_NONE,
	    .all = "",
	    .n_fields = 1,
	    .why = "From has no address: there are only empty groups in it" },
	{ .label = "empty",
	    .fields = { { "From", " " } },
	    .rc = GP_PERM,
	    .all = "",
	    .n_fields = 1,
	    .why = "From can not be read: there is no address in it" },
	{ .label = "one that can not be read (attack A19)",
	    .fields = { { "From",
		" <any@attacker.example>admin@bank.example" } },
	    .rc = GP_PERM,
	    .all = "",
	    .n_fields = 1,
	    .why = "From can not be read: something that is no comma stands "
		   "behind an address" },
	{ .label = "address literal",
	    .fields = { { "From", "joe@[192.0.2.1]" } },
	    .rc = GP_PERM,
	    .all = "{joe}[192.0.2.1]",
	    .n_fields = 1,
	    .domains = { "[192.0.2.1]" },
	    .why = "From has an address literal" },
	{ .label = "address literal beside a domain",
	    .fields = { { "From", "joe@example.com, joe@[192.0.2.1]" } },
	    .rc = GP_PERM,
	    .all = "{joe}example.com {joe}[192.0.2.1]",
	    .n_fields = 1,
	    .domains = { "example.com", "[192.0.2.1]" },
	    .why = "From has 2 domains" },
	{ .label = "fields are missing",
	    .fields = { { "From", "joe@example.com" } },
	    .rc = GP_PERM,
	    .all = "{joe}example.com",
	    .n_fields = 1,
	    .domains = { "example.com" },
	    .why = "the header is too large to know its From fields",
	    .over = true },
};

static void
check_author(const struct author_row *row, struct gp_arena *arena)
{
	struct gp_field fields[COUNT(row->fields)] = { 0 };
	struct gp_header h = { .v = fields, .over = row->over };
	struct gp_err err = { "" };
	struct gp_author a;
	struct gp_buf text;
	enum gp_rc rc;

	for (; h.n < COUNT(fields) && row->fields[h.n].name != NULL; h.n++)
		fields[h.n] =
		    (struct gp_field){ .name = gp_str(row->fields[h.n].name),
			    .value = gp_str(row->fields[h.n].value) };
	rc = gp_author_find(&h, arena, &a, &err);
	gp_buf_init(&text, 4096);
	if (rc != row->rc || a.fields != row->n_fields ||
	    strcmp(shown(&a.all, &text), row->all) != 0)
		fail_msg("%s: %s %s: %zu fields, %s", row->label,
		    gp_rc_name(rc), err.msg, a.fields, gp_buf_cstr(&text));
	gp_buf_clear(&text);
	if ((a.domain == NULL) != (row->domain == NULL) ||
	    (a.domain != NULL && strcmp(a.domain, row->domain) != 0))
		fail_msg("%s: %s", row->label,
		    a.domain == NULL ? "no domain" : a.domain);
	if (rc != GP_OK && strcmp(err.msg, row->why) != 0)
		fail_msg("%s: \"%s\"", row->label, err.msg);
	for (size_t i = 0; i < COUNT(row->domains); i++) {
		if (row->domains[i] == NULL
			? a.n_domains > i
			: a.n_domains <= i ||
			      strcmp(a.domains[i], row->domains[i]) != 0)
			fail_msg("%s: %zu domains", row->label, a.n_domains);
	}
}

static void
author_table_has_one_domain_or_none(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(authors); i++)
		check_author(&authors[i], arena);
	gp_arena_free(arena);
}

static void
author_many_fields_are_kept_to_the_bound(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_field fields[GP_FIELDS_MAX];
	struct gp_header h = { .v = fields, .n = GP_FIELDS_MAX };
	struct gp_author a;

	(void)state;
	for (size_t i = 0; i < h.n; i++)
		fields[i] = (struct gp_field){ .name = GP_STR("From"),
			.value = gp_str(gp_arena_printf(arena,
			    "a@d%zu,b@e%zu,c@f%zu", i, i, i)) };
	assert_int_equal(gp_author_find(&h, arena, &a, NULL), GP_PERM);
	assert_int_equal(a.fields, GP_FIELDS_MAX);
	assert_int_equal(a.all.n, GP_MAILBOXES_MAX);
	assert_int_equal(a.n_domains, GP_MAILBOXES_MAX);
	assert_string_equal(a.domains[GP_MAILBOXES_MAX - 1], "d85");
	assert_true(gp_arena_bytes(arena) < 2000000);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes_readable_table_is_read_one_way),
		cmocka_unit_test(mailboxes_groups_alone_are_none),
		cmocka_unit_test(mailboxes_refused_table_is_not_guessed_at),
		cmocka_unit_test(mailboxes_clause_names_the_first_fault),
		cmocka_unit_test(mailboxes_bounds_hold_to_the_one),
		cmocka_unit_test(mailboxes_longest_hostile_fields_are_quick),
		cmocka_unit_test(author_table_has_one_domain_or_none),
		cmocka_unit_test(author_many_fields_are_kept_to_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
