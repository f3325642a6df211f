/* Key records: RFC 6376 section 3.6.1, RFC 8463, and the keys in them. */
#include "core/dkim_key.h"

#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 6376 appendix C, and RFC 8463 appendix A.2. */
#define RSA_HEAD "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3"
#define RSA_TAIL                                                               \
	"/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od"     \
	"+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBc"     \
	"WToIMmPSPDdQPNUYckcQ2QIDAQAB"
#define RSA     RSA_HEAD RSA_TAIL
#define ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

#define RECORD_MAX 16384

/* -- records ------------------------------------------------------------- */

#define TESTING 1
#define STRICT  2
#define NO_MAIL 4
#define NO_HASH 8
#define REVOKED 16

static const struct {
	const char *label;
	struct gp_str in;
	const char *clause; /* NULL: accepted */
	enum gp_rc rc;
	unsigned flags; /* what is not as in a plain record */
} records[] = {
	{ "plain", GP_STR("v=DKIM1; k=rsa; p=" RSA), NULL, GP_OK, 0 },
	{ "p= alone", GP_STR("p=" RSA), NULL, GP_OK, 0 },
	{ "semicolon at the end", GP_STR("v=DKIM1; p=" RSA ";"), NULL, GP_OK,
	    0 },
	{ "and white space behind it", GP_STR("v=DKIM1; p=" RSA "; "), NULL,
	    GP_OK, 0 },
	{ "spaces around the signs", GP_STR(" v = DKIM1 ; p = " RSA " "), NULL,
	    GP_OK, 0 },
	{ "no space at all", GP_STR("v=DKIM1;k=rsa;p=" RSA), NULL, GP_OK, 0 },
	{ "spaces in p= where strings were joined",
	    GP_STR("v=DKIM1; p=" RSA_HEAD " " RSA_TAIL), NULL, GP_OK, 0 },
	{ "folds in p=", GP_STR("v=DKIM1; p=" RSA_HEAD "\r\n\t" RSA_TAIL), NULL,
	    GP_OK, 0 },
	{ "other tags before p=",
	    GP_STR("v=DKIM1; g=*; n=a note; zz=1; p=" RSA), NULL, GP_OK, 0 },
	{ "tags behind p=", GP_STR("p=" RSA "; k=rsa; t=y"), NULL, GP_OK,
	    TESTING },
	{ "quotes and backslashes in a note",
	    GP_STR("v=DKIM1; n=\"say\\so\"; p=" RSA), NULL, GP_OK, 0 },

	/* "v= ... If specified, this tag MUST be set to "DKIM1" (without the
	 * quotes).  This tag MUST be the first tag in the record." */
	{ "v= behind p=", GP_STR("p=" RSA "; v=DKIM1"),
	    "v= is not the first tag", GP_PERM, 0 },
	{ "v= behind k=", GP_STR("k=rsa; v=DKIM1; p=" RSA),
	    "v= is not the first tag", GP_PERM, 0 },
	/* "Records beginning with a "v=" tag with any other value MUST be
	 * discarded." */
	{ "another version", GP_STR("v=DKIM2; p=" RSA),
	    "another version in v=", GP_NONE, 0 },
	{ "the version in lower case", GP_STR("v=dkim1; p=" RSA),
	    "another version in v=", GP_NONE, 0 },
	{ "no version", GP_STR("v=; p=" RSA), "another version in v=", GP_NONE,
	    0 },
	{ "SPF", GP_STR("v=spf1 include:example.com -all"),
	    "another version in v=", GP_NONE, 0 },
	{ "SPF that is no tag list", GP_STR("v=spf1 -all;;"),
	    "another version in v=", GP_NONE, 0 },
	{ "something else", GP_STR("hello world"), "no key record", GP_NONE,
	    0 },
	{ "something else with a sign", GP_STR("site-verification=abc"),
	    "no key record", GP_NONE, 0 },
	{ "tags that no key has", GP_STR("a=b; k=rsa"), "no key record",
	    GP_NONE, 0 },
	{ "nothing", GP_STR(""), "no key record", GP_NONE, 0 },
	{ "something quoted", GP_STR("\"hello world\""), "no key record",
	    GP_NONE, 0 },

	/* section 3.2 */
	{ "two semicolons", GP_STR("v=DKIM1;; k=rsa; p=" RSA),
	    "a tag has no name", GP_PERM, 0 },
	{ "a tag twice", GP_STR("v=DKIM1; p=" RSA "; p=" RSA),
	    "a tag is given twice", GP_PERM, 0 },
	{ "a tag twice, revoked", GP_STR("v=DKIM1; p=" RSA "; p="),
	    "a tag is given twice", GP_PERM, 0 },
	{ "comma for semicolon", GP_STR("v=DKIM1, k=rsa, p=" RSA),
	    "another version in v=", GP_NONE, 0 },
	{ "k without a value", GP_STR("v=DKIM1; k; p=" RSA),
	    "a tag name without '=' behind it", GP_PERM, 0 },

	/* hurt by copying */
	{ "in quotes", GP_STR("\"v=DKIM1; k=rsa; p=" RSA "\""),
	    "quotation marks in the key", GP_PERM, 0 },
	{ "quotes between its strings",
	    GP_STR("v=DKIM1; p=" RSA_HEAD "\" \"" RSA_TAIL),
	    "quotation marks in the key", GP_PERM, 0 },
	{ "quote at the end", GP_STR("v=DKIM1; p=" RSA "\""),
	    "quotation marks in the key", GP_PERM, 0 },
	{ "semicolons escaped", GP_STR("v=DKIM1\\; k=rsa\\; p=" RSA),
	    "backslashes in the key", GP_PERM, 0 },
	{ "PEM lines left in",
	    GP_STR("v=DKIM1; p=-----BEGIN PUBLIC KEY-----" RSA),
	    "p= is no base64", GP_PERM, 0 },

	/* "p= ... An empty value means that this public key has been
	 * revoked." */
	{ "revoked", GP_STR("v=DKIM1; k=rsa; t=y; p="), NULL, GP_OK,
	    REVOKED | TESTING },
	{ "revoked with white space", GP_STR("v=DKIM1; p= \t"), NULL, GP_OK,
	    REVOKED },
	{ "revoked by p= alone", GP_STR("p="), NULL, GP_OK, REVOKED },
	{ "no p=", GP_STR("v=DKIM1; k=rsa"), "p= is missing", GP_PERM, 0 },
	{ "v= alone", GP_STR("v=DKIM1"), "p= is missing", GP_PERM, 0 },
	{ "p= no base64", GP_STR("v=DKIM1; p=key"), "p= is no base64", GP_PERM,
	    0 },
	{ "p= cut short", GP_STR("v=DKIM1; p=" RSA_HEAD),
	    "p= is no public key in DER", GP_PERM, 0 },
	{ "p= with more behind", GP_STR("v=DKIM1; p=" RSA "AAAA"),
	    "p= is no public key in DER", GP_PERM, 0 },

	/* "k= Key type (plain-text; OPTIONAL, default is "rsa")" */
	{ "unknown type", GP_STR("v=DKIM1; k=dsa; p=" RSA),
	    "unknown key type in k=", GP_PERM, 0 },
	{ "unknown type, whatever is in p=", GP_STR("v=DKIM1; k=x; p=!"),
	    "unknown key type in k=", GP_PERM, 0 },
	{ "type in upper case", GP_STR("v=DKIM1; k=RSA; p=" RSA),
	    "unknown key type in k=", GP_PERM, 0 },
	{ "type empty", GP_STR("v=DKIM1; k=; p=" RSA),
	    "unknown key type in k=", GP_PERM, 0 },
	{ "another key than k= says", GP_STR("v=DKIM1; k=ed25519; p=" RSA),
	    "Ed25519 key that has not 32 octets", GP_PERM, 0 },
	{ "Ed25519 without k=", GP_STR("v=DKIM1; p=" ED25519),
	    "p= is no public key in DER", GP_PERM, 0 },
	{ "Ed25519 too short",
	    GP_STR("v=DKIM1; k=ed25519; p="
		   "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ=="),
	    "Ed25519 key that has not 32 octets", GP_PERM, 0 },
	{ "Ed25519 too long",
	    GP_STR("v=DKIM1; k=ed25519; p="
		   "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoA"),
	    "Ed25519 key that has not 32 octets", GP_PERM, 0 },

	/* "t= Flags, represented as a colon-separated list of names";
	 * "Unrecognized flags MUST be ignored." */
	{ "t=y", GP_STR("v=DKIM1; t=y; p=" RSA), NULL, GP_OK, TESTING },
	{ "t=s", GP_STR("v=DKIM1; t=s; p=" RSA), NULL, GP_OK, STRICT },
	{ "t= of both", GP_STR("v=DKIM1; t=s : y; p=" RSA), NULL, GP_OK,
	    STRICT | TESTING },
	{ "t= unknown", GP_STR("v=DKIM1; t=x:yes:Y:; p=" RSA), NULL, GP_OK, 0 },
	{ "t= empty", GP_STR("v=DKIM1; t=; p=" RSA), NULL, GP_OK, 0 },

	/* "s= Service Type"; "Unrecognized service types MUST be ignored" */
	{ "s=email", GP_STR("v=DKIM1; s=email; p=" RSA), NULL, GP_OK, 0 },
	{ "s=*", GP_STR("v=DKIM1; s=*; p=" RSA), NULL, GP_OK, 0 },
	{ "s= among others", GP_STR("v=DKIM1; s=tlsrpt:email; p=" RSA), NULL,
	    GP_OK, 0 },
	{ "s= others", GP_STR("v=DKIM1; s=tlsrpt; p=" RSA), NULL, GP_OK,
	    NO_MAIL },
	{ "s= almost", GP_STR("v=DKIM1; s=emails; p=" RSA), NULL, GP_OK,
	    NO_MAIL },
	{ "s= empty", GP_STR("v=DKIM1; s=; p=" RSA), NULL, GP_OK, NO_MAIL },

	/* "h= Acceptable hash algorithms"; "Unrecognized algorithms MUST be
	 * ignored" */
	{ "h=sha256", GP_STR("v=DKIM1; h=sha256; p=" RSA), NULL, GP_OK, 0 },
	{ "h= among others", GP_STR("v=DKIM1; h=sha1 : sha256; p=" RSA), NULL,
	    GP_OK, 0 },
	{ "h=sha1", GP_STR("v=DKIM1; h=sha1; p=" RSA), NULL, GP_OK, NO_HASH },
	{ "h= empty", GP_STR("v=DKIM1; h=; p=" RSA), NULL, GP_OK, NO_HASH },
};

