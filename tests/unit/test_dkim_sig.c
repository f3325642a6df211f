/* The DKIM-Signature field: RFC 6376 section 3.5, rule by rule, and back. */
#include "core/dkim_sig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HASH "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define SHA1 "MDEyMzQ1Njc4OTAxMjM0NTY3ODk="

/* Two thirds of a signature; the rows put the tag they are about behind. */
#define NO_A  "v=1; b=AAAA; bh=" HASH "; d=example.com; h=From; s=sel; "
#define NO_B  "v=1; a=rsa-sha256; bh=" HASH "; d=example.com; h=From; s=sel; "
#define NO_BH "v=1; a=rsa-sha256; b=AAAA; d=example.com; h=From; s=sel; "
#define NO_D  "v=1; a=rsa-sha256; b=AAAA; bh=" HASH "; h=From; s=sel; "
#define NO_H  "v=1; a=rsa-sha256; b=AAAA; bh=" HASH "; d=example.com; s=sel; "
#define NO_S  "v=1; a=rsa-sha256; b=AAAA; bh=" HASH "; d=example.com; h=From; "
#define WITHOUT_V                                                              \
	"a=rsa-sha256; b=AAAA; bh=" HASH "; d=example.com; h=From; s=sel; "
#define ALL "v=1; " WITHOUT_V

/* -- what is refused, and with which clause ------------------------------ */

struct row {
	const char *label;
	struct gp_str in;
	const char *clause; /* NULL: accepted */
};

static const struct row rules[] = {
	{ "what must be there", GP_STR(ALL), NULL },
	/* "v= Version (...; REQUIRED)", "MUST be '1'" */
	{ "v= missing", GP_STR(WITHOUT_V), "v= is missing" },
	{ "v= of another version", GP_STR(WITHOUT_V "v=2"), "v= is not 1" },
	{ "v= of a draft", GP_STR(WITHOUT_V "v=0.5"), "v= is not 1" },
	{ "v= compared as text", GP_STR(WITHOUT_V "v=01"), "v= is not 1" },
	{ "v= compared as text, too", GP_STR(WITHOUT_V "v=1.0"),
	    "v= is not 1" },
	{ "v= empty", GP_STR(WITHOUT_V "v="), "v= is not 1" },
	{ "v= may be last", GP_STR(WITHOUT_V "v=1"), NULL },
	{ "another version may need other tags", GP_STR("v=2; x=y"),
	    "v= is not 1" },
	/* the others that are REQUIRED */
	{ "a= missing", GP_STR(NO_A), "a= is missing" },
	{ "b= missing", GP_STR(NO_B), "b= is missing" },
	{ "bh= missing", GP_STR(NO_BH), "bh= is missing" },
	{ "d= missing", GP_STR(NO_D), "d= is missing" },
	{ "h= missing", GP_STR(NO_H), "h= is missing" },
	{ "s= missing", GP_STR(NO_S), "s= is missing" },
	/* "Unrecognized tags MUST be ignored" */
	{ "unknown tags", GP_STR(ALL "zz=1; g=*; r=y; z=From:a@b|To:c"), NULL },
	{ "no tag list", GP_STR(ALL ";"), "a tag has no name" },
	{ "a tag twice", GP_STR(ALL "d=example.net"), "a tag is given twice" },
	{ "an unknown tag twice", GP_STR(ALL "zz=1;zz=1"),
	    "a tag is given twice" },
	{ "nothing", GP_STR(""), "no tags" },
};

/* "a= The algorithm used": RFC 8301 section 3.1, RFC 8463 section 3;
 * "Values MUST be processed as case sensitive" */
static const struct row algorithm_rules[] = {
	{ "rsa-sha256", GP_STR(NO_A "a=rsa-sha256"), NULL },
	{ "ed25519-sha256", GP_STR(NO_A "a=ed25519-sha256"), NULL },
	{ "rsa-sha1 with its own hash",
	    GP_STR("v=1; b=AAAA; d=example.com; h=From; s=s; "
		   "a=rsa-sha1; bh=" SHA1),
	    NULL },
	{ "rsa-sha1 with a longer hash", GP_STR(NO_A "a=rsa-sha1"),
	    "bh= is no hash of that algorithm in base64" },
	{ "rsa-sha256 with a shorter hash", GP_STR(NO_BH "bh=" SHA1),
	    "bh= is no hash of that algorithm in base64" },
	{ "upper case", GP_STR(NO_A "a=RSA-SHA256"),
	    "unknown algorithm in a=" },
	{ "rsa-sha512", GP_STR(NO_A "a=rsa-sha512"),
	    "unknown algorithm in a=" },
	{ "half of one", GP_STR(NO_A "a=rsa"), "unknown algorithm in a=" },
	{ "one with more behind", GP_STR(NO_A "a=rsa-sha256x"),
	    "unknown algorithm in a=" },
	{ "empty", GP_STR(NO_A "a="), "unknown algorithm in a=" },
};

