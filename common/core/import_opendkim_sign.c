/* What opendkim.conf says about signatures that are made. */
#include "core/import_parts.h"
#include "core/policy_form.h"

#include <string.h>

#define PROFILE         "imported-opendkim"
#define PROFILE_SECTION "profile \"" PROFILE "\""
#define TTL_MIN         3600
#define TTL_MAX         31536000

/* -- how is signed --------------------------------------------------------- */

static void
canon(struct gp_import_mapper *m)
{
	static const struct gp_import_word unset = { .name = "Canonicalization",
		.value = "simple/simple" };
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "Canonicalization");
	struct gp_str body = gp_str((w == NULL ? &unset : w)->value);
	struct gp_str header = gp_str_split(&body, '/');
	bool good = gp_str_eq_nocase(header, GP_STR("relaxed")) ||
	            gp_str_eq_nocase(header, GP_STR("simple"));

	w = w == NULL ? &unset : w;
	if (body.p == NULL)
		body = GP_STR("simple");
	good = good && (gp_str_eq_nocase(body, GP_STR("relaxed")) ||
			   gp_str_eq_nocase(body, GP_STR("simple")));
	if (good)
		gp_import_put(m, PROFILE_SECTION, "canon", w,
		    gp_arena_printf(m->im->arena, "%s/%s",
			gp_lower(*header.p) == 'r' ? "relaxed" : "simple",
			gp_lower(*body.p) == 'r' ? "relaxed" : "simple"));
	else
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "%s: expected relaxed or simple", w->value);
}

static void
expire(struct gp_import_mapper *m)
{
	static const struct gp_import_word unset = { .name = "SignatureTTL",
		.value = "0" };
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "SignatureTTL");
	uint64_t s = 0;

	w = w == NULL ? &unset : w;
	if (gp_parse_u64(gp_str(w->value), TTL_MAX, &s) == GP_OK &&
	    (s == 0 || s >= TTL_MIN)) {
		gp_import_put(m, PROFILE_SECTION, "expire", w,
		    s == 0 ? "0"
			   : gp_arena_printf(m->im->arena, "%llus",
				 (unsigned long long)s));
		return;
	}
	gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
	    "%s: expected 3600 to 31536000 seconds; signatures hold ten days",
	    w->value);
	gp_findings_remedy(&m->im->report, "expire = 10d in the profile");
}

/* The fields that opendkim signs when it is told nothing. */
static const char *const usual[] = { "From", "Reply-To", "Subject", "Date",
	"To", "Cc", "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To",
	"Resent-Cc", "In-Reply-To", "References", "List-Id", "List-Help",
	"List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner",
	"List-Archive", "Content-Type", "Content-Transfer-Encoding",
	"MIME-Version", "Message-ID", "Sender" };

struct fields {
	struct gp_import_mapper *m;
	const struct gp_import_word *w;
	const struct gp_import_set *omit;
	struct gp_buf out;
};

static bool
is_omitted(const struct fields *f, struct gp_str name)
{
	for (size_t i = 0; f->omit != NULL && i < f->omit->n; i++) {
		const char *key = f->omit->v[i].key;

		if (gp_str_eq_nocase(gp_str(key + (*key == '+')), name))
			return true;
	}
	return false;
}

static void
add_field(struct fields *f, struct gp_str name)
{
	const char *text = gp_arena_strndup(f->m->im->arena,
	    name.n == 0 ? "" : name.p, name.n);

	if (is_omitted(f, name))
		return;
	if (!gp_form_field_name(name) ||
	    gp_str_eq_nocase(name, GP_STR("default"))) {
		gp_import_decide(f->m->im, GP_YELLOW, f->w->name, f->w->from,
		    "%s: a field that can not be signed, or a pattern", text);
		gp_findings_remedy(&f->m->im->report,
		    "sign = { ... } in the profile, by name");
		return;
	}
	gp_buf_addf(&f->out, "%s%s", f->out.n == 0 ? "" : ", ",
	    gp_import_quote(f->m->im, text));
}