static unsigned
flags_of(const struct gp_dkim_key_record *r)
{
	return (r->testing ? TESTING : 0) | (r->strict ? STRICT : 0) |
	       (r->for_email ? 0 : NO_MAIL) | (r->sha256 ? 0 : NO_HASH) |
	       (r->revoked ? REVOKED : 0);
}

/* A key is there when it should be; all is zero behind an error. */
static bool
is_complete(enum gp_rc rc, const struct gp_dkim_key_record *r)
{
	bool with_key = rc == GP_OK && !r->revoked;

	if (rc != GP_OK && (r->for_email || r->sha256 || r->revoked))
		return false;
	return (r->key.bits == 1024 && r->key.n.n == 128 && r->key.e.n == 3) ==
	       with_key;
}

static void
dkim_key_records_are_read_by_the_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		/* of just its size, so that an octet too far is seen */
		char *exact = malloc(records[i].in.n + 1);
		struct gp_dkim_key_record r;
		struct gp_err err = { "" };
		enum gp_rc rc;

		assert_non_null(exact);
		memcpy(exact + 1, records[i].in.p, records[i].in.n);
		rc = gp_dkim_key_parse(gp_str_n(exact + 1, records[i].in.n),
		    arena, &r, &err);
		if (rc != records[i].rc || !is_complete(rc, &r) ||
		    (rc == GP_OK && flags_of(&r) != records[i].flags) ||
		    (rc != GP_OK && strcmp(err.msg, records[i].clause) != 0))
			fail_msg("row: %s: %s '%s'", records[i].label,
			    gp_rc_name(rc), err.msg);
		free(exact);
		gp_arena_free(arena);
	}
}

