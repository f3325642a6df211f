/* See dkim_record.h. */
#include "core/dkim_record.h"

#include "core/taglist.h"

#include <stdio.h>
#include <string.h>

#define STRING_MAX 255 /* RFC 1035 3.3: one octet says the length */
#define DAY_S      INT64_C(86400)
#define QUEUES_S   (12 * DAY_S)

const char *
gp_dkim_record_name(const char *selector, const char *domain,
    char out[GP_DKIM_RECORD_NAME])
{
	(void)snprintf(out, GP_DKIM_RECORD_NAME, "%s._domainkey.%s", selector,
	    domain);
	return out;
}

/* -- written down ------------------------------------------------------- */

static void
add_octet(char c, struct gp_buf *out)
{
	if (!gp_is_print(c)) {
		gp_buf_addf(out, "\\%03u", (unsigned)(unsigned char)c);
		return;
	}
	if (c == '"' || c == '\\')
		gp_buf_addc(out, '\\');
	gp_buf_addc(out, c);
}

void
gp_dkim_record_strings(struct gp_str text, const char *between,
    struct gp_buf *out)
{
	gp_buf_addc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (i > 0 && i % STRING_MAX == 0)
			gp_buf_addf(out, "\"%s\"", between);
		add_octet(text.p[i], out);
	}
	gp_buf_addc(out, '"');
}

void
gp_dkim_record_zone(const char *name, unsigned ttl_s, struct gp_str text,
    struct gp_buf *out)
{
	gp_buf_addf(out, "%s. %u IN TXT (\n\t", name, ttl_s);
	gp_dkim_record_strings(text, "\n\t", out);
	gp_buf_adds(out, " )\n");
}

void
gp_dkim_record_nsupdate(const char *name, unsigned ttl_s, struct gp_str text,
    const char *server, struct gp_buf *out)
{
	if (server != NULL)
		gp_buf_addf(out, "server %s\n", server);
	gp_buf_addf(out, "update delete %s. TXT\nupdate add %s. %u TXT ", name,
	    name, ttl_s);
	gp_dkim_record_strings(text, " ", out);
	gp_buf_adds(out, "\nsend\n");
}

int64_t
gp_dkim_record_keep_until_s(int64_t retired_on_s, int64_t expire_ms)
{
	int64_t holds_s =
	    expire_ms == 0 ? QUEUES_S : expire_ms / 1000 + GP_DKIM_DRIFT_S;
	int64_t end_s = retired_on_s / DAY_S * DAY_S + DAY_S + holds_s;

	return (end_s + DAY_S - 1) / DAY_S * DAY_S;
}

/* -- compared ----------------------------------------------------------- */

struct comparing {
	const struct gp_dkim_public *ours;
	struct gp_arena *arena;
	struct gp_dkim_published *out;
};

/* p= as we publish it: what stands behind the last "p=". */
static struct gp_str
our_p(const struct comparing *c)
{
	struct gp_buf text;
	struct gp_str p;

	gp_buf_init(&text, GP_DNS_TXT_MAX);
	gp_dkim_key_format(c->ours, &text);
	p = gp_buf_str(&text);
	for (unsigned tag = 0; tag < 2; tag++)
		(void)gp_str_split(&p, ';');
	(void)gp_str_split(&p, '=');
	p = gp_arena_dup(c->arena, p);
	gp_buf_clear(&text);
	return p;
}

/* Without what the quoting of a zone file may have left in it. */
static struct gp_str
unquoted(const struct comparing *c, struct gp_str text)
{
	char *out = gp_arena_alloc(c->arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '"' && text.p[i] != '\\')
			out[n++] = text.p[i];
	return gp_str_n(out, n);
}

/* Is p= in the record, whatever else is wrong with that? */
static bool
find_p(const struct comparing *c, struct gp_str record, struct gp_str *p)
{
	struct gp_taglist tags;
	const struct gp_str *value;

	*p = gp_str("");
	if (gp_taglist_parse(record, &tags, NULL) != GP_OK)
		return false;
	value = gp_taglist_get(&tags, "p");
	if (value != NULL)
		*p = gp_tag_compact(*value, c->arena);
	return value != NULL;
}

/* Nothing but k= is wrong when our key stands behind it. */
static bool
is_mistyped(const struct comparing *c, struct gp_str record)
{
	const bool rsa = c->ours->type == GP_DKIM_KEY_RSA;
	struct gp_taglist tags;
	const struct gp_str *k;

	if (gp_taglist_parse(record, &tags, NULL) != GP_OK)
		return false;
	k = gp_taglist_get(&tags, "k");
	return k == NULL ? !rsa
	                 : !gp_str_eq(*k, gp_str(rsa ? "rsa" : "ed25519"));
}

/* A record that can not be read: what has happened to it? */
static enum gp_dkim_published_verdict
judge_broken(const struct comparing *c, struct gp_str record)
{
	struct gp_str clean = unquoted(c, record);
	struct gp_str ours = our_p(c);
	struct gp_str theirs;

	if (clean.n < record.n && find_p(c, clean, &theirs) &&
	    gp_str_eq(theirs, ours))
		return GP_DKIM_PUBLISHED_QUOTED;
	if (!find_p(c, record, &theirs) || theirs.n == 0)
		return GP_DKIM_PUBLISHED_BROKEN;
	if (gp_str_eq(theirs, ours))
		return is_mistyped(c, record) ? GP_DKIM_PUBLISHED_TYPE
		                              : GP_DKIM_PUBLISHED_BROKEN;
	if (theirs.n > ours.n || memcmp(ours.p, theirs.p, theirs.n) != 0)
		return GP_DKIM_PUBLISHED_BROKEN;
	c->out->got = theirs.n;
	c->out->wanted = ours.n;
	return GP_DKIM_PUBLISHED_TRUNCATED;
}

