/* What a message of ours has, what it lacks, and what is said about it. */
#include "core/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define NOW 1700000000

#define HASH "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
/* A signature but for h= and what the row is about. */
#define SIGNED(d, s)                                                           \
	"DKIM-Signature: v=1; a=rsa-sha256; b=AAAA; bh=" HASH "; d=" d         \
	"; s=" s "; "
#define BOTH "h=From:List-Unsubscribe:List-Unsubscribe-Post"
#define OURS SIGNED("shop.example", "s1") BOTH

#define FROM  "From: a@shop.example\n"
#define CLICK "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
#define URI   "List-Unsubscribe: <https://shop.example/u?i=1>\n"

static const struct gp_key_policy keys[] = {
	{ .selector = "s1", .state = GP_KEY_ACTIVE },
	{ .selector = "next", .state = GP_KEY_STAGED },
	{ .selector = "old", .state = GP_KEY_RETIRED },
};

static const struct gp_policy block = { .domain = "shop.example",
	.n_keys = COUNT(keys),
	.keys = keys };
static const struct gp_policy keyless = { .domain = "shop.example" };

/* Fields parted by line ends; a line that begins with a blank goes on. */
static void
add_fields(struct gp_header *h, struct gp_arena *arena, const char *text)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');
		struct gp_str name, value;

		while (end != NULL && (end[1] == ' ' || end[1] == '\t'))
			end = strchr(end + 1, '\n');
		if (end == NULL)
			end = text + strlen(text);
		value = gp_str_n(text, (size_t)(end - text));
		name = gp_str_split(&value, ':');
		gp_header_add(h, arena, name, value);
		text = *end == '\0' ? end : end + 1;
	}
}

static struct gp_preflight_header
read_header(const char *fields, bool over, const struct gp_policy *policy,
    struct gp_arena *arena)
{
	struct gp_header *h = gp_arena_alloc(arena, sizeof(*h));
	struct gp_preflight_message m = { .header = h,
		.policy = policy,
		.now_s = NOW };
	struct gp_preflight_header out;
	struct gp_author author;
	struct gp_err err;

	add_fields(h, arena, fields);
	h->over = over;
	m.author = &author;
	if (gp_author_find(h, arena, &author, &err) != GP_OK)
		m.trouble = gp_arena_strdup(arena, err.msg);
	gp_preflight_read(&m, arena, &out);
	return out;
}

/* -- the header, field by field ---------------------------------------- */

enum part {
	FROM_ONE,
	DATE,
	MESSAGE_ID,
	SUBJECT,
	ONE_CLICK,
	IS_SIGNED,
	COVERED
};

static const struct gp_preflight_point *
part_of(const struct gp_preflight_header *h, enum part part)
{
	const struct gp_preflight_point *const parts[] = {
		[FROM_ONE] = &h->from_one,
		[DATE] = &h->date,
		[MESSAGE_ID] = &h->message_id,
		[SUBJECT] = &h->subject,
		[ONE_CLICK] = &h->one_click,
		[IS_SIGNED] = &h->is_signed,
		[COVERED] = &h->covered,
	};

	return parts[part];
}

struct row {
	const char *label;
	enum part part;
	const char *fields;
	const char *why;                /* in the clause; NULL: met */
	bool over;                      /* fields are missing */
	bool open;                      /* not missing */
	const struct gp_policy *policy; /* NULL: block */
};