/* -- keys in DER --------------------------------------------------------- */

/* 62 octets, and a modulus of 64: it begins with 0xc1 and ends in "1". */
#define MIDDLE "23456789012345678901234567890123456789012345678901234567890123"
#define N      "\xc1" MIDDLE "1"
/* a modulus of 121 octets */
#define LONG                                                                   \
	"\x01" MIDDLE                                                          \
	"234567890123456789012345678901234567890123456789012345678"            \
	"1"
#define RSA_ID "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define E      "\x02\x03\x01\x00\x01"
/* RSAPublicKey of 74 octets */
#define PKCS1 "\x30\x48\x02\x41\x00" N E

#define NOT_DER "p= is no public key in DER"
#define NOT_RSA "p= is no RSA public key"
#define BAD_E   "RSA exponent out of range"

static const struct {
	const char *label;
	struct gp_str der;
	const char *clause;
} keys[] = {
	{ "RSAPublicKey", GP_STR(PKCS1), NULL },
	{ "SubjectPublicKeyInfo",
	    GP_STR("\x30\x5c\x30\x0d" RSA_ID "\x05\x00\x03\x4b\x00" PKCS1),
	    NULL },
	{ "SubjectPublicKeyInfo without NULL",
	    GP_STR("\x30\x5a\x30\x0b" RSA_ID "\x03\x4b\x00" PKCS1), NULL },
	{ "exponent 129", GP_STR("\x30\x47\x02\x41\x00" N "\x02\x02\x00\x81"),
	    NULL },
	{ "length of 128", GP_STR("\x30\x81\x80\x02\x79" LONG E), NULL },
	{ "exponent 3", GP_STR("\x30\x46\x02\x41\x00" N "\x02\x01\x03"), NULL },
	{ "exponent of 8 octets",
	    GP_STR("\x30\x4e\x02\x41\x00" N "\x02\x09\x00\x80\x00\x00\x00\x00"
		   "\x00\x00\x01"),
	    NULL },

	/* lengths */
	{ "nothing", GP_STR("\x00"), NOT_DER },
	{ "tag alone", GP_STR("\x30"), NOT_DER },
	{ "octet behind it", GP_STR(PKCS1 "\x00"), NOT_DER },
	{ "octet missing", GP_STR("\x30\x48\x02\x41\x00" N "\x02\x03\x01\x00"),
	    NOT_DER },
	{ "octet behind the numbers",
	    GP_STR("\x30\x4a\x02\x41\x00" N E "\x05\x00"), NOT_RSA },
	{ "one octet behind the numbers",
	    GP_STR("\x30\x49\x02\x41\x00" N E "\x00"), NOT_RSA },
	{ "length longer than it must be",
	    GP_STR("\x30\x81\x48\x02\x41\x00" N E), NOT_DER },
	{ "length of two octets that needs none",
	    GP_STR("\x30\x82\x00\x48\x02\x41\x00" N E), NOT_DER },
	{ "length of two octets that needs one",
	    GP_STR("\x30\x82\x00\x88\x02\x41\x00" N E MIDDLE "12"), NOT_DER },
	{ "length of three octets",
	    GP_STR("\x30\x83\x00\x00\x48\x02\x41\x00" N E), NOT_DER },
	{ "length of four octets that are all set",
	    GP_STR("\x30\x84\xff\xff\xff\xff\x02\x41\x00" N E), NOT_DER },
	{ "length indefinite", GP_STR("\x30\x80\x02\x41\x00" N E "\x00\x00"),
	    NOT_DER },
	{ "length indefinite, of as much as its octet says",
	    GP_STR("\x30\x80\x02\x79" LONG E), NOT_DER },
	{ "length reserved", GP_STR("\x30\xff\x02\x41\x00" N E), NOT_DER },
	{ "length cut short", GP_STR("\x30\x82\x01"), NOT_DER },
	{ "inner length past the outer", GP_STR("\x30\x48\x02\x7f\x00" N E),
	    NOT_RSA },
	{ "inner length not minimal", GP_STR("\x30\x49\x02\x81\x41\x00" N E),
	    NOT_RSA },

	/* other types */
	{ "SET for SEQUENCE", GP_STR("\x31\x48\x02\x41\x00" N E), NOT_DER },
	{ "primitive SEQUENCE", GP_STR("\x10\x48\x02\x41\x00" N E), NOT_DER },
	{ "long tag", GP_STR("\x3f\x10\x48\x02\x41\x00" N E), NOT_DER },
	{ "empty SEQUENCE", GP_STR("\x30\x00"), NOT_DER },
	{ "one number", GP_STR("\x30\x43\x02\x41\x00" N), NOT_RSA },
	{ "three numbers", GP_STR("\x30\x4b\x02\x41\x00" N E "\x02\x01\x03"),
	    NOT_RSA },
	{ "OCTET STRING for INTEGER", GP_STR("\x30\x48\x04\x41\x00" N E),
	    NOT_DER },
	{ "second number no INTEGER",
	    GP_STR("\x30\x48\x02\x41\x00" N "\x04\x03\x01\x00\x01"), NOT_RSA },

	/* SubjectPublicKeyInfo */
	{ "another algorithm",
	    GP_STR("\x30\x5c\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
		   "\x0a\x05\x00\x03\x4b\x00" PKCS1),
	    "p= is a key of another type" },
	{ "identifier cut short",
	    GP_STR("\x30\x52\x30\x03\x06\x01\x2a\x03\x4b\x00" PKCS1),
	    "p= is a key of another type" },
	{ "no identifier", GP_STR("\x30\x4f\x30\x00\x03\x4b\x00" PKCS1),
	    "p= is a key of another type" },
	{ "parameters that are not NULL",
	    GP_STR("\x30\x5d\x30\x0e" RSA_ID "\x05\x01\x00\x03\x4b\x00" PKCS1),
	    "p= is a key of another type" },
	{ "NULL twice",
	    GP_STR(
		"\x30\x5e\x30\x0f" RSA_ID "\x05\x00\x05\x00\x03\x4b\x00" PKCS1),
	    "p= is a key of another type" },
	{ "bits left over",
	    GP_STR("\x30\x5c\x30\x0d" RSA_ID "\x05\x00\x03\x4b\x01" PKCS1),
	    NOT_RSA },
	{ "no bits", GP_STR("\x30\x11\x30\x0d" RSA_ID "\x05\x00\x03\x00"),
	    NOT_RSA },
	{ "no bits but the count",
	    GP_STR("\x30\x12\x30\x0d" RSA_ID "\x05\x00\x03\x01\x00"), NOT_RSA },
	{ "OCTET STRING for BIT STRING",
	    GP_STR("\x30\x5c\x30\x0d" RSA_ID "\x05\x00\x04\x4b\x00" PKCS1),
	    NOT_DER },
	{ "element behind the bits",
	    GP_STR("\x30\x5e\x30\x0d" RSA_ID "\x05\x00\x03\x4b\x00" PKCS1
		   "\x05\x00"),
	    NOT_DER },
	{ "octet behind the bits",
	    GP_STR(
		"\x30\x5d\x30\x0d" RSA_ID "\x05\x00\x03\x4b\x00" PKCS1 "\x00"),
	    NOT_DER },
	{ "octet behind the key in the bits",
	    GP_STR(
		"\x30\x5d\x30\x0d" RSA_ID "\x05\x00\x03\x4c\x00" PKCS1 "\x00"),
	    NOT_RSA },
	{ "a SubjectPublicKeyInfo within",
	    GP_STR("\x30\x26\x30\x0d" RSA_ID "\x05\x00\x03\x15\x00"
		   "\x30\x12\x30\x0d" RSA_ID "\x05\x00\x03\x01\x00"),
	    NOT_RSA },

	/* numbers */
	{ "negative modulus", GP_STR("\x30\x47\x02\x40" N E), NOT_RSA },
	{ "modulus just negative", GP_STR("\x30\x47\x02\x40\x80" MIDDLE "1" E),
	    NOT_RSA },
	{ "modulus with two zero octets",
	    GP_STR("\x30\x49\x02\x42\x00\x00" N E), NOT_RSA },
	{ "zero octet before a low bit",
	    GP_STR("\x30\x48\x02\x41\x00\x71" MIDDLE "1" E), NOT_RSA },
	{ "modulus of no octets", GP_STR("\x30\x07\x02\x00" E), NOT_RSA },
	{ "modulus zero", GP_STR("\x30\x08\x02\x01\x00" E), NOT_RSA },
	{ "modulus of 511 bits", GP_STR("\x30\x47\x02\x40\x71" MIDDLE "1" E),
	    "RSA key under 512 bits" },
	{ "modulus 1", GP_STR("\x30\x08\x02\x01\x01" E),
	    "RSA key under 512 bits" },
	{ "modulus of 513 bits",
	    GP_STR("\x30\x48\x02\x41\x01\xc1" MIDDLE "1" E), NULL },
	{ "modulus even", GP_STR("\x30\x48\x02\x41\x00\xc1" MIDDLE "2" E),
	    "RSA modulus that is even" },
	{ "exponent 1", GP_STR("\x30\x46\x02\x41\x00" N "\x02\x01\x01"),
	    BAD_E },
	{ "exponent 0", GP_STR("\x30\x46\x02\x41\x00" N "\x02\x01\x00"),
	    NOT_RSA },
	{ "exponent negative", GP_STR("\x30\x46\x02\x41\x00" N "\x02\x01\x83"),
	    NOT_RSA },
	{ "exponent even",
	    GP_STR("\x30\x48\x02\x41\x00" N "\x02\x03\x01\x00"
		   "\x02"),
	    BAD_E },
	{ "exponent with a zero octet too many",
	    GP_STR("\x30\x47\x02\x41\x00" N "\x02\x02\x00\x03"), NOT_RSA },
	{ "exponent of 9 octets",
	    GP_STR("\x30\x4e\x02\x41\x00" N "\x02\x09\x01\x00\x00\x00\x00\x00"
		   "\x00\x00\x01"),
	    BAD_E },
	{ "exponent as long as the modulus",
	    GP_STR("\x30\x81\x86\x02\x41\x00" N "\x02\x41\x00" N), BAD_E },
};

