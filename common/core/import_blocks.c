/* See import_tables.h. */
#include "core/domain.h"
#include "core/import_tables.h"

#include <string.h>

/* -- blocks -------------------------------------------------------------- */

static void
add_key(struct gp_import_tables *t, const struct gp_import_request *r,
    bool subdomains)
{
	struct gp_import_block *b = gp_index_get(t->block_index, r->domain);

	if (b == NULL) {
		b = gp_arena_alloc(t->im->arena, sizeof(*b));
		b->domain = r->domain;
		b->from = r->row;
		*t->blocks_end = b;
		t->blocks_end = &b->next;
		(void)gp_index_put(t->block_index, b->domain, b);
	}
	b->subdomains = b->subdomains || subdomains;
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->keys[i].selector, r->selector) != 0)
			continue;
		if (strcmp(b->keys[i].key, r->key) != 0)
			gp_import_decide(t->im, GP_RED, "KeyTable", r->from,
			    "%s._domainkey.%s: two keys of this name; the one "
			    "of %s:%u was taken",
			    r->selector, r->domain, b->keys[i].from.file,
			    b->keys[i].from.line);
		return;
	}
	if (b->n < GP_IMPORT_SIGNATURES_MAX)
		b->keys[b->n++] = *r;
}

static void
make_blocks(struct gp_import_tables *t)
{
	struct gp_import_requests r;

	t->blocks_end = &t->blocks;
	t->building = true;
	for (size_t i = 0; i < t->n_classes; i++) {
		const struct gp_import_class *c = &t->classes[i];

		gp_import_ask(t, c, &r);
		if (c->domain == NULL || c->user != NULL)
			continue;
		for (size_t k = 0; k < r.n; k++) {
			const char *d = r.v[k].domain;
			bool own = d != NULL && strcmp(d, c->domain) == 0;

			if (d == NULL || r.v[k].key == NULL ||
			    (!own && !gp_domain_is_below(c->domain, d)))
				continue;
			add_key(t, &r.v[k], c->below || !own);
		}
	}
}

/* -- what the blocks sign, and where that is not the same ----------------- */

static const struct gp_import_block *
block_for(const struct gp_import_tables *t, const struct gp_import_class *c)
{
	const char *name = c->domain;
	const struct gp_import_block *b =
	    name == NULL ? NULL : gp_index_get(t->block_index, name);

	if (b != NULL && (!c->below || b->subdomains))
		return b;
	while (name != NULL && (name = gp_domain_parent(name)) != NULL) {
		b = gp_index_get(t->block_index, name);
		if (b != NULL && b->subdomains)
			return b;
	}
	return NULL;
}

static bool
signs_so(const struct gp_import_request *v, size_t n,
    const struct gp_import_request *r)
{
	for (size_t i = 0; i < n; i++)
		if (r->domain != NULL && v[i].domain != NULL &&
		    r->key != NULL && v[i].key != NULL &&
		    strcmp(v[i].domain, r->domain) == 0 &&
		    strcmp(v[i].selector, r->selector) == 0)
			return true;
	return false;
}

static bool
agree(const struct gp_import_requests *theirs,
    const struct gp_import_block *ours)
{
	size_t n = ours == NULL ? 0 : ours->n;

	for (size_t i = 0; i < theirs->n; i++)
		if (!signs_so(n == 0 ? NULL : ours->keys, n, &theirs->v[i]))
			return false;
	for (size_t i = 0; i < n; i++)
		if (!signs_so(theirs->v, theirs->n, &ours->keys[i]))
			return false;
	return true;
}

