/* See import.h and import_parts.h. */
#include "core/import_parts.h"
#include "core/policy_form.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048

static const char mapped[] = "mapped";
static const char same[] = "same as default";
static const char ignored[] = "ignored";
static const char decision[] = "decision";

void
gp_import_init(struct gp_import *im, struct gp_arena *arena,
    const struct gp_import_files *files, const char *program)
{
	*im = (struct gp_import){ .arena = arena,
		.files = *files,
		.program = program };
	im->values_end = &im->values;
	im->keys_end = &im->keys;
	gp_findings_init(&im->report, arena);
}

/* -- adding ------------------------------------------------------------ */

void
gp_import_set(struct gp_import *im, const struct gp_import_value *value)
{
	struct gp_import_value *v = gp_arena_alloc(im->arena, sizeof(*v));

	*v = *value;
	v->section = gp_arena_strdup(im->arena, value->section);
	if (value->text != NULL)
		v->text = gp_arena_strdup(im->arena, value->text);
	v->next = NULL;
	*im->values_end = v;
	im->values_end = &v->next;
}

static void add(struct gp_import *im, enum gp_light light, const char *topic,
    const struct gp_finding *f, const char *fmt, va_list ap) GP_PRINTF(5, 0);

static void
add(struct gp_import *im, enum gp_light light, const char *topic,
    const struct gp_finding *f, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	gp_findings_add(&im->report, light, topic, f->subject, "%s", text)
	    ->where = f->where;
}

void
gp_import_same(struct gp_import *im, const char *subject, struct gp_origin from,
    const char *fmt, ...)
{
	struct gp_finding f = { .subject = subject, .where = from };
	va_list ap;

	va_start(ap, fmt);
	add(im, GP_GREEN, same, &f, fmt, ap);
	va_end(ap);
}

void
gp_import_ignored(struct gp_import *im, const char *subject,
    struct gp_origin from, const char *fmt, ...)
{
	struct gp_finding f = { .subject = subject, .where = from };
	va_list ap;

	va_start(ap, fmt);
	add(im, GP_GREEN, ignored, &f, fmt, ap);
	va_end(ap);
}

void
gp_import_decide(struct gp_import *im, enum gp_light light, const char *subject,
    struct gp_origin from, const char *fmt, ...)
{
	struct gp_finding f = { .subject = subject, .where = from };
	va_list ap;

	va_start(ap, fmt);
	add(im, light, decision, &f, fmt, ap);
	va_end(ap);
	gp_findings_remedy(&im->report,
	    "mend it there and import again, or write it by hand: "
	    "gatepost.conf(5)");
}