/* "b= The signature data (base64; REQUIRED).  Whitespace is ignored" */
static const struct row base64_rules[] = {
	{ "b= with white space", GP_STR(NO_B "b= A\r\n\tA A\n A "), NULL },
	{ "b= empty", GP_STR(NO_B "b="), "b= is empty" },
	{ "b= empty but for white space", GP_STR(NO_B "b= \r\n "),
	    "b= is empty" },
	{ "b= no base64", GP_STR(NO_B "b=!!!!"), "b= is no base64" },
	{ "b= with a stranger among it", GP_STR(NO_B "b=AAAA-AAA"),
	    "b= is no base64" },
	{ "b= of the URL alphabet", GP_STR(NO_B "b=AA_-"), "b= is no base64" },
	{ "b= not padded", GP_STR(NO_B "b=AAA"), "b= is no base64" },
	{ "b= padded twice", GP_STR(NO_B "b=AA==AA=="), "b= is no base64" },
	{ "b= of padding", GP_STR(NO_B "b===="), "b= is no base64" },
	{ "b= with unused bits", GP_STR(NO_B "b=AB=="), "b= is no base64" },
	{ "b= with an octet of UTF-8", GP_STR(NO_B "b=AAA\xc3\xa4"),
	    "b= is no base64" },
	{ "bh= with white space",
	    GP_STR(NO_BH "bh=MDEyMzQ1Njc4OTAx\r\n MjM0NTY3ODkwMTIz "
			 "NDU2Nzg5MDE\n\t="),
	    NULL },
	{ "bh= empty", GP_STR(NO_BH "bh="),
	    "bh= is no hash of that algorithm in base64" },
	{ "bh= no base64", GP_STR(NO_BH "bh=*" HASH),
	    "bh= is no hash of that algorithm in base64" },
	{ "bh= one octet short",
	    GP_STR(NO_BH "bh=MDEyMzQ1Njc4OTAxMjM0NTY3ODkw"
			 "MTIzNDU2Nzg5MA=="),
	    "bh= is no hash of that algorithm in base64" },
	{ "bh= one octet long",
	    GP_STR(NO_BH "bh=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEy"),
	    "bh= is no hash of that algorithm in base64" },
};

/* "d= The SDID", "s= The selector": sig-d-tag = domain-name */
static const struct row name_rules[] = {
	{ "d= not ASCII, RFC 8616",
	    GP_STR(NO_D "d=b\xc3\xbc"
			"cher.example"),
	    NULL },
	{ "d= in A-labels", GP_STR(NO_D "d=xn--bcher-kva.example"), NULL },
	{ "d= of an A-label that is none", GP_STR(NO_D "d=xn--a.example"),
	    "d= is no domain name" },
	{ "d= empty", GP_STR(NO_D "d="), "d= is no domain name" },
	{ "d= of one label", GP_STR(NO_D "d=com"),
	    "d= is a name of one label" },
	{ "d= with a final dot", GP_STR(NO_D "d=example.com."),
	    "d= is no domain name" },
	{ "d= of a dot", GP_STR(NO_D "d=."), "d= is no domain name" },
	{ "d= with two dots", GP_STR(NO_D "d=example..com"),
	    "d= is no domain name" },
	{ "d= with a quote", GP_STR(NO_D "d=bank.example'a.attacker.example"),
	    "d= is no domain name" },
	{ "d= with a parenthesis",
	    GP_STR(NO_D "d=bank.example(.attacker.example"),
	    "d= is no domain name" },
	{ "d= with a comment", GP_STR(NO_D "d=example.com (x)"),
	    "d= is no domain name" },
	{ "d= with white space", GP_STR(NO_D "d=example. com"),
	    "d= is no domain name" },
	{ "d= with a fold", GP_STR(NO_D "d=example.\r\n com"),
	    "d= is no domain name" },
	{ "d= with @", GP_STR(NO_D "d=a@example.com"), "d= is no domain name" },
	{ "d= with a slash", GP_STR(NO_D "d=example.com/x"),
	    "d= is no domain name" },
	{ "d= of an address", GP_STR(NO_D "d=[192.0.2.1]"),
	    "d= is no domain name" },
	{ "d= with a label of 64",
	    GP_STR(NO_D "d=aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaa.example"),
	    "d= is no domain name" },
	{ "d= not UTF-8",
	    GP_STR(NO_D "d=b\xfc"
			"cher.example"),
	    "a tag value that is no UTF-8" },
	{ "d= with NUL", GP_STR(NO_D "d=example.com\0.attacker.example"),
	    "a control character in a tag value" },
	{ "s= of one label", GP_STR(NO_S "s=a"), NULL },
	{ "s= of several", GP_STR(NO_S "s=march.2026.foo"), NULL },
	{ "s= not ASCII, RFC 8616", GP_STR(NO_S "s=m\xc3\xa4rz"), NULL },
	{ "s= with an underscore", GP_STR(NO_S "s=_a_b"), NULL },
	{ "s= empty", GP_STR(NO_S "s="), "s= is no selector" },
	{ "s= with a space", GP_STR(NO_S "s=a b"), "s= is no selector" },
	{ "s= with a dot at its end", GP_STR(NO_S "s=a."),
	    "s= is no selector" },
	{ "s= with a dot at its front", GP_STR(NO_S "s=.a"),
	    "s= is no selector" },
	{ "s= with a colon", GP_STR(NO_S "s=a:b"), "s= is no selector" },
};

