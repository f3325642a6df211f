/*
 * See dkim_check.h.
 *
 * What the library does wrong with what it is given (2.11.0 beta 2, Debian
 * 12), it is not given:
 *
 *   key records    only ours, written anew from the numbers of the key
 *   FIXCRLF        it then keeps the old length of a header field whose text
 *                  became another, and reads behind it; so folds are made CRLF
 *                  here, and the body gets its last CRLF here
 *   an h= that takes every field of the message and names one more: it writes
 *                  behind its list of fields; one field that no h= can name
 *                  keeps that list longer
 *   i= over its buffer: it reads on, behind it
 *   h= over its buffer: it takes the first 4095 octets for all
 *   a signature over other signatures: it may choose the one that it checks
 *   a tag that ends in "b", or white space behind it: it takes that for b=, or
 *                  b= for another
 *   CR or LF alone in the body: it drops some and adds others
 *
 * Signatures are told apart by their order.
 */
#include "base/buf.h"
#include "base/xalloc.h"
#include "core/taglist.h"
#include "mta/dkim_check.h"

#include <opendkim/dkim.h>
#include <stdlib.h>
#include <string.h>

/* Octets of one signature field, before its folds are CRLF: the library takes
 * it through a buffer of 64 KiB, and gives the message up when that is full. */
#define FIELD_MAX 32000
#define H_MAX     4000 /* of h= without white space; DKIM_MAXHEADER holds it */
#define I_MAX     250  /* of i=; the library's buffer has 256 */
#define KEY_MAX   1024 /* of a key record; the library's buffer has 1025 */

#define NO_RESULT "libopendkim came to no result"

struct gp_opendkim {
	DKIM_LIB *lib;
};

struct gp_opendkim_run {
	DKIM *dkim;         /* NULL: no signature is left for the library */
	size_t n;           /* signatures of the message that are checked */
	const char **unfit; /* n reasons not to ask the library, or NULL */
	int *slot;          /* n places in the library's list, or -1 */
	int fed;            /* signatures that the library was given */
	bool cr;            /* the last octet of the body was CR */
	bool line_end;      /* the body has ended in CRLF so far */
	bool bare;          /* CR or LF stood alone in the body */
	struct gp_dkim_body length[2]; /* by canonicalisation: how much body */
	bool measured;                 /* some signature has l= */

	/* while the library decides */
	struct gp_arena *arena;
	const char **record; /* n key records */
};

/* -- the library ------------------------------------------------------- */

/* Where the library has this signature, is where its key is. */
static int
place_of(DKIM *dkim, const DKIM_SIGINFO *sig)
{
	DKIM_SIGINFO **list;
	int n;

	if (dkim_getsiglist(dkim, &list, &n) != DKIM_STAT_OK)
		return -1;
	for (int i = 0; i < n; i++)
		if (list[i] == sig)
			return i;
	return -1;
}

static DKIM_CBSTAT
lookup(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf, size_t size)
{
	const struct gp_opendkim_run *r = dkim_get_user_context(dkim);
	const int place = place_of(dkim, sig);

	for (size_t i = 0; i < r->n; i++) {
		size_t n;

		if (r->slot[i] != place || place < 0 || r->record == NULL ||
		    r->record[i] == NULL)
			continue;
		n = strlen(r->record[i]);
		if (n >= size)
			return DKIM_CBSTAT_ERROR;
		memcpy(buf, r->record[i], n + 1);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

enum gp_rc
gp_opendkim_open(const struct gp_dkim_checking *how, struct gp_opendkim **out,
    struct gp_err *err)
{
	unsigned flags =
	    DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC;
	unsigned bits = how->min_rsa_bits;
	DKIM_LIB *lib = dkim_init(NULL, NULL);

	*out = NULL;
	if (lib == NULL)
		gp_out_of_memory();
	if (!dkim_libfeature(lib, DKIM_FEATURE_SHA256) ||
	    !dkim_libfeature(lib, DKIM_FEATURE_ED25519)) {
		dkim_close(lib);
		return gp_fail(err, GP_PERM,
		    "libopendkim was built without SHA-256 or Ed25519");
	}
	if (dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags,
		sizeof(flags)) != DKIM_STAT_OK ||
	    dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits,
		sizeof(bits)) != DKIM_STAT_OK ||
	    dkim_set_key_lookup(lib, lookup) != DKIM_STAT_OK) {
		dkim_close(lib);
		return gp_fail(err, GP_PERM,
		    "libopendkim does not take its options");
	}
	*out = gp_xcalloc(1, sizeof(**out));
	(*out)->lib = lib;
	return GP_OK;
}

void
gp_opendkim_close(struct gp_opendkim *o)
{
	if (o == NULL)
		return;
	dkim_close(o->lib);
	free(o);
}

