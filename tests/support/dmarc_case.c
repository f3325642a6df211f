/* The table of dmarc_naive.h as DNS, and cases out of bytes. */
#include "core/dmarc_walk.h"
#include "support/dmarc_naive.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* -- DNS --------------------------------------------------------------- */

#define TEXT 256

struct answer {
	struct gp_dns_answer a;
	struct gp_dns_rr rr[DMARC_ENTRIES + 1];
	char text[DMARC_ENTRIES + 1][TEXT];
};

static const char *const words[DMARC_WORDS] = { NULL, "none", "quarantine",
	"reject", "discard" };

static void
add_tag(char text[TEXT], const char *name, const char *value)
{
	size_t n = strlen(text);

	if (value != NULL)
		(void)snprintf(text + n, TEXT - n, "; %s=%s", name, value);
}

static void
write_record(const struct dmarc_entry *e, char text[TEXT])
{
	const char psd[] = { e->psd, '\0' };

	(void)snprintf(text, TEXT, "v=DMARC1");
	add_tag(text, "psd", e->psd == 'u' ? NULL : psd);
	add_tag(text, "p", words[e->p]);
	add_tag(text, "sp", words[e->sp]);
	add_tag(text, "np", words[e->np]);
	add_tag(text, "adkim", e->adkim_s ? "s" : NULL);
	add_tag(text, "aspf", e->aspf_s ? "s" : NULL);
	add_tag(text, "t", e->test ? "y" : NULL);
	add_tag(text, "rua", e->rua ? "mailto:d@r.example" : NULL);
}

/* `name` is the one asked for, without "_dmarc.". */
static void
answer_txt(const struct dmarc_case *c, const char *name, struct answer *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct dmarc_entry *e = &c->entry[i];

		if (strcmp(e->name, name) != 0)
			continue;
		if (e->temp) {
			out->a = (struct gp_dns_answer){ .rc = GP_TEMP };
			return;
		}
		write_record(e, out->text[out->a.n]);
		out->rr[out->a.n].text = gp_str(out->text[out->a.n]);
		out->a.n++;
	}
	if (out->a.n == 0)
		return;
	/* beside it, and none of DMARC's */
	out->rr[out->a.n++].text = GP_STR("v=DMARC2; p=none");
	out->a.rc = GP_OK;
}

static bool
is_above(const char *name, const char *below)
{
	size_t n = strlen(name);
	size_t all = strlen(below);

	return all > n && below[all - n - 1] == '.' &&
	       strcmp(below + (all - n), name) == 0;
}

/* A name is there when it has a record or one below it has. */
static bool
is_recorded(const struct dmarc_case *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->entry[i].name, name) == 0 ||
		    is_above(name, c->entry[i].name))
			return true;
	return false;
}

static void
answer(const struct dmarc_case *c, const struct gp_dns_question *q,
    struct answer *out)
{
	out->a = (struct gp_dns_answer){ .rc = GP_NONE, .rr = out->rr };
	if (q->type == GP_DNS_TXT) {
		assert(strncmp(q->name, "_dmarc.", 7) == 0);
		answer_txt(c, q->name + 7, out);
		out->a.nxdomain = out->a.rc == GP_NONE;
		return;
	}
	assert(strcmp(q->name, c->author) == 0);
	if (is_recorded(c, c->author))
		return;
	if (c->author_temp)
		out->a.rc = GP_TEMP;
	out->a.nxdomain = !c->author_exists;
}

/* -- the questions ----------------------------------------------------- */

struct watch {
	char last[GP_DOMAIN_TEXT]; /* what was asked at before this */
	unsigned in_walk, all;
};

/* RFC 9989 4.10: what is asked after `name`; "" after a single label. */
static const char *
step_from(const char *name)
{
	size_t labels = 1;

	for (const char *p = name; *p != '\0'; p++)
		labels += *p == '.';
	do {
		name += strcspn(name, ".");
		name += *name == '.';
		labels--;
	} while (labels > 7);
	return name;
}

static bool
is_start(const struct dmarc_case *c, const struct watch *w, const char *name)
{
	if (w->all == 1 && strcmp(name, c->author) == 0)
		return true;
	if (c->has_spf && strcmp(name, c->spf) == 0)
		return true;
	for (size_t i = 0; i < c->n_dkim; i++)
		if (strcmp(name, c->dkim[i]) == 0)
			return true;
	return false;
}

/* A question is the next one of the walk, or begins the walk of the author or
 * of an identifier.  What is too long to be asked was passed over. */
static void
watch_question(struct watch *w, const struct dmarc_case *c,
    const struct gp_dns_question *q)
{
	assert(gp_dns_name_valid(gp_str(q->name)));
	w->all++;
	assert(w->all <= GP_DMARC_WALK_MAX * (DMARC_SIGNERS + 2) + 1);
	if (q->type != GP_DNS_TXT)
		return;
	if (strcmp(q->name + 7, step_from(w->last)) == 0) {
		w->in_walk++;
	} else {
		w->in_walk = 1;
		assert(c->is_long || is_start(c, w, q->name + 7));
	}
	assert(w->in_walk <= 8);
	(void)snprintf(w->last, sizeof(w->last), "%s", q->name + 7);
}