static enum gp_rc
parse_der(struct gp_str der, struct gp_arena *arena,
    struct gp_dkim_key_record *out, struct gp_err *err)
{
	struct gp_buf text;
	enum gp_rc rc;

	gp_buf_init(&text, RECORD_MAX);
	gp_buf_adds(&text, "v=DKIM1; p=");
	gp_base64_encode((const uint8_t *)der.p, der.n, &text);
	rc = gp_dkim_key_parse(gp_buf_str(&text), arena, out, err);
	gp_buf_clear(&text);
	return rc;
}

static void
dkim_key_der_is_the_one_encoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_key_record r;
		struct gp_err err = { "" };
		enum gp_rc rc = parse_der(keys[i].der, arena, &r, &err);

		if (rc != (keys[i].clause == NULL ? GP_OK : GP_PERM) ||
		    (rc != GP_OK && strcmp(err.msg, keys[i].clause) != 0))
			fail_msg("row: %s: %s '%s'", keys[i].label,
			    gp_rc_name(rc), err.msg);
		gp_arena_free(arena);
	}
}

/* One octet changed, or cut: still within bounds, or refused. */
static void
dkim_key_der_of_any_octets_is_bounded(void **state)
{
	static const char good[] =
	    "\x30\x5c\x30\x0d" RSA_ID "\x05\x00\x03\x4b\x00" PKCS1;
	struct gp_arena *arena = gp_arena_new();
	char der[sizeof(good)];

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (unsigned c = 0; c < 256; c++) {
			struct gp_dkim_key_record r;

			memcpy(der, good, sizeof(good));
			der[i] = (char)c;
			if (parse_der(gp_str_n(der, sizeof(good) - 1), arena,
				&r, NULL) == GP_OK)
				assert_true(r.key.bits >= 512 &&
					    r.key.bits <= 520 &&
					    r.key.e.n <= 3);
		}
		gp_arena_clear(arena);
	}
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		struct gp_dkim_key_record r;

		if (n > 0 &&
		    parse_der(gp_str_n(good, n), arena, &r, NULL) == GP_OK)
			fail_msg("cut at %zu", n);
	}
	gp_arena_free(arena);
}