/* "h= Signed header fields (plain-text, but see description; REQUIRED)" */
static const struct row header_rules[] = {
	{ "From alone", GP_STR(NO_H "h=From"), NULL },
	{ "From in any case", GP_STR(NO_H "h=Subject:fRoM"), NULL },
	{ "white space around the colons",
	    GP_STR(NO_H "h= To :\r\n\tFrom\n : Cc "), NULL },
	{ "a name twice", GP_STR(NO_H "h=From:From:To:To"), NULL },
	{ "names that no mail has", GP_STR(NO_H "h=From:x!#$%&'*/?@[\\]_`{|}~"),
	    NULL },
	/* "The From field MUST be signed" */
	{ "no From", GP_STR(NO_H "h=To:Subject"), "h= does not cover From" },
	{ "almost From", GP_STR(NO_H "h=Fro:Fromm:X-From"),
	    "h= does not cover From" },
	{ "empty", GP_STR(NO_H "h="), "h= has what is no field name" },
	{ "empty name inside", GP_STR(NO_H "h=From::To"),
	    "h= has what is no field name" },
	{ "empty name first", GP_STR(NO_H "h=:From"),
	    "h= has what is no field name" },
	{ "empty name last", GP_STR(NO_H "h=From: "),
	    "h= has what is no field name" },
	{ "space within a name", GP_STR(NO_H "h=From:Reply To"),
	    "h= has what is no field name" },
	{ "fold within a name", GP_STR(NO_H "h=From:Reply\r\n -To"),
	    "h= has what is no field name" },
	{ "commas", GP_STR(NO_H "h=From, To"), "h= has what is no field name" },
	{ "UTF-8", GP_STR(NO_H "h=From:\xc3\xa4"),
	    "h= has what is no field name" },
};

/* "c= Message canonicalization", section 3.5: sig-c-tag */
static const struct row canon_rules[] = {
	{ "one word", GP_STR(ALL "c=relaxed"), NULL },
	{ "two words", GP_STR(ALL "c=simple/relaxed"), NULL },
	{ "unknown", GP_STR(ALL "c=nowsp"), "unknown canonicalization in c=" },
	{ "unknown for the body", GP_STR(ALL "c=simple/nowsp"),
	    "unknown canonicalization in c=" },
	{ "upper case", GP_STR(ALL "c=Relaxed/Relaxed"),
	    "unknown canonicalization in c=" },
	{ "slash with nothing behind", GP_STR(ALL "c=relaxed/"),
	    "unknown canonicalization in c=" },
	{ "slash with nothing before", GP_STR(ALL "c=/relaxed"),
	    "unknown canonicalization in c=" },
	{ "three words", GP_STR(ALL "c=simple/simple/simple"),
	    "unknown canonicalization in c=" },
	{ "white space", GP_STR(ALL "c=simple / simple"),
	    "unknown canonicalization in c=" },
	{ "empty", GP_STR(ALL "c="), "unknown canonicalization in c=" },
};