static const struct row rows[] = {
	/* RFC 5322 3.6: From and Date once, Message-ID and Subject at most
	 * once */
	{ .label = "one From", FROM_ONE, FROM, NULL },
	{ .label = "no From", FROM_ONE, "Date: x\n", "there is no From field" },
	{ .label = "two From", FROM_ONE, FROM FROM, "there are 2 From fields" },
	{ .label = "two domains",
	    FROM_ONE,
	    "From: a@shop.example, b@x.example\n",
	    "From has 2 domains" },
	{ .label = "no address",
	    FROM_ONE,
	    "From: nobody:;\n",
	    "From has no address" },
	{ .label = "not readable",
	    FROM_ONE,
	    "From: <<\n",
	    "From can not be read" },
	{ .label = "a literal",
	    FROM_ONE,
	    "From: a@[192.0.2.1]\n",
	    "From has an address literal" },
	{ .label = "one From, more may be there",
	    FROM_ONE,
	    FROM,
	    "too large",
	    .over = true,
	    .open = true },
	{ .label = "two From, more may be there",
	    FROM_ONE,
	    FROM FROM,
	    "too large",
	    .over = true },
	{ .label = "a Date", DATE, "Date: x\n", NULL },
	{ .label = "of any case, with a blank", DATE, "DATE : x\n", NULL },
	{ .label = "no Date", DATE, FROM, "no Date field" },
	{ .label = "Date of another name",
	    DATE,
	    "X-Date: x\nDates: x\n",
	    "no Date field" },
	{ .label = "two Dates",
	    DATE,
	    "Date: x\n" FROM "date: x\n",
	    "2 Date fields" },
	{ .label = "three Dates",
	    DATE,
	    "Date:\nDate:\nDate:\n",
	    "3 Date fields" },
	{ .label = "a Date, more may be there",
	    DATE,
	    "Date: x\n",
	    "the header is too large to know",
	    .over = true,
	    .open = true },
	{ .label = "no Date, it may be there",
	    DATE,
	    FROM,
	    "the header is too large to know",
	    .over = true,
	    .open = true },
	{ .label = "two Dates are too many",
	    DATE,
	    "Date: x\nDate: x\n",
	    "2 Date fields",
	    .over = true },
	{ .label = "a Message-ID", MESSAGE_ID, "Message-Id: <1@x>\n", NULL },
	{ .label = "no Message-ID", MESSAGE_ID, FROM, "no Message-ID field" },
	{ .label = "two Message-IDs",
	    MESSAGE_ID,
	    "Message-ID: x\nMessage-ID: x\n",
	    "2 Message-ID fields" },
	{ .label = "Message-ID unknown",
	    MESSAGE_ID,
	    FROM,
	    "too large",
	    .over = true,
	    .open = true },
	{ .label = "a Subject", SUBJECT, "Subject:\n", NULL },
	{ .label = "no Subject", SUBJECT, FROM, "no Subject field" },
	{ .label = "two Subjects",
	    SUBJECT,
	    "Subject: x\nSubject: x\n",
	    "2 Subject fields" },
	{ .label = "Subject unknown",
	    SUBJECT,
	    FROM,
	    "too large",
	    .over = true,
	    .open = true },

	/* RFC 8058 3.1: one field each */
	{ .label = "one-click", ONE_CLICK, URI CLICK, NULL },
	{ .label = "no List-Unsubscribe",
	    ONE_CLICK,
	    CLICK,
	    "no List-Unsubscribe field" },
	{ .label = "no List-Unsubscribe-Post",
	    ONE_CLICK,
	    URI,
	    "no List-Unsubscribe-Post field" },
	{ .label = "neither", ONE_CLICK, FROM, "no List-Unsubscribe field" },
	{ .label = "two List-Unsubscribe",
	    ONE_CLICK,
	    URI URI CLICK,
	    "2 List-Unsubscribe fields" },
	{ .label = "two List-Unsubscribe-Post",
	    ONE_CLICK,
	    URI CLICK CLICK,
	    "2 List-Unsubscribe-Post fields" },
	{ .label = "they may be there",
	    ONE_CLICK,
	    FROM,
	    "too large",
	    .over = true,
	    .open = true },
	{ .label = "there may be more",
	    ONE_CLICK,
	    URI CLICK,
	    "too large",
	    .over = true,
	    .open = true },
	{ .label = "two of the second are too many",
	    ONE_CLICK,
	    CLICK CLICK,
	    "2 List-Unsubscribe-Post fields",
	    .over = true },
	/* the list of RFC 2369 */
	{ .label = "mail besides",
	    ONE_CLICK,
	    "List-Unsubscribe: <mailto:u@shop.example?subject=a,b>,\n"
	    " <https://shop.example/u>\n" CLICK,
	    NULL },
	{ .label = "comments",
	    ONE_CLICK,
	    "List-Unsubscribe: (a \\) (b)) <https://shop.example/u> (c)\n"
	    "\t, (d) <mailto:u@shop.example>\n" CLICK,
	    NULL },
	{ .label = "folded in the URI",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://shop\n .example/u>\n" CLICK,
	    NULL },
	{ .label = "the scheme in capitals",
	    ONE_CLICK,
	    "List-Unsubscribe: <HTTPS://shop.example/u>\n" CLICK,
	    NULL },
	{ .label = "an address of IPv6",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://[2001:db8::1]/u>\n" CLICK,
	    NULL },
	{ .label = "mail alone",
	    ONE_CLICK,
	    "List-Unsubscribe: <mailto:u@shop.example>\n" CLICK,
	    "List-Unsubscribe has no https URI" },
	{ .label = "http",
	    ONE_CLICK,
	    "List-Unsubscribe: <http://shop.example>\n" CLICK,
	    "List-Unsubscribe has no https URI" },
	{ .label = "https in a comment",
	    ONE_CLICK,
	    "List-Unsubscribe: (<https://a.example>) <mailto:a@b>\n" CLICK,
	    "List-Unsubscribe has no https URI" },
	{ .label = "https in a path",
	    ONE_CLICK,
	    "List-Unsubscribe: <mailto:https://a.example>\n" CLICK,
	    "List-Unsubscribe has no https URI" },
	{ .label = "two of https",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example>, "
	    "<https://b.example>\n" CLICK,
	    "more than one web address" },
	{ .label = "http besides",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example>, <http://a.example>\n" CLICK,
	    "more than one web address" },
	{ .label = "no brackets",
	    ONE_CLICK,
	    "List-Unsubscribe: https://shop.example/u\n" CLICK,
	    "no list of <URI>" },
	{ .label = "empty",
	    ONE_CLICK,
	    "List-Unsubscribe:\n" CLICK,
	    "no list of <URI>" },
	{ .label = "blank",
	    ONE_CLICK,
	    "List-Unsubscribe: \t\n" CLICK,
	    "no list of <URI>" },
	{ .label = "no end",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://shop.example\n" CLICK,
	    "no list of <URI>" },
	{ .label = "a comma at the end",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://shop.example>,\n" CLICK,
	    "no list of <URI>" },
	{ .label = "no comma",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example> <mailto:a@b>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "a semicolon",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example>;<mailto:a@b>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "parentheses in a URI",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example/(>, <mailto:a)@b>\n" CLICK,
	    NULL },
	{ .label = "text behind",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example>x\n" CLICK,
	    "no list of <URI>" },
	{ .label = "a comment without an end",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example> (\n" CLICK,
	    "no list of <URI>" },
	{ .label = "a comment that ends in a backslash",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://a.example> (\\\n" CLICK,
	    "no list of <URI>" },
	{ .label = "no scheme",
	    ONE_CLICK,
	    "List-Unsubscribe: <shop.example>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "an empty URI",
	    ONE_CLICK,
	    "List-Unsubscribe: <>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "an empty scheme",
	    ONE_CLICK,
	    "List-Unsubscribe: <:x>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "no host",
	    ONE_CLICK,
	    "List-Unsubscribe: <https:///u>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "no host, again",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "no slashes",
	    ONE_CLICK,
	    "List-Unsubscribe: <https:shop.example>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "a brace that a template left",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://shop.example/{id}>\n" CLICK,
	    "no list of <URI>" },
	{ .label = "8-bit",
	    ONE_CLICK,
	    "List-Unsubscribe: <https://shop.example/\xc3\xbc>\n" CLICK,
	    "no list of <URI>" },
	/* the pair of RFC 8058 */
	{ .label = "folded",
	    ONE_CLICK,
	    URI "List-Unsubscribe-Post:\n\tList-Unsubscribe=One-Click \n",
	    NULL },
	{ .label = "the first draft's",
	    ONE_CLICK,
	    URI "List-Unsubscribe-Post: List-Unsubscribe=One-Click-Optout\n",
	    "is not List-Unsubscribe=One-Click" },
	{ .label = "one pair too many",
	    ONE_CLICK,
	    URI "List-Unsubscribe-Post: List-Unsubscribe=One-Click&a=b\n",
	    "is not List-Unsubscribe=One-Click" },
	{ .label = "no value",
	    ONE_CLICK,
	    URI "List-Unsubscribe-Post:\n",
	    "is not List-Unsubscribe=One-Click" },

	/* signatures that are ours */
	{ .label = "ours", IS_SIGNED, OURS, NULL },
	{ .label = "of any case",
	    IS_SIGNED,
	    SIGNED("Shop.Example", "S1") "h=from; t=1699999999; x=1700000001",
	    NULL },
	{ .label = "of a staged key",
	    IS_SIGNED,
	    SIGNED("shop.example", "next") BOTH,
	    NULL },
	{ .label = "ed25519",
	    IS_SIGNED,
	    "dkim-signature: v=1; a=ed25519-sha256; b=AAAA; bh=" HASH
	    "; d=shop.example; s=s1; h=From",
	    NULL },
	{ .label = "below others",
	    IS_SIGNED,
	    "DKIM-Signature: x\n" SIGNED("x.example", "s1") BOTH "\n" OURS,
	    NULL },
	{ .label = "t= of a clock that is ahead",
	    IS_SIGNED,
	    OURS "; t=1700000300",
	    NULL },
	{ .label = "ours, of a large header",
	    IS_SIGNED,
	    OURS,
	    NULL,
	    .over = true },
	{ .label = "none",
	    IS_SIGNED,
	    FROM,
	    "no DKIM signature of shop.example (gatepost-dkim must come" },
	{ .label = "it may be there",
	    IS_SIGNED,
	    FROM,
	    "too large",
	    .over = true,
	    .open = true },
	{ .label = "of another domain",
	    IS_SIGNED,
	    SIGNED("evil.example", "s1") BOTH,
	    "with d=shop.example and a key of that block" },
	{ .label = "of a domain below",
	    IS_SIGNED,
	    SIGNED("a.shop.example", "s1") BOTH,
	    "with d=shop.example and a key of that block" },
	{ .label = "of another selector",
	    IS_SIGNED,
	    SIGNED("shop.example", "evil") BOTH,
	    "with d=shop.example and a key of that block" },
	{ .label = "of a retired key",
	    IS_SIGNED,
	    SIGNED("shop.example", "old") BOTH,
	    "with d=shop.example and a key of that block" },
	{ .label = "no signature at all",
	    IS_SIGNED,
	    "DKIM-Signature: x",
	    "with d=shop.example and a key of that block" },
	{ .label = "malformed",
	    IS_SIGNED,
	    SIGNED("shop.example", "s1") "h=Subject",
	    "the DKIM signature of shop.example is malformed" },
	{ .label = "doubled tags",
	    IS_SIGNED,
	    OURS "; d=shop.example",
	    "the DKIM signature of shop.example is malformed" },
	{ .label = "expired",
	    IS_SIGNED,
	    OURS "; t=1690000000; x=1700000000",
	    "the DKIM signature of shop.example has expired" },
	{ .label = "of the future",
	    IS_SIGNED,
	    OURS "; t=1700000301",
	    "the DKIM signature of shop.example has a t= in the future" },
	{ .label = "with l=", IS_SIGNED, OURS "; l=10", "has l= or rsa-sha1" },
	{ .label = "with rsa-sha1",
	    IS_SIGNED,
	    "DKIM-Signature: v=1; a=rsa-sha1; b=AAAA; bh="
	    "MDEyMzQ1Njc4OTAxMjM0NTY3ODk=; d=shop.example; s=s1; h=From",
	    "has l= or rsa-sha1" },
	{ .label = "the nearest is named",
	    IS_SIGNED,
	    OURS "; t=1690000000; x=1700000000\nDKIM-Signature: x",
	    "has expired" },
	{ .label = "a block without keys",
	    IS_SIGNED,
	    OURS,
	    "block shop.example has no key to sign with",
	    .policy = &keyless },

	/* RFC 8058 4: both fields are covered */
	{ .label = "covered", COVERED, OURS, NULL },
	{ .label = "covered, any case",
	    COVERED,
	    SIGNED("shop.example", "s1") "h=from : list-UNSUBSCRIBE-post\n"
					 " : list-unsubscribe",
	    NULL },
	{ .label = "covered by the second",
	    COVERED,
	    SIGNED("shop.example", "s1") "h=From\n" OURS,
	    NULL },
	{ .label = "Post is not covered",
	    COVERED,
	    SIGNED("shop.example", "s1") "h=From:List-Unsubscribe",
	    "no DKIM signature of ours covers both" },
	{ .label = "Post alone is covered",
	    COVERED,
	    SIGNED("shop.example", "s1") "h=From:List-Unsubscribe-Post",
	    "no DKIM signature of ours covers both" },
	{ .label = "one each",
	    COVERED,
	    SIGNED("shop.example",
		"s1") "h=From:List-Unsubscribe-Post\n" SIGNED("shop.example",
		"next") "h=From:List-Unsubscribe",
	    "no DKIM signature of ours covers both" },
	{ .label = "covered by a stranger",
	    COVERED,
	    SIGNED("evil.example", "s1") BOTH
	    "\n" SIGNED("shop.example", "s1") "h=From",
	    "no DKIM signature of ours covers both" },
	{ .label = "covered by one that expired",
	    COVERED,
	    OURS "; t=1690000000; x=1700000000\n" SIGNED("shop.example",
		"s1") "h=From",
	    "no DKIM signature of ours covers both" },
	{ .label = "unsigned",
	    COVERED,
	    FROM,
	    "no DKIM signature of shop.example" },
	{ .label = "one may be there",
	    COVERED,
	    SIGNED("shop.example", "s1") "h=From",
	    "too large",
	    .over = true,
	    .open = true },
};

static void
check_point(const struct gp_preflight_point *p, const struct row *r)
{
	if (r->why == NULL) {
		assert_int_equal(p->state, GP_PREFLIGHT_MET);
		assert_null(p->why);
		return;
	}
	assert_non_null(p->why);
	if (strstr(p->why, r->why) == NULL)
		fail_msg("%s", p->why);
	assert_int_equal(p->state,
	    r->open ? GP_PREFLIGHT_OPEN : GP_PREFLIGHT_MISSING);
}

static void
preflight_reads_what_the_header_has(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		struct gp_arena *arena = gp_arena_new();
		struct gp_preflight_header h;

		print_message("# %s\n", r->label);
		h = read_header(r->fields, r->over,
		    r->policy == NULL ? &block : r->policy, arena);
		check_point(part_of(&h, r->part), r);
		gp_arena_free(arena);
	}
}