/* -- numbers and back ---------------------------------------------------- */

static void
dkim_key_of_rfc_8463_is_read_whole(void **state)
{
	static const uint8_t head[] = { 0xd7, 0x5a, 0x98, 0x01 };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_key_record r;

	(void)state;
	assert_int_equal(
	    gp_dkim_key_parse(GP_STR("v=DKIM1; k=ed25519; p=" ED25519), arena,
		&r, NULL),
	    GP_OK);
	assert_int_equal(r.key.type, GP_DKIM_KEY_ED25519);
	assert_int_equal(r.key.bits, 256);
	assert_int_equal(r.key.point.n, GP_DKIM_ED25519_BYTES);
	assert_memory_equal(r.key.point.p, head, sizeof(head));
	assert_true(r.for_email && r.sha256);
	gp_arena_free(arena);
}

static void
dkim_key_of_rfc_6376_is_read_whole(void **state)
{
	static const uint8_t head[] = { 0xf0, 0x21, 0x13, 0xff };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_key_record r;

	(void)state;
	assert_int_equal(gp_dkim_key_parse(GP_STR("p=" RSA), arena, &r, NULL),
	    GP_OK);
	assert_int_equal(r.key.type, GP_DKIM_KEY_RSA);
	assert_int_equal(r.key.bits, 1024);
	assert_int_equal(r.key.n.n, 128);
	assert_memory_equal(r.key.n.p, head, sizeof(head));
	assert_true(gp_str_eq(r.key.e, GP_STR("\x01\x00\x01")));
	gp_arena_free(arena);
}