/* "i= The Agent or User Identifier": [ Local-part ] "@" domain-name in
 * dkim-quoted-printable; "The domain part of the address MUST be the same as,
 * or a subdomain of, the value of the d= tag" */
static const struct row identity_rules[] = {
	{ "no local part", GP_STR(ALL "i=@example.com"), NULL },
	{ "below d=", GP_STR(ALL "i=@eng.example.com"), NULL },
	{ "any case", GP_STR(ALL "i=Joe@EXAMPLE.com"), NULL },
	{ "quoted-printable", GP_STR(ALL "i=joe=2btag=3dx@example.com"), NULL },
	{ "quoted-printable in both parts",
	    GP_STR(ALL "i=joe=2B@=65ng.example=2ecom"), NULL },
	{ "@ in quoted-printable", GP_STR(ALL "i=joe=40x.com@example.com"),
	    NULL },
	{ "no @ but in quoted-printable", GP_STR(ALL "i=joe=40example.com"),
	    "i= is no address" },
	{ "white space does not count",
	    GP_STR(ALL "i=joe\r\n\t@ exam\r\n ple.com"), NULL },
	{ "quoted local part", GP_STR(ALL "i=\"a=20b=3B\"@example.com"), NULL },
	{ "UTF-8, RFC 8616",
	    GP_STR(ALL "i=j\xc3\xb6"
		       "e@example.com"),
	    NULL },
	{ "U-label below an A-label",
	    GP_STR(NO_D "d=xn--bcher-kva.example; i=@x.b\xc3\xbc"
			"cher.example"),
	    NULL },
	{ "another domain", GP_STR(ALL "i=@example.net"),
	    "i= is not in the domain of d=" },
	{ "above d=", GP_STR(ALL "i=@com"), "i= is not in the domain of d=" },
	{ "only a suffix of letters", GP_STR(ALL "i=@badexample.com"),
	    "i= is not in the domain of d=" },
	{ "beside d=", GP_STR(NO_D "d=eng.example.com; i=@ops.example.com"),
	    "i= is not in the domain of d=" },
	{ "no @", GP_STR(ALL "i=example.com"), "i= is no address" },
	{ "nothing behind @", GP_STR(ALL "i=joe@"), "i= is no address" },
	{ "@ alone", GP_STR(ALL "i=@"), "i= is no address" },
	{ "empty", GP_STR(ALL "i="), "i= is no address" },
	{ "two @", GP_STR(ALL "i=@example.com@attacker.example"),
	    "i= is no address" },
	{ "two @ with a local part",
	    GP_STR(ALL "i=joe@attacker.example@example.com"),
	    "i= is no address" },
	{ "brackets", GP_STR(ALL "i=<joe@example.com>"), "i= is no address" },
	{ "null path", GP_STR(ALL "i=<>"), "i= is no address" },
	{ "address literal", GP_STR(ALL "i=joe@[192.0.2.1]"),
	    "i= is no address" },
	{ "dots as some people have them", GP_STR(ALL "i=a..b.@example.com"),
	    NULL },
	{ "@ in quotes", GP_STR(ALL "i=\"a@b\"@example.com"), NULL },
	{ "half a quote", GP_STR(ALL "i=\"@example.com"), NULL },
	{ "@ behind half a quote", GP_STR(ALL "i=\"@x@example.com"),
	    "i= is no address" },
	{ "final dot", GP_STR(ALL "i=@example.com."), "i= is no address" },
	{ "line end in quoted-printable", GP_STR(ALL "i=a=0Ab@example.com"),
	    "i= is no address" },
	{ "NUL in quoted-printable", GP_STR(ALL "i=a=00@example.com"),
	    "i= is no address" },
	{ "NUL behind the domain", GP_STR(ALL "i=@example.com=00"),
	    "i= is no address" },
	{ "quoted-printable cut short", GP_STR(ALL "i=a@example.com=4"),
	    "i= is no quoted-printable" },
	{ "quoted-printable of one digit", GP_STR(ALL "i=a=4z@example.com"),
	    "i= is no quoted-printable" },
	{ "quoted-printable of one other digit",
	    GP_STR(ALL "i=a=z4@example.com"), "i= is no quoted-printable" },
	{ "quoted-printable of no digits", GP_STR(ALL "i=a=zz@example.com"),
	    "i= is no quoted-printable" },
};