/* -- what the library can not judge ------------------------------------ */

static bool
is_signature(const struct gp_field *f)
{
	return gp_str_eq_nocase(gp_str_trim(f->name),
	    GP_STR(GP_DKIM_SIGNATURE));
}

/* The check of that field; NULL: not chosen, or decided. */
static const struct gp_dkim_check *
open_check(const struct gp_dkim_checks *checks, const struct gp_field *f)
{
	for (size_t i = 0; i < checks->n; i++)
		if (checks->v[i].field == f && !checks->v[i].decided)
			return &checks->v[i];
	return NULL;
}

/* The library may choose the very one that it checks, and it can not choose
 * one that it was not given. */
static bool
covers_signatures(const struct gp_dkim_sig *sig)
{
	for (size_t i = 0; i < sig->n_headers; i++)
		if (gp_str_eq_nocase(sig->headers[i],
			GP_STR(GP_DKIM_SIGNATURE)))
			return true;
	return false;
}

static size_t
h_octets(const struct gp_dkim_sig *sig)
{
	size_t n = 0;

	for (size_t i = 0; i < sig->n_headers; i++)
		n += sig->headers[i].n + 1;
	return n;
}

static const char *
unfit_tags(struct gp_str value)
{
	struct gp_taglist tags;

	if (gp_taglist_parse(value, &tags, NULL) != GP_OK)
		return "libopendkim does not read it";
	for (size_t i = 0; i < tags.n; i++) {
		const struct gp_str name = tags.v[i].name;

		if (gp_str_eq(name, GP_STR("i")) && tags.v[i].value.n > I_MAX)
			return "i= is too long for libopendkim";
		if (name.p[name.n - 1] == 'b' &&
		    (name.n > 1 || name.p[name.n] != '='))
			return "libopendkim does not find b=";
	}
	return NULL;
}

static bool
is_ascii(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) && !gp_is_space(s.p[i]))
			return false;
	return true;
}

/* Why the library can not be asked about this signature; NULL: it can. */
static const char *
unfit(const struct gp_dkim_check *c)
{
	if (!is_ascii(c->field->value))
		return "libopendkim reads A-labels only";
	if (c->field->value.n > FIELD_MAX)
		return "the field is too long for libopendkim";
	if (h_octets(&c->sig) > H_MAX)
		return "h= is too long for libopendkim";
	if (covers_signatures(&c->sig))
		return "libopendkim can not check what covers signatures";
	return unfit_tags(c->field->value);
}

/* -- header ------------------------------------------------------------ */

/* A field name as the library takes it, and no more than the builtin does. */
static bool
nameable(struct gp_str name)
{
	if (name.n == 0)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!gp_is_print(name.p[i]) || name.p[i] == ':' ||
		    name.p[i] == ';')
			return false;
	return true;
}

/* Folds as CRLF; the library counts on no NUL. */
static void
add_value(struct gp_buf *text, struct gp_str value)
{
	for (size_t i = 0; i < value.n; i++) {
		const bool fold =
		    value.p[i] == '\n' && i + 1 < value.n &&
		    (value.p[i + 1] == ' ' || value.p[i + 1] == '\t');

		if (fold && (i == 0 || value.p[i - 1] != '\r'))
			gp_buf_addc(text, '\r');
		gp_buf_addc(text, value.p[i]);
	}
}

static DKIM_STAT
feed(DKIM *dkim, struct gp_buf *text, struct gp_str name, struct gp_str value)
{
	gp_buf_reset(text);
	gp_buf_add_str(text, name);
	gp_buf_addc(text, ':');
	add_value(text, value);
	return dkim_header(dkim, (unsigned char *)text->p, text->n);
}

static void
feed_header(struct gp_opendkim_run *r, const struct gp_header *h,
    const struct gp_dkim_checks *checks)
{
	struct gp_buf text;

	gp_buf_init(&text, 2 * GP_FIELD_MAX + 2 * GP_FIELDS_BYTES);
	(void)feed(r->dkim, &text, GP_STR("no name"), GP_STR(" none"));
	for (size_t i = 0; i < h->n; i++) {
		const struct gp_field *f = &h->v[i];
		const struct gp_dkim_check *c = NULL;

		if (!nameable(f->name) ||
		    gp_str_find(f->value, '\0') < f->value.n)
			continue;
		if (is_signature(f)) {
			c = open_check(checks, f);
			if (c == NULL || r->unfit[c - checks->v] != NULL)
				continue;
			r->slot[c - checks->v] = r->fed++;
		}
		(void)feed(r->dkim, &text, f->name, f->value);
	}
	gp_buf_clear(&text);
}

static void
free_handle(void *dkim)
{
	(void)dkim_free(dkim);
}

/* A null consumer: only the length counts. */
static void
drop(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
}