static void
check_outcome(const struct dmarc_case *c, const struct gp_dmarc_outcome *o)
{
	const bool stands =
	    o->result == GP_DMARC_R_PASS || o->result == GP_DMARC_R_FAIL;
	bool among =
	    c->has_spf && o->aligned != NULL && strcmp(o->aligned, c->spf) == 0;

	assert((o->reason == NULL) == (o->result == GP_DMARC_R_PASS));
	assert((o->result == GP_DMARC_R_PASS) ==
	       (o->spf_aligned || o->dkim_aligned));
	assert((o->result == GP_DMARC_R_PASS) == (o->aligned != NULL));
	for (size_t i = 0; i < c->n_dkim; i++)
		among |=
		    o->aligned != NULL && strcmp(o->aligned, c->dkim[i]) == 0;
	assert(among == (o->aligned != NULL));
	if (!stands)
		return;
	assert(o->policy >= GP_DMARC_NONE && o->policy <= o->asked);
	assert(strcmp(o->policy_domain, c->author) == 0 ||
	       is_above(o->policy_domain, c->author));
}

struct dmarc_verdict
dmarc_ask(const struct dmarc_case *c, bool every)
{
	static const enum dmarc_word as_word[] = {
		[GP_DMARC_ABSENT] = DMARC_WORD_ABSENT,
		[GP_DMARC_NONE] = DMARC_WORD_NONE,
		[GP_DMARC_QUARANTINE] = DMARC_WORD_QUARANTINE,
		[GP_DMARC_REJECT] = DMARC_WORD_REJECT,
	};
	const char *dkim[DMARC_SIGNERS];
	const struct gp_dmarc_query query = { .author = c->author,
		.spf = c->has_spf ? c->spf : NULL,
		.n_dkim = c->n_dkim,
		.dkim = dkim,
		.every = every };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dmarc_eval *e;
	const struct gp_dmarc_outcome *o;
	struct dmarc_verdict v = { .result = GP_DMARC_R_NONE };
	struct gp_dns_question q;
	struct watch w = { .all = 0 };

	for (size_t i = 0; i < c->n_dkim; i++)
		dkim[i] = c->dkim[i];
	e = gp_dmarc_eval_new(arena, &query);
	while (gp_dmarc_next(e, &q)) {
		struct answer a;

		watch_question(&w, c, &q);
		answer(c, &q, &a);
		gp_dmarc_feed(e, &a.a);
	}
	o = gp_dmarc_outcome(e);
	check_outcome(c, o);
	assert(o->queries == w.all);
	v.result = o->result;
	v.policy = as_word[o->policy];
	v.spf_aligned = o->spf_aligned;
	v.dkim_aligned = o->dkim_aligned;
	gp_arena_free(arena);
	return v;
}

/* -- cases out of bytes ------------------------------------------------ */

struct bytes {
	const uint8_t *p;
	size_t n;
};

static unsigned
next(struct bytes *b, unsigned below)
{
	unsigned v = 0;

	if (b->n > 0) {
		v = *b->p++;
		b->n--;
	}
	return v % below;
}

/* A name on one spine of labels, or one label beside it.  The long spine is
 * one of 7 labels in 251 octets: with "_dmarc." its longest names are no
 * names. */
static void
next_name(struct bytes *b, bool is_long, char out[GP_DOMAIN_TEXT])
{
	static const char *const beside[] = { "", "x.", "y." };
	const unsigned max = is_long ? 7 : 10;
	unsigned v = next(b, 3 * max);
	size_t n = (size_t)snprintf(out, GP_DOMAIN_TEXT, "%s", beside[v / max]);

	for (unsigned label = v % max + 1; label > 0; label--) {
		size_t width = is_long ? 35 : 1;

		memset(out + n, (int)('a' + label - 1), width);
		n += width;
		out[n++] = label > 1 ? '.' : '\0';
	}
}

static void
next_entry(struct bytes *b, bool is_long, struct dmarc_entry *e)
{
	static const char psd[] = "uuny";
	unsigned v;

	next_name(b, is_long, e->name);
	v = next(b, 125);
	e->p = (enum dmarc_word)(v % 5);
	e->sp = (enum dmarc_word)(v / 5 % 5);
	e->np = (enum dmarc_word)(v / 25);
	v = next(b, 256);
	e->adkim_s = (v & 1) != 0;
	e->aspf_s = (v & 2) != 0;
	e->test = (v & 4) != 0;
	e->rua = (v & 8) != 0;
	e->psd = psd[v >> 4 & 3];
	e->temp = v >> 6 == 3;
}

void
dmarc_case_read(struct dmarc_case *c, const uint8_t *data, size_t n)
{
	struct bytes b = { .p = data, .n = n };
	unsigned v = next(&b, 256);
	const bool is_long = (v & 8) != 0;

	memset(c, 0, sizeof(*c));
	c->is_long = is_long;
	c->author_exists = (v & 1) != 0;
	c->author_temp = (v & 2) != 0;
	c->has_spf = (v & 4) != 0;
	c->n_dkim = v >> 4 & 3;
	next_name(&b, is_long, c->author);
	next_name(&b, is_long, c->spf);
	for (size_t i = 0; i < c->n_dkim; i++)
		next_name(&b, is_long, c->dkim[i]);
	while (b.n > 0 && c->n < DMARC_ENTRIES)
		next_entry(&b, is_long, &c->entry[c->n++]);
}