static void
put_fields(struct fields *f, const char *option)
{
	gp_import_put(f->m, PROFILE_SECTION, option, f->w,
	    gp_arena_printf(f->m->im->arena, f->out.n == 0 ? "{%s }" : "{ %s }",
		gp_buf_cstr(&f->out)));
	gp_buf_clear(&f->out);
}

/* "*,+X,-Y": the usual ones, and what is different. */
static void
change_fields(struct fields *f, const struct gp_import_set *list)
{
	bool less = f->omit != NULL;

	for (size_t i = 0; i < list->n; i++)
		less = less || list->v[i].key[0] == '-';
	if (!less)
		gp_buf_adds(&f->out, "\"default\"");
	for (size_t i = 0; less && i < sizeof(usual) / sizeof(usual[0]); i++) {
		bool out = false;

		for (size_t k = 0; k < list->n; k++)
			out = out ||
			      (list->v[k].key[0] == '-' &&
				  gp_str_eq_nocase(gp_str(list->v[k].key + 1),
				      gp_str(usual[i])));
		if (!out)
			add_field(f, gp_str(usual[i]));
	}
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].key[0] == '+')
			add_field(f, gp_str(list->v[i].key + 1));
}

static bool
is_delta(const struct gp_import_set *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].key, "*") == 0)
			return true;
	return false;
}

static void
sign(struct gp_import_mapper *m)
{
	static const struct gp_import_set none = { .n = 0 };
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "SignHeaders");
	const struct gp_import_word *o =
	    gp_import_word(&m->words, "OmitHeaders");
	struct gp_import_set list = none, omit = none;
	struct fields f = { .m = m, .w = w == NULL ? o : w };

	if (w == NULL && o == NULL) {
		gp_import_same(m->im, "SignHeaders",
		    (struct gp_origin){ .file = NULL },
		    "not set; sign = { \"default\" } covers these fields and "
		    "more, List-Unsubscribe-Post among them");
		return;
	}
	if ((w != NULL && gp_import_set_read(m->im, w, &list) != GP_OK) ||
	    (o != NULL && gp_import_set_read(m->im, o, &omit) != GP_OK))
		return;
	f.omit = o == NULL ? NULL : &omit;
	gp_buf_init(&f.out, SIZE_MAX);
	if (w == NULL || is_delta(&list))
		change_fields(&f, &list);
	else
		for (size_t i = 0; i < list.n; i++)
			add_field(&f, gp_str(list.v[i].key));
	put_fields(&f, "sign");
}

static void
oversign(struct gp_import_mapper *m)
{
	static const struct gp_import_word unset = { .name =
							 "OversignHeaders" };
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "OversignHeaders");
	struct fields f = { .m = m, .w = w == NULL ? &unset : w };
	struct gp_import_set list = { .n = 0 };

	if (w != NULL && gp_import_set_read(m->im, w, &list) != GP_OK)
		return;
	gp_buf_init(&f.out, SIZE_MAX);
	for (size_t i = 0; i < list.n; i++)
		add_field(&f, gp_str(list.v[i].key));
	put_fields(&f, "oversign");
}

static void
algorithm(struct gp_import_mapper *m)
{
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "SignatureAlgorithm");

	if (w == NULL)
		return;
	if (gp_str_eq_nocase(gp_str(w->value), GP_STR("rsa-sha1"))) {
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "SHA-1 is never used to sign (RFC 8301): RSA keys sign "
		    "with rsa-sha256");
		gp_findings_remedy(&m->im->report,
		    "nothing; see that no key record in DNS has h=sha1");
	} else {
		gp_import_same(m->im, w->name, w->from,
		    "%s: a key signs by what it is", w->value);
	}
}