static struct gp_opendkim_run *
new_run(size_t n, struct gp_arena *arena)
{
	struct gp_opendkim_run *r = gp_arena_alloc(arena, sizeof(*r));

	r->arena = arena;
	r->n = n;
	r->unfit = gp_arena_alloc(arena, n * sizeof(*r->unfit));
	r->slot = gp_arena_alloc(arena, n * sizeof(*r->slot));
	r->line_end = true;
	for (size_t i = 0; i < n; i++)
		r->slot[i] = -1;
	gp_dkim_body_init(&r->length[GP_DKIM_SIMPLE], GP_DKIM_SIMPLE, 0, drop,
	    NULL);
	gp_dkim_body_init(&r->length[GP_DKIM_RELAXED], GP_DKIM_RELAXED, 0, drop,
	    NULL);
	return r;
}

/* Returns how many signatures are for the library. */
static size_t
survey(struct gp_opendkim_run *r, const struct gp_dkim_checks *checks)
{
	size_t fit = 0;

	for (size_t i = 0; i < checks->n; i++) {
		const struct gp_dkim_check *c = &checks->v[i];

		if (c->decided)
			continue;
		r->unfit[i] = unfit(c);
		fit += r->unfit[i] == NULL;
		r->measured |= c->sig.has_length;
	}
	return fit;
}

struct gp_opendkim_run *
gp_opendkim_begin(struct gp_opendkim *o, const struct gp_header *header,
    const struct gp_dkim_checks *checks, struct gp_arena *arena)
{
	static const unsigned char id[] = "gatepost";
	struct gp_opendkim_run *r = new_run(checks->n, arena);
	DKIM_STAT rc;

	if (survey(r, checks) == 0)
		return r;
	r->dkim = dkim_verify(o->lib, id, NULL, &rc);
	if (r->dkim == NULL)
		gp_out_of_memory();
	gp_arena_on_clear(arena, free_handle, r->dkim);
	(void)dkim_set_user_context(r->dkim, r);
	feed_header(r, header, checks);
	return dkim_eoh(r->dkim) == DKIM_STAT_OK ? r : NULL;
}

/* -- body -------------------------------------------------------------- */

static void
look_for_bare(struct gp_opendkim_run *r, struct gp_str chunk)
{
	const char *const end = chunk.p + chunk.n;

	if (r->cr && chunk.p[0] != '\n')
		r->bare = true;
	for (const char *p = chunk.p; p < end; p++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			break;
		if (p == chunk.p ? !r->cr : p[-1] != '\r')
			r->bare = true;
	}
	for (const char *p = chunk.p; p < end; p++) {
		p = memchr(p, '\r', (size_t)(end - p));
		if (p == NULL)
			break;
		if (p + 1 < end && p[1] != '\n')
			r->bare = true;
	}
	r->cr = end[-1] == '\r';
	r->line_end = end[-1] == '\n';
}

void
gp_opendkim_body(struct gp_opendkim_run *r, struct gp_str chunk)
{
	/* the library's type; it only reads what it is given */
	const union {
		const char *ours;
		unsigned char *theirs;
	} octets = { .ours = chunk.p };

	if (chunk.n == 0 || r->dkim == NULL)
		return;
	look_for_bare(r, chunk);
	if (r->measured) {
		gp_dkim_body_add(&r->length[GP_DKIM_SIMPLE], chunk);
		gp_dkim_body_add(&r->length[GP_DKIM_RELAXED], chunk);
	}
	if (!r->bare)
		(void)dkim_body(r->dkim, octets.theirs, chunk.n);
}

/* RFC 6376 3.4.3 and 3.4.4: a last line without CRLF gets one. */
static void
end_body(struct gp_opendkim_run *r)
{
	unsigned char crlf[] = "\r\n";

	r->bare |= r->cr;
	if (!r->line_end && !r->bare)
		(void)dkim_body(r->dkim, crlf, 2);
	gp_dkim_body_end(&r->length[GP_DKIM_SIMPLE]);
	gp_dkim_body_end(&r->length[GP_DKIM_RELAXED]);
}

/* -- what it says ------------------------------------------------------ */

/*
 * Error and flags to result.  An error that is set is all that counts: the
 * body hash and the algorithm of such a signature read as a match and as
 * rsa-sha1.  A wrong body hash is looked at only after the signature fits.
 */
static const struct outcome {
	DKIM_SIGERROR error;
	bool passed;
	enum gp_dkim_result result;
	const char *reason;
} outcomes[] = {
	{ DKIM_SIGERROR_OK, true, GP_DKIM_PASS, NULL },
	{ DKIM_SIGERROR_BADSIG, true, GP_DKIM_FAIL,
	    "body hash did not verify" },
	{ DKIM_SIGERROR_BADSIG, false, GP_DKIM_FAIL,
	    "signature did not verify" },
	{ DKIM_SIGERROR_KEYTOOSMALL, false, GP_DKIM_POLICY,
	    "RSA key is too small" },
	{ DKIM_SIGERROR_KEYFAIL, false, GP_DKIM_TEMPERROR,
	    "key not available" },
	{ DKIM_SIGERROR_UNKNOWN, false, GP_DKIM_TEMPERROR, NO_RESULT },
	{ DKIM_SIGERROR_OK, false, GP_DKIM_TEMPERROR, NO_RESULT },
};