/* However many others there are, ours is found. */
static void
preflight_finds_our_signature_below_many(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_buf text;
	struct gp_preflight_header h;

	(void)state;
	gp_buf_init(&text, 65536);
	for (int i = 0; i < 200; i++)
		gp_buf_adds(&text, SIGNED("x.example", "s1") BOTH "\n");
	gp_buf_adds(&text, OURS);
	h = read_header(gp_buf_cstr(&text), false, &block, arena);
	assert_int_equal(h.is_signed.state, GP_PREFLIGHT_MET);
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

/* -- the judgement ----------------------------------------------------- */

static const enum gp_preflight_need all_needs[] = { GP_NEED_FROM_ONE,
	GP_NEED_ALIGNED_DKIM, GP_NEED_ALIGNED_SPF, GP_NEED_DMARC_RECORD,
	GP_NEED_DATE, GP_NEED_MESSAGE_ID, GP_NEED_SUBJECT, GP_NEED_ONE_CLICK };

static const char *const names[] = { "from-one", "aligned-dkim", "aligned-spf",
	"dmarc-record", "date", "message-id", "subject",
	"list-unsubscribe-oneclick" };

_Static_assert(COUNT(all_needs) == GP_NEEDS, "each need is here");

/* Where each need gets its answer from. */
static struct gp_preflight_point *
source(enum gp_preflight_need need, struct gp_preflight_header *h,
    struct gp_preflight_facts *facts)
{
	struct gp_preflight_point *const points[] = {
		[GP_NEED_FROM_ONE] = &h->from_one,
		[GP_NEED_ALIGNED_DKIM] = &facts->dkim,
		[GP_NEED_ALIGNED_SPF] = &facts->spf,
		[GP_NEED_DMARC_RECORD] = &facts->record,
		[GP_NEED_DATE] = &h->date,
		[GP_NEED_MESSAGE_ID] = &h->message_id,
		[GP_NEED_SUBJECT] = &h->subject,
		[GP_NEED_ONE_CLICK] = &h->one_click,
	};

	return points[need];
}

static void
preflight_judges_each_need_by_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < GP_NEEDS; i++) {
		const enum gp_preflight_need need = all_needs[i];
		const struct gp_preflight_policy one = { .given = true,
			.require = { 1, &need } };

		print_message("# %s\n", names[i]);
		assert_string_equal(gp_preflight_need_name(need), names[i]);
		for (int s = GP_PREFLIGHT_MET; s <= GP_PREFLIGHT_MISSING; s++) {
			struct gp_preflight_header h = { 0 };
			struct gp_preflight_facts facts = { 0 };
			struct gp_preflight p;

			source(need, &h, &facts)->state =
			    (enum gp_preflight_state)s;
			source(need, &h, &facts)->why = "so";
			gp_preflight_judge(&one, &h, &facts, &p);
			assert_int_equal(p.missing, s == GP_PREFLIGHT_MISSING);
			assert_int_equal(p.open, s == GP_PREFLIGHT_OPEN);
			assert_int_equal(p.n, s != GP_PREFLIGHT_MET);
			if (p.n == 1) {
				assert_int_equal(p.v[0].need, need);
				assert_int_equal(p.v[0].state, s);
				assert_string_equal(p.v[0].why, "so");
			}
		}
	}
	assert_string_equal(gp_preflight_need_name(GP_NEEDS), "unknown");
}