static const char *
list(struct gp_import_tables *t, const struct gp_import_request *v, size_t n)
{
	const char *text;
	struct gp_buf out;

	gp_buf_init(&out, 512);
	for (size_t i = 0; i < n; i++)
		gp_buf_addf(&out, "%sd=%s s=%s", i == 0 ? "" : " and ",
		    v[i].domain == NULL ? "(the From: domain)" : v[i].domain,
		    v[i].selector == NULL ? "(by its name)" : v[i].selector);
	text = gp_arena_strdup(t->im->arena,
	    n == 0 ? "no signature" : gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

/* All of theirs is there, and something besides. */
static bool
signs_more(const struct gp_import_requests *theirs,
    const struct gp_import_block *ours)
{
	for (size_t i = 0; i < theirs->n; i++)
		if (ours == NULL ||
		    !signs_so(ours->keys, ours->n, &theirs->v[i]))
			return false;
	return theirs->n > 0;
}

static void
advise(struct gp_import_tables *t, const struct gp_import_class *c,
    const struct gp_import_requests *theirs, const struct gp_import_block *ours)
{
	struct gp_findings *f = &t->im->report;
	const char *d = theirs->n == 0 ? NULL : theirs->v[0].domain;

	if (c->user != NULL)
		gp_findings_remedy(f,
		    "a block is for a domain, not for one address: give that "
		    "sender a sub-domain of its own, or leave it so");
	else if (signs_more(theirs, ours))
		gp_findings_remedy(f,
		    "nothing, or take one of the keys out of domain \"%s\": a "
		    "block signs with all of its keys",
		    ours->domain);
	else if (theirs->n == 0)
		gp_findings_remedy(f,
		    "leave it so, or write domain \"%s\" { } without a key%s",
		    c->domain,
		    c->below ? " for each such name that must not be signed"
			     : "");
	else if (c->below || c->domain == NULL)
		gp_findings_remedy(f,
		    "write a domain block with a key for each domain that you "
		    "send from");
	else if (ours == NULL || d == NULL || strcmp(d, c->domain) != 0)
		gp_findings_remedy(f,
		    "d= is always the name of the block: write domain \"%s\" "
		    "with a key of its own",
		    c->domain);
	else
		gp_findings_remedy(f, "write domain \"%s\" by hand", c->domain);
}

static void
compare(struct gp_import_tables *t)
{
	struct gp_import_requests theirs;

	for (size_t i = 0; i < t->n_classes; i++) {
		const struct gp_import_class *c = &t->classes[i];
		const struct gp_import_block *ours = block_for(t, c);

		gp_import_ask(t, c, &theirs);
		if (agree(&theirs, ours))
			continue;
		gp_import_decide(t->im, GP_YELLOW, "SigningTable", c->from,
		    "mail From: %s: opendkim has %s, this policy %s",
		    gp_import_class_name(t, c), list(t, theirs.v, theirs.n),
		    list(t, ours == NULL ? NULL : ours->keys,
			ours == NULL ? 0 : ours->n));
		advise(t, c, &theirs, ours);
	}
}

/* -- output -------------------------------------------------------------- */

/* "a" of "b.c" and "a.b" of "c" would have one file. */
static bool
is_free(const struct gp_import *im, const char *file)
{
	for (const struct gp_import_key *k = im->keys; k != NULL; k = k->next)
		if (strcmp(k->file, file) == 0)
			return false;
	return true;
}

static void
put_key(struct gp_import_tables *t, const struct gp_import_block *b,
    const struct gp_import_request *r, struct gp_import_value *value)
{
	struct gp_import *im = t->im;
	struct gp_import_key *key = gp_arena_alloc(im->arena, sizeof(*key));

	*key = (struct gp_import_key){ .domain = b->domain,
		.selector = r->selector,
		.from = r->from,
		.file = gp_arena_printf(im->arena, "keys/%s.%s.pem", b->domain,
		    r->selector) };
	if (!is_free(im, key->file))
		key->file = gp_arena_printf(im->arena,
		    "keys/%s._domainkey.%s.pem", r->selector, b->domain);
	if (r->key[0] == '/' || strncmp(r->key, "./", 2) == 0 ||
	    strncmp(r->key, "../", 3) == 0)
		key->path = r->key;
	else
		key->pem = gp_import_inline_key(im, gp_str(r->key));
	*im->keys_end = key;
	im->keys_end = &key->next;
	value->part = gp_arena_printf(im->arena, "key %s",
	    gp_import_quote(im, r->selector));
	value->subject = t->in->keys.path == NULL ? "KeyFile" : "KeyTable";
	value->name = "file";
	value->from = r->from;
	value->text = gp_import_quote(im, key->file);
	gp_import_set(im, value);
}

static void
put_blocks(struct gp_import_tables *t)
{
	for (const struct gp_import_block *b = t->blocks; b != NULL;
	     b = b->next) {
		struct gp_import_value value = {
			.section = gp_arena_printf(t->im->arena, "domain %s",
			    gp_import_quote(t->im, b->domain)),
			.subject = "SigningTable",
			.from = b->from,
		};

		if (t->in->profile != NULL) {
			value.name = "profile";
			value.text = gp_import_quote(t->im, t->in->profile);
			gp_import_set(t->im, &value);
		}
		if (b->subdomains) {
			value.name = "subdomains";
			value.text = "yes";
			gp_import_set(t->im, &value);
		}
		for (size_t i = 0; i < b->n; i++)
			put_key(t, b, &b->keys[i], &value);
	}
}

void
gp_import_blocks(struct gp_import_tables *t)
{
	make_blocks(t);
	t->building = false;
	/* a block holds for names, too, that no row has */
	for (const struct gp_import_block *b = t->blocks; b != NULL;
	     b = b->next)
		gp_import_domain_add(t, b->domain, b->subdomains, b->from);
	compare(t);
	put_blocks(t);
}