/* "l= Body length count": 1*76DIGIT; "t= Signature Timestamp", "x= Signature
 * Expiration": 1*12DIGIT, later ones like infinity; "The value of the x= tag
 * MUST be greater than the value of the t= tag if both are present" */
static const struct row number_rules[] = {
	{ "t= and x=", GP_STR(ALL "t=1; x=2; l=0"), NULL },
	{ "x= alone", GP_STR(ALL "x=1"), NULL },
	{ "x= equal to t=", GP_STR(ALL "t=5; x=5"), "x= is not above t=" },
	{ "x= before t=", GP_STR(ALL "x=4; t=5"), "x= is not above t=" },
	{ "both beyond counting",
	    GP_STR(ALL "t=9999999999999999999; x=99999999999999999999"),
	    "x= is not above t=" },
	{ "x= beyond counting", GP_STR(ALL "t=5; x=99999999999999999999999999"),
	    NULL },
	{ "leading zeros", GP_STR(ALL "t=0000000000000000000001; x=002"),
	    NULL },
	{ "t= negative", GP_STR(ALL "t=-1"), "t= is no time" },
	{ "t= with a sign", GP_STR(ALL "t=+1"), "t= is no time" },
	{ "t= empty", GP_STR(ALL "t="), "t= is no time" },
	{ "t= with a fraction", GP_STR(ALL "t=1.5"), "t= is no time" },
	{ "t= in hexadecimal", GP_STR(ALL "t=0x10"), "t= is no time" },
	{ "x= with white space", GP_STR(ALL "x=1 2"), "x= is no time" },
	{ "x= in words", GP_STR(ALL "x=never"), "x= is no time" },
	{ "l= empty", GP_STR(ALL "l="), "l= is no length" },
	{ "l= negative", GP_STR(ALL "l=-1"), "l= is no length" },
	{ "l= with white space", GP_STR(ALL "l=1 0"), "l= is no length" },
	{ "l= of 76 digits",
	    GP_STR(ALL "l=00000000000000000000000000000000000000"
		       "00000000000000000000000000000000000009"),
	    NULL },
	{ "l= of 77 digits",
	    GP_STR(ALL "l=000000000000000000000000000000000000000"
		       "00000000000000000000000000000000000009"),
	    "l= is no length" },
};

/* "q= A colon-separated list of query methods" */
static const struct row query_rules[] = {
	{ "the one there is", GP_STR(ALL "q=dns/txt"), NULL },
	{ "among others", GP_STR(ALL "q=foo : dns/txt\r\n\t: bar"), NULL },
	{ "others", GP_STR(ALL "q=foo/bar"),
	    "q= has no query method that we know" },
	{ "without options", GP_STR(ALL "q=dns"),
	    "q= has no query method that we know" },
	{ "upper case", GP_STR(ALL "q=DNS/TXT"),
	    "q= has no query method that we know" },
	{ "empty", GP_STR(ALL "q="), "q= has no query method that we know" },
};

static bool
is_zero_but_report(const struct gp_dkim_sig *sig)
{
	struct gp_dkim_sig rest = *sig, zero;

	memset(&zero, 0, sizeof(zero));
	return rest.headers == NULL && rest.n_headers == 0 &&
	       rest.identity == NULL && rest.signature == NULL &&
	       rest.signature_n == 0 && !rest.has_length && !rest.has_time &&
	       !rest.has_expiry && rest.length == 0 && rest.time_s == 0 &&
	       rest.expiry_s == 0 && rest.algorithm == 0 &&
	       rest.header_canon == 0 && rest.body_canon == 0 &&
	       memcmp(rest.body_hash, zero.body_hash, sizeof(zero.body_hash)) ==
	           0;
}

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct gp_arena *arena = gp_arena_new();
		/* of just its size, so that an octet too far is seen */
		char *exact = malloc(rows[i].in.n + 1);
		struct gp_dkim_sig sig;
		struct gp_err err = { "" };
		enum gp_rc rc;

		assert_non_null(exact);
		memcpy(exact + 1, rows[i].in.p, rows[i].in.n);
		rc = gp_dkim_sig_parse(gp_str_n(exact + 1, rows[i].in.n), arena,
		    &sig, &err);

		if ((rc == GP_OK) != (rows[i].clause == NULL) ||
		    (rc != GP_OK &&
			(rc != GP_PERM || !is_zero_but_report(&sig) ||
			    strcmp(err.msg, rows[i].clause) != 0)))
			fail_msg("row: %s: %s '%s'", rows[i].label,
			    gp_rc_name(rc), err.msg);
		free(exact);
		gp_arena_free(arena);
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void
dkim_sig_needs_its_tags(void **state)
{
	(void)state;
	CHECK(rules);
}