/* What is not required is not looked at; what is required twice counts once;
 * the order is that of `require`. */
static void
preflight_judges_what_is_required(void **state)
{
	static const enum gp_preflight_need v[] = { GP_NEED_SUBJECT,
		GP_NEED_DATE, GP_NEED_SUBJECT, GP_NEED_ALIGNED_SPF };
	const struct gp_preflight_policy some = { .require = { COUNT(v), v } };
	const struct gp_preflight_policy nothing = { .given = true };
	const struct gp_preflight_point bad = { GP_PREFLIGHT_MISSING, "bad" };
	const struct gp_preflight_point open = { GP_PREFLIGHT_OPEN, "open" };
	const struct gp_preflight_header h = { bad, bad, bad, bad, bad, bad,
		bad };
	const struct gp_preflight_facts facts = { bad, open, bad };
	struct gp_preflight p;

	(void)state;
	gp_preflight_judge(&nothing, &h, &facts, &p);
	assert_int_equal(p.n + p.missing + p.open, 0);
	gp_preflight_judge(&some, &h, &facts, &p);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.missing, 2);
	assert_int_equal(p.open, 1);
	assert_int_equal(p.v[0].need, GP_NEED_SUBJECT);
	assert_int_equal(p.v[1].need, GP_NEED_DATE);
	assert_int_equal(p.v[2].need, GP_NEED_ALIGNED_SPF);
}