static void
dkim_key_format_gives_the_published_record(void **state)
{
	static const char *const published[] = {
		"v=DKIM1; k=rsa; p=" RSA,
		"v=DKIM1; k=ed25519; p=" ED25519,
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_key_record r;
		struct gp_buf out;

		gp_buf_init(&out, RECORD_MAX);
		assert_int_equal(gp_dkim_key_parse(gp_str(published[i]), arena,
				     &r, NULL),
		    GP_OK);
		gp_dkim_key_format(&r.key, &out);
		assert_string_equal(gp_buf_cstr(&out), published[i]);
		gp_buf_clear(&out);
		gp_arena_free(arena);
	}
}

/* Moduli of every width, the highest bit of the first octet set or not, so
 * that each length has each of its forms. */
static void
dkim_key_format_is_read_back_at_every_width(void **state)
{
	static char n[GP_DKIM_RSA_BITS_MAX / 8 + 1];
	struct gp_dkim_public key = { .type = GP_DKIM_KEY_RSA,
		.e = GP_STR("\x80\x00\x00\x00\x00\x00\x00\x03") };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	memset(n, 0xff, sizeof(n));
	for (unsigned bits = 1; bits <= GP_DKIM_RSA_BITS_MAX + 8; bits++) {
		bool allowed = bits >= 512 && bits <= GP_DKIM_RSA_BITS_MAX;
		struct gp_dkim_key_record r;
		struct gp_buf out;

		key.n = gp_str_n(n, (bits + 7) / 8);
		n[0] = (char)(0xff >> (7 - (bits - 1) % 8));
		gp_buf_init(&out, RECORD_MAX);
		gp_dkim_key_format(&key, &out);
		if ((gp_dkim_key_parse(gp_buf_str(&out), arena, &r, NULL) ==
			GP_OK) != allowed ||
		    (allowed && (r.key.bits != bits ||
				    !gp_dkim_public_eq(&r.key, &key))))
			fail_msg("%u bits", bits);
		gp_buf_clear(&out);
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
}

static void
dkim_key_of_too_many_bits_is_refused_by_name(void **state)
{
	static char n[GP_DKIM_RSA_BITS_MAX / 8 + 1];
	struct gp_dkim_public key = { .type = GP_DKIM_KEY_RSA,
		.n = { n, sizeof(n) },
		.e = GP_STR("\x03") };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_key_record r;
	struct gp_err err;
	struct gp_buf out;

	(void)state;
	memset(n, 0x01, sizeof(n));
	gp_buf_init(&out, RECORD_MAX);
	gp_dkim_key_format(&key, &out);
	assert_int_equal(gp_dkim_key_parse(gp_buf_str(&out), arena, &r, &err),
	    GP_PERM);
	assert_string_equal(err.msg, "RSA key over 8192 bits");
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

static void
dkim_public_eq_compares_all_of_it(void **state)
{
	struct gp_dkim_public rsa = { .type = GP_DKIM_KEY_RSA,
		.bits = 1024,
		.n = GP_STR("modulus"),
		.e = GP_STR("\x03") };
	struct gp_dkim_public ed = { .type = GP_DKIM_KEY_ED25519,
		.bits = 256,
		.point = GP_STR("point") };
	struct gp_dkim_public other;

	(void)state;
	other = rsa;
	assert_true(gp_dkim_public_eq(&rsa, &other));
	other.n = GP_STR("Modulus");
	assert_false(gp_dkim_public_eq(&rsa, &other));
	other = rsa;
	other.e = GP_STR("\x05");
	assert_false(gp_dkim_public_eq(&rsa, &other));
	assert_false(gp_dkim_public_eq(&rsa, &ed));
	assert_false(gp_dkim_public_eq(&ed, &rsa));
	other = ed;
	assert_true(gp_dkim_public_eq(&ed, &other));
	other.point = GP_STR("poin");
	assert_false(gp_dkim_public_eq(&ed, &other));
	/* of another type, whatever the numbers are */
	other = rsa;
	other.type = GP_DKIM_KEY_ED25519;
	assert_false(gp_dkim_public_eq(&rsa, &other));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_key_records_are_read_by_the_rules),
		cmocka_unit_test(dkim_key_der_is_the_one_encoding),
		cmocka_unit_test(dkim_key_der_of_any_octets_is_bounded),
		cmocka_unit_test(dkim_key_of_rfc_8463_is_read_whole),
		cmocka_unit_test(dkim_key_of_rfc_6376_is_read_whole),
		cmocka_unit_test(dkim_key_format_gives_the_published_record),
		cmocka_unit_test(dkim_key_format_is_read_back_at_every_width),
		cmocka_unit_test(dkim_key_of_too_many_bits_is_refused_by_name),
		cmocka_unit_test(dkim_public_eq_compares_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