static void
dkim_sig_values_are_strict(void **state)
{
	(void)state;
	CHECK(algorithm_rules);
	CHECK(base64_rules);
	CHECK(canon_rules);
	CHECK(number_rules);
	CHECK(query_rules);
}

static void
dkim_sig_names_are_domains(void **state)
{
	(void)state;
	CHECK(name_rules);
}

static void
dkim_sig_headers_are_field_names_with_from(void **state)
{
	(void)state;
	CHECK(header_rules);
}

static void
dkim_sig_identity_is_in_the_domain(void **state)
{
	(void)state;
	CHECK(identity_rules);
}

static void
dkim_sig_header_names_are_bounded(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_sig sig;
	struct gp_err err;
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, 8192);
	gp_buf_adds(&text, NO_H "h=From");
	for (unsigned i = 1; i < GP_DKIM_NAMES_MAX; i++)
		gp_buf_adds(&text, ":X");
	assert_int_equal(gp_dkim_sig_parse(gp_buf_str(&text), arena, &sig,
			     &err),
	    GP_OK);
	assert_int_equal(sig.n_headers, GP_DKIM_NAMES_MAX);
	gp_buf_adds(&text, ":X");
	assert_int_equal(gp_dkim_sig_parse(gp_buf_str(&text), arena, &sig,
			     &err),
	    GP_PERM);
	assert_string_equal(err.msg, "h= has too many names");
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

/* -- what was read ------------------------------------------------------- */

/* The example of RFC 6376 appendix A.2, with the names and dates that it has
 * there. */
static void
dkim_sig_of_rfc_6376_is_read_whole(void **state)
{
	static const char example[] =
	    " v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
	    "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
	    "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
	    "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	    "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
	    "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
	    "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
	    "      4bmp/YzhwvcubU4=;";
	static const uint8_t hash[] = { 0xda, 0x35, 0x12, 0x38 };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_sig sig;

	(void)state;
	assert_int_equal(gp_dkim_sig_parse(gp_str(example), arena, &sig, NULL),
	    GP_OK);
	assert_true(gp_str_eq(sig.a, GP_STR("rsa-sha256")));
	assert_true(gp_str_starts_nocase(sig.b, GP_STR("AuUoFEfDxTDkHlLX")));
	assert_int_equal(sig.b.n, 172);
	assert_string_equal(sig.domain, "example.com");
	assert_string_equal(sig.selector, "brisbane");
	assert_string_equal(sig.identity, "football.example.com");
	assert_int_equal(sig.algorithm, GP_DKIM_RSA_SHA256);
	assert_int_equal(sig.header_canon, GP_DKIM_SIMPLE);
	assert_int_equal(sig.body_canon, GP_DKIM_SIMPLE);
	assert_int_equal(sig.n_headers, 6);
	assert_true(gp_str_eq(sig.headers[0], GP_STR("Received")));
	assert_true(gp_str_eq(sig.headers[5], GP_STR("Message-ID")));
	assert_memory_equal(sig.body_hash, hash, sizeof(hash));
	assert_int_equal(sig.signature_n, 128);
	assert_int_equal(sig.signature[0], 0x02);
	assert_int_equal(sig.signature[127], 0x4e);
	assert_false(sig.has_length || sig.has_time || sig.has_expiry);
	gp_arena_free(arena);
}