static struct outcome
outcome_of(DKIM_SIGINFO *sig, struct gp_arena *arena)
{
	const DKIM_SIGERROR error = dkim_sig_geterror(sig);
	bool passed = (dkim_sig_getflags(sig) & DKIM_SIGFLAG_PASSED) != 0;
	const char *text = dkim_sig_geterrorstr(error);

	if (error == DKIM_SIGERROR_OK &&
	    dkim_sig_getbh(sig) != DKIM_SIGBH_MATCH)
		passed = false;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].error == error && outcomes[i].passed == passed)
			return outcomes[i];
	return (struct outcome){ .error = error,
		.result = GP_DKIM_PERMERROR,
		.reason = gp_arena_printf(arena, "libopendkim: %s",
		    text == NULL ? "error" : text) };
}

static void
take_result(const struct gp_opendkim_run *r, struct gp_dkim_check *c,
    DKIM_SIGINFO *sig, const struct gp_dkim_checking *how)
{
	const struct outcome o = outcome_of(sig, r->arena);

	if (o.result != GP_DKIM_PASS) {
		gp_dkim_settle(c, o.result, o.reason);
		return;
	}
	/* it is good for as much of the body as l= says */
	if (c->sig.has_length)
		gp_dkim_feed_body(c, r->length[c->sig.body_canon].total,
		    c->sig.body_hash, how);
	gp_dkim_feed_signature(c, true);
}

/* Not one for the library, for this reason. */
static void
leave(struct gp_dkim_check *c, const char *reason)
{
	if (c->decided)
		return;
	c->unjudged = true;
	gp_dkim_settle(c, GP_DKIM_PERMERROR, reason);
}

static void
leave_all(struct gp_dkim_checks *checks, const char *reason)
{
	for (size_t i = 0; i < checks->n; i++)
		leave(&checks->v[i], reason);
}

/* The record that the library gets; NULL: its buffer is too small. */
static const char *
record_of(const struct gp_dkim_check *c, struct gp_arena *arena)
{
	const char *text = NULL;
	struct gp_buf b;

	gp_buf_init(&b, KEY_MAX);
	gp_dkim_key_format(&c->record.key, &b);
	if (!b.overflow)
		text = gp_arena_strndup(arena, b.p, b.n);
	gp_buf_clear(&b);
	return text;
}

/* Settle what the library can not judge, and prepare the rest. */
static void
prepare(struct gp_opendkim_run *r, struct gp_dkim_checks *checks,
    DKIM_SIGINFO **list)
{
	r->record = gp_arena_alloc(r->arena, r->n * sizeof(*r->record));
	for (size_t i = 0; i < r->n; i++) {
		struct gp_dkim_check *c = &checks->v[i];

		if (!c->decided && r->slot[i] >= 0) {
			r->record[i] = record_of(c, r->arena);
			if (r->record[i] == NULL)
				leave(c, "the key is too long for libopendkim");
		}
		if (c->decided && r->slot[i] >= 0)
			dkim_sig_ignore(list[r->slot[i]]);
	}
}

static void
ask(struct gp_opendkim_run *r, struct gp_dkim_checks *checks,
    const struct gp_dkim_checking *how)
{
	DKIM_SIGINFO **list;
	int n;

	if (dkim_getsiglist(r->dkim, &list, &n) != DKIM_STAT_OK || n != r->fed)
		return;
	prepare(r, checks, list);
	/* its return value is that of one of the signatures */
	(void)dkim_eom(r->dkim, NULL);
	for (size_t i = 0; i < r->n; i++) {
		if (checks->v[i].decided || r->slot[i] < 0)
			continue;
		take_result(r, &checks->v[i], list[r->slot[i]], how);
	}
}

void
gp_opendkim_end(struct gp_opendkim_run *r, struct gp_dkim_checks *checks,
    const struct gp_dkim_checking *how)
{
	if (r == NULL) {
		leave_all(checks, "libopendkim refuses the header");
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		if (r->unfit[i] != NULL)
			leave(&checks->v[i], r->unfit[i]);
	if (r->dkim != NULL) {
		end_body(r);
		if (r->bare)
			leave_all(checks,
			    "CR or LF alone in the body: not for libopendkim");
		ask(r, checks, how);
	}
	leave_all(checks, "libopendkim does not list it");
}