const char *
gp_import_quote(struct gp_import *im, const char *s)
{
	const char *text;
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	gp_form_write_text(s, &out);
	text = gp_arena_strdup(im->arena, gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

/* -- keys that can not be had ------------------------------------------- */

static bool
is_part(const struct gp_import_value *v, const char *section, const char *part)
{
	return v->part != NULL && strcmp(v->section, section) == 0 &&
	       strcmp(v->part, part) == 0;
}

void
gp_import_drop_key(struct gp_import *im, const struct gp_import_key *key,
    const char *why)
{
	const char *section = gp_arena_printf(im->arena, "domain %s",
	    gp_import_quote(im, key->domain));
	const char *part = gp_arena_printf(im->arena, "key %s",
	    gp_import_quote(im, key->selector));
	struct gp_import_value **v = &im->values;

	while (*v != NULL) {
		if (is_part(*v, section, part))
			*v = (*v)->next;
		else
			v = &(*v)->next;
	}
	im->values_end = v;
	gp_import_decide(im, GP_RED,
	    gp_arena_printf(im->arena, "%s._domainkey.%s", key->selector,
		key->domain),
	    key->from, "key left out: %s", why);
	gp_findings_remedy(&im->report,
	    "mend it and import again with --force; until then mail From: %s "
	    "is not signed with it",
	    key->domain);
}

/* -- the policy file ---------------------------------------------------- */

/* A path may have any octet but NUL; a policy file is text. */
static void
write_path(const char *path, struct gp_buf *out)
{
	static const char odd = '?';

	for (; *path != '\0'; path++)
		gp_buf_add(out, gp_is_print(*path) ? path : &odd, 1);
}

static void
write_value(const struct gp_import_value *v, const char *indent,
    struct gp_buf *out)
{
	if (v->name == NULL)
		return;
	gp_buf_addf(out, "%s%s = %s  # ", indent, v->name, v->text);
	if (v->from.file == NULL) {
		gp_buf_addf(out, "%s is not set\n", v->subject);
		return;
	}
	gp_buf_adds(out, "from ");
	write_path(v->from.file, out);
	gp_buf_addf(out, ":%u\n", v->from.line);
}

/* Is v the first value of its part? */
static bool
opens_part(const struct gp_import_value *all, const struct gp_import_value *v)
{
	for (; all != v; all = all->next)
		if (is_part(all, v->section, v->part))
			return false;
	return true;
}

static void
write_part(const struct gp_import_value *v, struct gp_buf *out)
{
	const struct gp_import_value *one = v;

	gp_buf_addf(out, "\t%s {\n", v->part);
	for (; one != NULL && strcmp(one->section, v->section) == 0;
	     one = one->next)
		if (is_part(one, v->section, v->part))
			write_value(one, "\t\t", out);
	gp_buf_adds(out, "\t}\n");
}

/* The values from `v` on that stand in its section; what follows it. */
static const struct gp_import_value *
write_section(const struct gp_import_value *v, struct gp_buf *out)
{
	const struct gp_import_value *one = v;
	bool top = *v->section == '\0';

	gp_buf_addc(out, '\n');
	if (!top)
		gp_buf_addf(out, "%s {\n", v->section);
	for (; one != NULL && strcmp(one->section, v->section) == 0;
	     one = one->next) {
		if (one->part == NULL)
			write_value(one, top ? "" : "\t", out);
		else if (opens_part(v, one))
			write_part(one, out);
	}
	if (!top)
		gp_buf_adds(out, "}\n");
	return one;
}

void
gp_import_write(const struct gp_import *im, struct gp_buf *out)
{
	const struct gp_import_value *v = im->values;

	gp_buf_addf(out,
	    "# Made by `gatepost import %s`.  What it could not carry over "
	    "stands in its\n# report: gatepost import %s --dry-run\n",
	    im->program, im->program);
	while (v != NULL)
		v = write_section(v, out);
}

/* -- the report --------------------------------------------------------- */

static void
add_mapped(const struct gp_import *im, struct gp_findings *out)
{
	for (const struct gp_import_value *v = im->values; v != NULL;
	     v = v->next) {
		const char *in = v->part != NULL ? v->part : "";

		if (v->name == NULL)
			continue;
		gp_findings_add(out, GP_GREEN, mapped, v->subject,
		    "%s%s%s%s%s = %s", v->section,
		    *v->section == '\0' ? "" : ": ", in,
		    *in == '\0' ? "" : ": ", v->name, v->text)
		    ->where = v->from;
	}
}

void
gp_import_report(const struct gp_import *im, struct gp_findings *out)
{
	static const char *const topics[] = { same, ignored, decision };

	add_mapped(im, out);
	for (size_t t = 0; t < sizeof(topics) / sizeof(topics[0]); t++)
		for (size_t i = 0; i < im->report.n; i++) {
			const struct gp_finding *f = &im->report.v[i];
			struct gp_finding *copy;

			if (strcmp(f->topic, topics[t]) != 0)
				continue;
			copy = gp_findings_add(out, f->light, topics[t],
			    f->subject, "%s", f->what);
			copy->where = f->where;
			copy->remedy = f->remedy;
		}
}