static void
dkim_sig_canonicalizations_default_to_simple(void **state)
{
	static const struct {
		const char *label;
		struct gp_str in;
		enum gp_dkim_canon header, body;
	} rows[] = {
		{ "absent", GP_STR(ALL), GP_DKIM_SIMPLE, GP_DKIM_SIMPLE },
		/* "If only one algorithm is named, that algorithm is used for
		 * the header and simple is used for the body" */
		{ "header only", GP_STR(ALL "c=relaxed"), GP_DKIM_RELAXED,
		    GP_DKIM_SIMPLE },
		{ "simple only", GP_STR(ALL "c=simple"), GP_DKIM_SIMPLE,
		    GP_DKIM_SIMPLE },
		{ "body", GP_STR(ALL "c=simple/relaxed"), GP_DKIM_SIMPLE,
		    GP_DKIM_RELAXED },
		{ "both", GP_STR(ALL "c=relaxed/relaxed"), GP_DKIM_RELAXED,
		    GP_DKIM_RELAXED },
		{ "header", GP_STR(ALL "c=relaxed/simple"), GP_DKIM_RELAXED,
		    GP_DKIM_SIMPLE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_sig sig;

		if (gp_dkim_sig_parse(rows[i].in, arena, &sig, NULL) != GP_OK ||
		    sig.header_canon != rows[i].header ||
		    sig.body_canon != rows[i].body)
			fail_msg("row: %s", rows[i].label);
		gp_arena_free(arena);
	}
}

static void
dkim_sig_numbers_saturate(void **state)
{
	static const struct {
		const char *label;
		struct gp_str in;
		uint64_t length;
		int64_t time_s, expiry_s;
	} rows[] = {
		{ "small", GP_STR(ALL "t=7; x=8; l=9"), 9, 7, 8 },
		{ "zero", GP_STR(ALL "t=0; x=1; l=0"), 0, 0, 1 },
		{ "largest",
		    GP_STR(ALL "t=9223372036854775806; x=9223372036854775807; "
			       "l=18446744073709551615"),
		    UINT64_MAX, INT64_MAX - 1, INT64_MAX },
		{ "one more",
		    GP_STR(ALL "t=1; x=9223372036854775808; "
			       "l=18446744073709551616"),
		    UINT64_MAX, 1, INT64_MAX },
		{ "many more",
		    GP_STR(ALL "t=1; x=99999999999999999999999999999999999; "
			       "l=99999999999999999999999999999999999999"),
		    UINT64_MAX, 1, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_sig sig;

		if (gp_dkim_sig_parse(rows[i].in, arena, &sig, NULL) != GP_OK ||
		    !sig.has_length || !sig.has_time || !sig.has_expiry ||
		    sig.length != rows[i].length ||
		    sig.time_s != rows[i].time_s ||
		    sig.expiry_s != rows[i].expiry_s)
			fail_msg("row: %s", rows[i].label);
		gp_arena_free(arena);
	}
}

static void
dkim_sig_names_are_normalised(void **state)
{
	static const struct {
		const char *label;
		struct gp_str in;
		const char *domain, *selector, *identity;
	} rows[] = {
		{ "case", GP_STR(NO_D "d=Example.COM"), "example.com", "sel",
		    "example.com" },
		{ "U-labels",
		    GP_STR("v=1; a=rsa-sha256; b=AAAA; bh=" HASH "; h=from; "
			   "d=b\xc3\xbc"
			   "cher.example; s=m\xc3\xa4rz; "
			   "i=x@\xc3\xa4.b\xc3\xbc"
			   "cher.example"),
		    "xn--bcher-kva.example", "xn--mrz-qla",
		    "xn--4ca.xn--bcher-kva.example" },
		{ "i= in quoted-printable", GP_STR(ALL "i=x@=65ng.example.com"),
		    "example.com", "sel", "eng.example.com" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_sig sig;

		if (gp_dkim_sig_parse(rows[i].in, arena, &sig, NULL) != GP_OK ||
		    strcmp(sig.domain, rows[i].domain) != 0 ||
		    strcmp(sig.selector, rows[i].selector) != 0 ||
		    strcmp(sig.identity, rows[i].identity) != 0)
			fail_msg("row: %s", rows[i].label);
		gp_arena_free(arena);
	}
}

static void
dkim_sig_algorithms_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(gp_dkim_algorithm_name(GP_DKIM_RSA_SHA256),
	    "rsa-sha256");
	assert_string_equal(gp_dkim_algorithm_name(GP_DKIM_ED25519_SHA256),
	    "ed25519-sha256");
	assert_string_equal(gp_dkim_algorithm_name(GP_DKIM_RSA_SHA1),
	    "rsa-sha1");
	assert_string_equal(gp_dkim_algorithm_name((enum gp_dkim_algorithm)99),
	    "unknown");
}

/* The SHA-1 hash is checked and dropped: nobody may compare with it. */
static void
dkim_sig_of_sha1_has_no_body_hash(void **state)
{
	static const uint8_t zero[GP_DKIM_HASH_BYTES];
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_sig sig;

	(void)state;
	assert_int_equal(
	    gp_dkim_sig_parse(GP_STR("v=1; b=AAAA; d=example.com; h=From; s=s; "
				     "a=rsa-sha1; bh=" SHA1),
		arena, &sig, NULL),
	    GP_OK);
	assert_int_equal(sig.algorithm, GP_DKIM_RSA_SHA1);
	assert_memory_equal(sig.body_hash, zero, sizeof(zero));
	gp_arena_free(arena);
}

/* -- what a report can say of a broken one ------------------------------- */

static void
dkim_sig_broken_says_whose_it_is(void **state)
{
	static const struct {
		const char *label;
		struct gp_str in;
		const char *a, *b, *domain, *selector;
	} rows[] = {
		{ "a rule broken", GP_STR(ALL "t=x"), "rsa-sha256", "AAAA",
		    "example.com", "sel" },
		{ "version broken", GP_STR(WITHOUT_V "v=9"), "rsa-sha256",
		    "AAAA", "example.com", "sel" },
		{ "list broken behind", GP_STR(ALL ";"), "rsa-sha256", "AAAA",
		    "example.com", "sel" },
		{ "list broken between",
		    GP_STR("v=1; a=x-1; d=Example.COM; ; s=sel; b=AAAA"), "x-1",
		    "", "example.com", NULL },
		{ "list broken at once", GP_STR("; d=example.com; s=sel"), "",
		    "", NULL, NULL },
		{ "d= twice: the first", GP_STR("d=a.example; d=b.example"), "",
		    "", "a.example", NULL },
		{ "d= no domain", GP_STR(NO_D "d=a'b.example"), "rsa-sha256",
		    "AAAA", NULL, "sel" },
		{ "d= of one label", GP_STR(NO_D "d=localhost"), "rsa-sha256",
		    "AAAA", "localhost", "sel" },
		{ "s= no name", GP_STR(NO_S "s=a b"), "rsa-sha256", "AAAA",
		    "example.com", NULL },
		{ "a= unknown", GP_STR(NO_A "a=rsa-md5"), "rsa-md5", "AAAA",
		    "example.com", "sel" },
		{ "a= no token", GP_STR(NO_A "a=rsa\"sha"), "", "AAAA",
		    "example.com", "sel" },
		{ "a= no token from the start", GP_STR(NO_A "a=\"rsa"), "",
		    "AAAA", "example.com", "sel" },
		{ "a= as long as is shown",
		    GP_STR(NO_A "a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "AAAA", "example.com",
		    "sel" },
		{ "a= longer",
		    GP_STR(NO_A "a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "",
		    "AAAA", "example.com", "sel" },
		{ "b= folded", GP_STR(NO_B "b=AB\r\n CD==E"), "rsa-sha256",
		    "ABCD==E", "example.com", "sel" },
		{ "b= of another letter first", GP_STR(NO_B "b=\"AAA"),
		    "rsa-sha256", "", "example.com", "sel" },
		{ "b= of other letters", GP_STR(NO_B "b=AA\"A"), "rsa-sha256",
		    "", "example.com", "sel" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_sig sig;

		if (gp_dkim_sig_parse(rows[i].in, arena, &sig, NULL) !=
			GP_PERM ||
		    !gp_str_eq(sig.a, gp_str(rows[i].a)) ||
		    !gp_str_eq(sig.b, gp_str(rows[i].b)) ||
		    !gp_str_eq(gp_str(sig.domain), gp_str(rows[i].domain)) ||
		    !gp_str_eq(gp_str(sig.selector), gp_str(rows[i].selector)))
			fail_msg("row: %s", rows[i].label);
		gp_arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_sig_needs_its_tags),
		cmocka_unit_test(dkim_sig_values_are_strict),
		cmocka_unit_test(dkim_sig_names_are_domains),
		cmocka_unit_test(dkim_sig_headers_are_field_names_with_from),
		cmocka_unit_test(dkim_sig_identity_is_in_the_domain),
		cmocka_unit_test(dkim_sig_header_names_are_bounded),
		cmocka_unit_test(dkim_sig_of_rfc_6376_is_read_whole),
		cmocka_unit_test(dkim_sig_canonicalizations_default_to_simple),
		cmocka_unit_test(dkim_sig_numbers_saturate),
		cmocka_unit_test(dkim_sig_names_are_normalised),
		cmocka_unit_test(dkim_sig_algorithms_have_their_names),
		cmocka_unit_test(dkim_sig_of_sha1_has_no_body_hash),
		cmocka_unit_test(dkim_sig_broken_says_whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