/* One-click is as good as the worst of the fields, their signature, and its
 * alignment. */
static void
preflight_one_click_needs_an_aligned_signature(void **state)
{
	static const enum gp_preflight_need v[] = { GP_NEED_ONE_CLICK };
	const struct gp_preflight_policy policy = { .require = { 1, v } };

	(void)state;
	for (int i = 0; i < 27; i++) {
		const int states[] = { i % 3, i / 3 % 3, i / 9 };
		struct gp_preflight_header h = { 0 };
		struct gp_preflight_facts facts = { 0 };
		struct gp_preflight p;
		int worst = 0;

		for (int j = 0; j < 3; j++)
			worst = states[j] > worst ? states[j] : worst;
		h.one_click = (struct gp_preflight_point){
			(enum gp_preflight_state)states[0], "fields"
		};
		h.covered = (struct gp_preflight_point){
			(enum gp_preflight_state)states[1], "covered"
		};
		facts.dkim = (struct gp_preflight_point){
			(enum gp_preflight_state)states[2], "aligned"
		};
		gp_preflight_judge(&policy, &h, &facts, &p);
		assert_int_equal(p.missing, worst == GP_PREFLIGHT_MISSING);
		assert_int_equal(p.open, worst == GP_PREFLIGHT_OPEN);
		if (worst == GP_PREFLIGHT_MET)
			continue;
		assert_string_equal(p.v[0].why, states[0] == worst ? "fields"
						: states[1] == worst
						    ? "covered"
						    : "aligned");
	}
}