static void
sender(struct gp_import_mapper *m)
{
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "SenderHeaders");

	if (w == NULL)
		return;
	if (gp_str_eq_nocase(gp_str(w->value), GP_STR("From"))) {
		gp_import_same(m->im, w->name, w->from,
		    "the From: field selects the block");
		return;
	}
	gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
	    "%s: only the From: field selects what signs", w->value);
	gp_findings_remedy(&m->im->report,
	    "nothing: DMARC looks at From: alone");
}

/* -- keys ------------------------------------------------------------------ */

/* Domain, Selector and KeyFile as the tables that they stand for. */
static bool
single(struct gp_import_mapper *m, struct gp_import_signing *tables)
{
	struct gp_arena *arena = m->im->arena;
	const struct gp_import_word *domain =
	    gp_import_word(&m->words, "Domain");
	const struct gp_import_word *selector =
	    gp_import_word(&m->words, "Selector");
	const struct gp_import_word *key = gp_import_word(&m->words, "KeyFile");
	bool below = gp_import_yes(gp_import_word(&m->words, "SubDomains"));
	struct gp_import_set list;

	if (domain == NULL || selector == NULL || key == NULL ||
	    gp_import_set_read(m->im, domain, &list) != GP_OK)
		return false;
	tables->keys.v =
	    gp_arena_alloc(arena, (list.n + 1) * sizeof(*tables->keys.v));
	tables->signing.v =
	    gp_arena_alloc(arena, (2 * list.n + 1) * sizeof(*list.v));
	for (size_t i = 0; i < list.n; i++) {
		const char *name = list.v[i].key;
		struct gp_import_row *row = &tables->keys.v[tables->keys.n++];

		*row = (struct gp_import_row){ .key = name,
			.value = gp_arena_printf(arena, "%s:%s:%s", name,
			    selector->value, key->value),
			.from = key->from };
		row = &tables->signing.v[tables->signing.n++];
		*row = (struct gp_import_row){ .key = name,
			.value = name,
			.from = list.v[i].from };
		if (!below)
			continue;
		row[1] = row[0];
		row[1].key = gp_arena_printf(arena, ".%s", name);
		tables->signing.n++;
	}
	return true;
}

static bool
from_tables(struct gp_import_mapper *m, struct gp_import_signing *tables)
{
	const struct gp_import_word *keys =
	    gp_import_word(&m->words, "KeyTable");
	const struct gp_import_word *signing =
	    gp_import_word(&m->words, "SigningTable");
	static const char *const unused[] = { "Domain", "Selector", "KeyFile",
		"SubDomains" };

	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		const struct gp_import_word *w =
		    gp_import_word(&m->words, unused[i]);

		if (w != NULL)
			gp_import_ignored(m->im, w->name, w->from,
			    "opendkim does not look at it beside a KeyTable");
	}
	if (signing == NULL) {
		gp_import_decide(m->im, GP_RED, keys->name, keys->from,
		    "there is no SigningTable, so nothing is signed");
		return false;
	}
	tables->multiple =
	    gp_import_yes(gp_import_word(&m->words, "MultipleSignatures"));
	return gp_import_set_read(m->im, keys, &tables->keys) == GP_OK &&
	       gp_import_set_read(m->im, signing, &tables->signing) == GP_OK;
}

void
gp_import_opendkim_signing(struct gp_import_mapper *m)
{
	const struct gp_import_word *mode = gp_import_word(&m->words, "Mode");
	struct gp_import_signing tables = { .profile = PROFILE };
	bool any;

	if (mode != NULL && strchr(mode->value, 's') == NULL) {
		gp_import_same(m->im, mode->name, mode->from,
		    "opendkim only verifies: no keys are imported");
		return;
	}
	any = gp_import_word(&m->words, "KeyTable") != NULL
	          ? from_tables(m, &tables)
	          : single(m, &tables);
	if (!any) {
		gp_import_ignored(m->im, "KeyTable",
		    (struct gp_origin){ .file = NULL },
		    "no keys that could be read: nothing is signed");
		return;
	}
	canon(m);
	expire(m);
	sign(m);
	oversign(m);
	algorithm(m);
	sender(m);
	gp_import_sign(m->im, &tables);
}