static enum gp_dkim_published_verdict
judge_key(const struct comparing *c, const struct gp_dkim_key_record *r)
{
	if (r->revoked)
		return GP_DKIM_PUBLISHED_REVOKED;
	if (r->key.type != c->ours->type)
		return GP_DKIM_PUBLISHED_TYPE;
	if (!gp_dkim_public_eq(&r->key, c->ours))
		return GP_DKIM_PUBLISHED_OTHER;
	if (!r->sha256)
		return GP_DKIM_PUBLISHED_HASH;
	if (!r->for_email)
		return GP_DKIM_PUBLISHED_SERVICE;
	return r->testing ? GP_DKIM_PUBLISHED_TESTING : GP_DKIM_PUBLISHED_SAME;
}

/* Of several records the first is judged, in case that somebody asks. */
static void
compare_record(const struct comparing *c, struct gp_str text)
{
	struct gp_dkim_key_record record;
	struct gp_err why = { "" };
	enum gp_rc rc = gp_dkim_key_parse(text, c->arena, &record, &why);

	if (rc == GP_NONE) {
		c->out->n_foreign++;
		return;
	}
	if (c->out->n_records++ > 0)
		return;
	c->out->record = text;
	c->out->why = why;
	c->out->verdict =
	    rc == GP_OK ? judge_key(c, &record) : judge_broken(c, text);
}

static void
compare_all(const struct comparing *c, const struct gp_dns_answer *answer)
{
	for (size_t i = 0; i < answer->n; i++)
		compare_record(c, answer->rr[i].text);
	if (c->out->n_records > 1)
		c->out->verdict = GP_DKIM_PUBLISHED_SEVERAL;
}

void
gp_dkim_record_compare(const struct gp_dkim_public *ours,
    const struct gp_dns_answer *answer, struct gp_dkim_published *out)
{
	struct comparing c = { .ours = ours, .out = out };

	*out = (struct gp_dkim_published){
		.verdict = GP_DKIM_PUBLISHED_MISSING,
		.nxdomain = answer->rc == GP_NONE && answer->nxdomain,
	};
	if (answer->rc == GP_OK) {
		c.arena = gp_arena_new();
		compare_all(&c, answer);
		gp_arena_free(c.arena);
	} else if (answer->rc != GP_NONE) {
		out->verdict = GP_DKIM_PUBLISHED_UNKNOWN;
		(void)gp_fail(&out->why, GP_TEMP, "%s",
		    answer->why == NULL ? "no answer" : answer->why);
	}
}

/* -- in words ------------------------------------------------------------ */

static const struct {
	const char *word, *clause;
} verdicts[GP_DKIM_PUBLISHED_VERDICTS] = {
	[GP_DKIM_PUBLISHED_SAME] = { "same", "the record fits the key" },
	[GP_DKIM_PUBLISHED_TESTING] = { "testing",
	    "the record fits the key, but t=y tells receivers to ignore it" },
	[GP_DKIM_PUBLISHED_MISSING] = { "missing", "there is no key record" },
	[GP_DKIM_PUBLISHED_UNKNOWN] = { "unknown", "DNS did not tell" },
	[GP_DKIM_PUBLISHED_SEVERAL] = { "several",
	    "there are several key records, and receivers pick any of them" },
	[GP_DKIM_PUBLISHED_REVOKED] = { "revoked",
	    "p= is empty: the key is revoked" },
	[GP_DKIM_PUBLISHED_TRUNCATED] = { "truncated", "p= is cut short" },
	[GP_DKIM_PUBLISHED_QUOTED] = { "quoted",
	    "quotes or backslashes of a zone file became part of the record" },
	[GP_DKIM_PUBLISHED_TYPE] = { "type",
	    "k= does not name the type of the key" },
	[GP_DKIM_PUBLISHED_HASH] = { "hash", "h= does not allow sha256" },
	[GP_DKIM_PUBLISHED_SERVICE] = { "service", "s= does not allow email" },
	[GP_DKIM_PUBLISHED_OTHER] = { "other",
	    "the record has another key than the file" },
	[GP_DKIM_PUBLISHED_BROKEN] = { "broken", "the record is broken" },
};

bool
gp_dkim_published_works(const struct gp_dkim_published *p)
{
	return p->verdict == GP_DKIM_PUBLISHED_SAME ||
	       p->verdict == GP_DKIM_PUBLISHED_TESTING;
}

const char *
gp_dkim_published_word(enum gp_dkim_published_verdict verdict)
{
	return verdicts[verdict].word;
}

void
gp_dkim_published_say(const struct gp_dkim_published *p, struct gp_buf *out)
{
	gp_buf_adds(out, verdicts[p->verdict].clause);
	if (p->verdict == GP_DKIM_PUBLISHED_TRUNCATED)
		gp_buf_addf(out, ": it has %zu of %zu characters", p->got,
		    p->wanted);
	if (p->verdict == GP_DKIM_PUBLISHED_MISSING && p->nxdomain)
		gp_buf_adds(out, ", the name does not exist");
	if (p->verdict == GP_DKIM_PUBLISHED_MISSING && p->n_foreign > 0)
		gp_buf_addf(out, ", only %zu other TXT", p->n_foreign);
	if (p->verdict == GP_DKIM_PUBLISHED_UNKNOWN ||
	    p->verdict == GP_DKIM_PUBLISHED_BROKEN)
		gp_buf_addf(out, ": %s", p->why.msg);
}