/* -- the verdict ------------------------------------------------------- */

#define DATE_MISSING                                                           \
	{                                                                      \
		GP_NEED_DATE, GP_PREFLIGHT_MISSING, "no Date field"            \
	}
#define SUBJECT_MISSING                                                        \
	{                                                                      \
		GP_NEED_SUBJECT, GP_PREFLIGHT_MISSING, "2 Subject fields"      \
	}
#define SPF_OPEN                                                               \
	{                                                                      \
		GP_NEED_ALIGNED_SPF, GP_PREFLIGHT_OPEN, "DNS gave no answer"   \
	}

struct verdict_row {
	const char *label;
	struct gp_preflight found;
	enum gp_mode mode;
	enum gp_disposition otherwise, temperror;
	bool bounce;
	enum gp_action action;
	enum gp_disposition disposition;
	bool monitored;
	const char *why, *xcode, *text, *log;
};

#define NOTHING                                                                \
	{                                                                      \
		.n = 0                                                         \
	}
#define MISSING1                                                               \
	{                                                                      \
		1, { DATE_MISSING }, 1, 0                                      \
	}
#define MIXED                                                                  \
	{                                                                      \
		3, { SPF_OPEN, DATE_MISSING, SUBJECT_MISSING }, 2, 1           \
	}
#define OPEN1                                                                  \
	{                                                                      \
		1, { SPF_OPEN }, 0, 1                                          \
	}
#define LACKS "this message lacks what receivers demand (preflight): "

static const struct verdict_row verdicts[] = {
	{ "nothing", NOTHING, GP_ENFORCE, GP_DO_REJECT, GP_DO_TEMPFAIL, false,
	    GP_CONTINUE, GP_DO_TAG, false, "preflight.pass", NULL, NULL,
	    "Q: preflight=pass" },
	{ "warn", MISSING1, GP_ENFORCE, GP_DO_TAG, GP_DO_TEMPFAIL, false,
	    GP_CONTINUE, GP_DO_TAG, false, "preflight.date", NULL, NULL,
	    "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "reject", MISSING1, GP_ENFORCE, GP_DO_REJECT, GP_DO_TAG, false,
	    GP_REJECT, GP_DO_REJECT, false, "preflight.date", "5.7.1",
	    LACKS "date: no Date field",
	    "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "tempfail", MISSING1, GP_ENFORCE, GP_DO_TEMPFAIL, GP_DO_TAG, false,
	    GP_TEMPFAIL, GP_DO_TEMPFAIL, false, "preflight.date", "4.7.1",
	    LACKS "date: no Date field",
	    "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "reject, watched", MISSING1, GP_MONITOR, GP_DO_REJECT, GP_DO_TAG,
	    false, GP_CONTINUE, GP_DO_REJECT, true, "preflight.date", NULL,
	    NULL, "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "tempfail, watched", MISSING1, GP_MONITOR, GP_DO_TEMPFAIL, GP_DO_TAG,
	    false, GP_CONTINUE, GP_DO_TEMPFAIL, true, "preflight.date", NULL,
	    NULL, "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "warn, watched", MISSING1, GP_MONITOR, GP_DO_TAG, GP_DO_TAG, false,
	    GP_CONTINUE, GP_DO_TAG, false, "preflight.date", NULL, NULL,
	    "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "a bounce", MISSING1, GP_ENFORCE, GP_DO_REJECT, GP_DO_TEMPFAIL, true,
	    GP_CONTINUE, GP_DO_TAG, false, "preflight.date", NULL, NULL,
	    "Q: preflight=fail missing=date date=\"no Date field\"" },
	{ "a bounce, DNS does not tell", OPEN1, GP_ENFORCE, GP_DO_REJECT,
	    GP_DO_TEMPFAIL, true, GP_CONTINUE, GP_DO_TAG, false,
	    "preflight.aligned-spf", NULL, NULL,
	    "Q: preflight=open open=aligned-spf"
	    " aligned-spf=\"DNS gave no answer\"" },
	{ "open is not missing: else says nothing", OPEN1, GP_ENFORCE,
	    GP_DO_REJECT, GP_DO_TAG, false, GP_CONTINUE, GP_DO_TAG, false,
	    "preflight.aligned-spf", NULL, NULL,
	    "Q: preflight=open open=aligned-spf"
	    " aligned-spf=\"DNS gave no answer\"" },
	{ "open, tempfail", OPEN1, GP_ENFORCE, GP_DO_REJECT, GP_DO_TEMPFAIL,
	    false, GP_TEMPFAIL, GP_DO_TEMPFAIL, false, "preflight.aligned-spf",
	    "4.7.1",
	    "this message can not be checked now (preflight): aligned-spf: "
	    "DNS gave no answer",
	    "Q: preflight=open open=aligned-spf"
	    " aligned-spf=\"DNS gave no answer\"" },
	{ "open, tempfail, watched", OPEN1, GP_MONITOR, GP_DO_REJECT,
	    GP_DO_TEMPFAIL, false, GP_CONTINUE, GP_DO_TEMPFAIL, true,
	    "preflight.aligned-spf", NULL, NULL,
	    "Q: preflight=open open=aligned-spf"
	    " aligned-spf=\"DNS gave no answer\"" },
	{ "what is missing goes before what is open", MIXED, GP_ENFORCE,
	    GP_DO_REJECT, GP_DO_TEMPFAIL, false, GP_REJECT, GP_DO_REJECT, false,
	    "preflight.date", "5.7.1",
	    LACKS "date, subject: no Date field; 2 Subject fields",
	    "Q: preflight=fail missing=date,subject open=aligned-spf"
	    " aligned-spf=\"DNS gave no answer\" date=\"no Date field\""
	    " subject=\"2 Subject fields\"" },
	{ "and what is open does not tempfail then", MIXED, GP_ENFORCE,
	    GP_DO_TAG, GP_DO_TEMPFAIL, false, GP_CONTINUE, GP_DO_TAG, false,
	    "preflight.date", NULL, NULL,
	    "Q: preflight=fail missing=date,subject open=aligned-spf"
	    " aligned-spf=\"DNS gave no answer\" date=\"no Date field\""
	    " subject=\"2 Subject fields\"" },
};

static void
check_verdict(const struct verdict_row *r, const struct gp_verdict *v)
{
	assert_int_equal(v->action, r->action);
	assert_int_equal(v->disposition, r->disposition);
	assert_int_equal(v->monitored, r->monitored);
	assert_string_equal(v->why, r->why);
	if (r->xcode == NULL)
		return;
	assert_string_equal(v->xcode, r->xcode);
	assert_string_equal(v->text, r->text);
}

static void
preflight_verdict_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		const struct verdict_row *r = &verdicts[i];
		const struct gp_preflight_policy policy = { .mode = r->mode,
			.otherwise = r->otherwise,
			.temperror = r->temperror };
		struct gp_arena *arena = gp_arena_new();
		struct gp_logline line;
		struct gp_verdict v;

		print_message("# %s\n", r->label);
		v = gp_preflight_verdict(&policy, &r->found, r->bounce, arena);
		check_verdict(r, &v);
		gp_logline_start(&line, gp_str("Q"));
		gp_preflight_describe(&r->found, &line);
		assert_string_equal(line.text, r->log);
		gp_arena_free(arena);
	}
}

/* A reply of everything, with clauses as long as they get, names everything;
 * the same reason is said once. */
static void
preflight_reply_names_everything(void **state)
{
	const struct gp_preflight_policy policy = { .mode = GP_ENFORCE,
		.otherwise = GP_DO_REJECT };
	struct gp_arena *arena = gp_arena_new();
	struct gp_preflight p = { .n = GP_NEEDS, .missing = GP_NEEDS };
	char longest[500];
	struct gp_logline line;
	struct gp_verdict v;
	struct gp_buf reply;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < GP_NEEDS; i++)
		p.v[i] = (struct gp_preflight_finding){ .need = all_needs[i],
			.state = GP_PREFLIGHT_MISSING,
			.why = longest };
	v = gp_preflight_verdict(&policy, &p, false, arena);
	assert_int_equal(strlen(v.text), strlen(LACKS) + 7 * 2 + 8 + 12 + 11 +
					     12 + 4 + 10 + 7 + 25 + 2 + 499);
	gp_buf_init(&reply, 4096);
	gp_reply_text(&reply, v.text);
	assert_true(reply.n <= GP_REPLY_TEXT_MAX);
	gp_logline_start(&line, gp_str("Q"));
	gp_preflight_describe(&p, &line);
	for (size_t i = 0; i < GP_NEEDS; i++) {
		assert_non_null(strstr(gp_buf_cstr(&reply), names[i]));
		assert_non_null(strstr(line.text, names[i]));
	}
	gp_buf_clear(&reply);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preflight_reads_what_the_header_has),
		cmocka_unit_test(preflight_finds_our_signature_below_many),
		cmocka_unit_test(preflight_judges_each_need_by_its_own),
		cmocka_unit_test(preflight_judges_what_is_required),
		cmocka_unit_test(
		    preflight_one_click_needs_an_aligned_signature),
		cmocka_unit_test(preflight_verdict_table),
		cmocka_unit_test(preflight_reply_names_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
