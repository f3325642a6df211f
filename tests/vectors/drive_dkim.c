/*
 * drive_dkim - the signer and both verifying engines on a pipe, for
 * dkim_roundtrip.py.
 *
 * A line is fields with tabs between; %XX stands for a byte.  Messages are
 * files with CRLF, read as a milter would be shown them: folds with LF, the
 * body in pieces.
 *     policy FILE            "ok", or "no WHY": the policy file and its keys
 *     zone TEXT              "ok": from now on these names exist
 *     sign IN OUT            the message with its signatures on top:
 *     = DOMAIN SELECTORS WHY             ("-": not signed)
 *     verify ENGINE IN       one line for each signature, then "."
 *     = RESULT DOMAIN SELECTOR REASON    ("-": none)
 */
#include "base/buf.h"
#include "base/xalloc.h"
#include "core/mailbox.h"
#include "io/clock.h"
#include "io/policy_file.h"
#include "mta/dkim_check.h"
#include "mta/dkim_signer.h"
#include "support/line_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (16 << 20)
#define PIECE       65535 /* of a body, as libmilter hands it over */

struct driver {
	struct gp_arena *arena;
	struct gp_dns *dns;
	struct gp_config *config;
	struct gp_dkim_keys *keys;
	struct gp_opendkim *opendkim;
};

struct message {
	struct gp_buf text;
	struct gp_header header;
	struct gp_str fields; /* the header as it stands, with its line ends */
	struct gp_str body;
};

/* -- messages ---------------------------------------------------------- */

static void
read_file(const char *path, struct gp_buf *text)
{
	static char piece[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL)
		line_die(path);
	gp_buf_init(text, MESSAGE_MAX);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		gp_buf_add(text, piece, n);
	if (ferror(f) != 0 || fclose(f) != 0 || text->overflow)
		line_die(path);
}

/* Octets of the field at the start of `s`, with its CRLF. */
static size_t
field_end(struct gp_str s)
{
	size_t at = 0;

	do
		at += gp_str_find(gp_str_n(s.p + at, s.n - at), '\n') + 1;
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'));
	return at > s.n ? s.n : at;
}

static void
add_field(struct message *m, struct gp_arena *arena, struct gp_str field)
{
	const size_t colon = gp_str_find(field, ':');
	char *value = gp_arena_alloc(arena, field.n);
	size_t n = 0;

	if (colon == field.n)
		line_die("a field without a colon");
	for (size_t i = colon + 1; i < field.n; i++)
		if (field.p[i] != '\r' || field.p[i + 1] != '\n')
			value[n++] = field.p[i];
	if (n > 0 && value[n - 1] == '\n')
		n--;
	gp_header_add(&m->header, arena, gp_str_n(field.p, colon),
	    gp_str_n(value, n));
}

static void
message_read(struct message *m, struct gp_arena *arena, const char *path)
{
	struct gp_str rest;

	*m = (struct message){ .header = { .n = 0 } };
	read_file(path, &m->text);
	rest = gp_buf_str(&m->text);
	while (rest.n > 0 && rest.p[0] != '\r') {
		const size_t n = field_end(rest);

		add_field(m, arena, gp_str_n(rest.p, n));
		rest = gp_str_n(rest.p + n, rest.n - n);
	}
	m->fields = gp_str_n(m->text.p, m->text.n - rest.n);
	m->body = rest.n < 2 ? GP_STR("") : gp_str_n(rest.p + 2, rest.n - 2);
}

/* -- signing ----------------------------------------------------------- */

static void
put(FILE *out, struct gp_str s)
{
	if (fwrite(s.p, 1, s.n, out) != s.n)
		line_die("can not write");
}

/* Values have LF in their folds, files have CRLF. */
static void
put_signature(FILE *out, struct gp_str value)
{
	put(out, GP_STR(GP_DKIM_SIGNATURE ":"));
	while (value.p != NULL) {
		put(out, gp_str_split(&value, '\n'));
		put(out, GP_STR("\r\n"));
	}
}

static bool
is_removed(const struct gp_dkim_signed *done, unsigned index)
{
	for (size_t i = 0; i < done->n_remove; i++)
		if (done->remove[i] == index)
			return true;
	return false;
}

static void
put_message(const char *path, const struct message *m,
    const struct gp_dkim_signed *done)
{
	struct gp_str rest = m->fields;
	FILE *out = fopen(path, "wb");

	if (out == NULL)
		line_die(path);
	for (size_t i = done->n_add; i > 0; i--)
		put_signature(out, gp_str(done->add[i - 1]));
	for (size_t i = 0; i < m->header.n; i++) {
		const size_t n = field_end(rest);

		if (!gp_str_eq_nocase(m->header.v[i].name,
			GP_STR(GP_DKIM_SIGNATURE)) ||
		    !is_removed(done, gp_header_index(&m->header, i)))
			put(out, gp_str_n(rest.p, n));
		rest = gp_str_n(rest.p + n, rest.n - n);
	}
	put(out, GP_STR("\r\n"));
	put(out, m->body);
	if (fclose(out) != 0)
		line_die(path);
}

static struct gp_dns_scope
new_scope(const struct driver *d)
{
	return (struct gp_dns_scope){ .dns = d->dns,
		.arena = d->arena,
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = GP_DNS_MESSAGE_QUERIES };
}

static void
sign(struct driver *d, const char *from, const char *to)
{
	const struct gp_dkim_signing with = { .arena = d->arena,
		.config = d->config,
		.keys = d->keys };
	struct gp_dns_scope scope = new_scope(d);
	const struct gp_dkim_signed *done;
	struct gp_dkim_outbound outbound = { .header = NULL };
	struct gp_dkim_signer *s;
	struct message m;

	message_read(&m, d->arena, from);
	outbound.header = &m.header;
	s = gp_dkim_signer_begin(&with, &outbound);
	for (size_t at = 0; at < m.body.n; at += PIECE)
		gp_dkim_signer_body(s,
		    gp_str_n(m.body.p + at,
			m.body.n - at < PIECE ? m.body.n - at : PIECE));
	done = gp_dkim_signer_end(s, &scope);
	put_message(to, &m, done);
	(void)putchar('=');
	line_print_field(gp_str(done->domain == NULL ? "-" : done->domain));
	line_print_field(gp_str(done->domain == NULL ? "-" : done->selectors));
	line_print_field(gp_str(done->why));
	(void)putchar('\n');
	gp_buf_clear(&m.text);
}

/* -- verifying --------------------------------------------------------- */

static void
report(const struct gp_dkim_checks *checks)
{
	for (size_t i = 0; i < checks->n; i++) {
		const struct gp_dkim_check *c = &checks->v[i];

		(void)printf("=\t%s", gp_dkim_result_name(c->result));
		line_print_field(
		    gp_str(c->sig.domain == NULL ? "-" : c->sig.domain));
		line_print_field(
		    gp_str(c->sig.selector == NULL ? "-" : c->sig.selector));
		line_print_field(gp_str(c->reason == NULL ? "-" : c->reason));
		(void)putchar('\n');
	}
	(void)puts(".");
}

static void
verify(struct driver *d, enum gp_engine engine, const char *path)
{
	struct gp_dkim_checking how = gp_config_globals(d->config)->dkim;
	const struct gp_dkim_checker with = { .arena = d->arena,
		.how = &how,
		.keys = gp_dkim_keys_cache(d->keys),
		.opendkim = engine == GP_BUILTIN ? NULL : d->opendkim };
	struct gp_dns_scope scope = new_scope(d);
	struct gp_dkim_run *r;
	struct message m;

	how.engine = engine;
	message_read(&m, d->arena, path);
	r = gp_dkim_check_begin(&with, &m.header, NULL);
	gp_dkim_check_prefetch(r, &scope);
	for (size_t at = 0; at < m.body.n; at += PIECE)
		gp_dkim_check_body(r,
		    gp_str_n(m.body.p + at,
			m.body.n - at < PIECE ? m.body.n - at : PIECE));
	report(gp_dkim_check_end(r, &scope));
	gp_buf_clear(&m.text);
}

/* -- lines ------------------------------------------------------------- */

static void
close_policy(struct driver *d)
{
	gp_opendkim_close(d->opendkim);
	gp_dkim_keys_close(d->keys);
	if (d->config != NULL)
		gp_config_unref(d->config);
	d->opendkim = NULL;
	d->keys = NULL;
	d->config = NULL;
}

static void
open_policy(struct driver *d, const char *path)
{
	static struct gp_problems problems;
	struct gp_err err;

	close_policy(d);
	gp_problems_init(&problems);
	if (gp_policy_load(path, &d->config, &problems) != GP_OK ||
	    gp_dkim_keys_open(d->config, NULL, NULL, &d->keys, &problems) !=
		GP_OK) {
		(void)fputs("no", stdout);
		line_print_field(gp_buf_str(&problems.text));
		(void)putchar('\n');
	} else if (gp_opendkim_open(&gp_config_globals(d->config)->dkim,
		       &d->opendkim, &err) != GP_OK) {
		line_die(err.msg);
	} else {
		(void)puts("ok");
	}
	gp_problems_clear(&problems);
}

static void
open_zone(struct driver *d, struct gp_str text)
{
	struct gp_err err;

	gp_dns_close(d->dns);
	if (gp_dns_open_zone(text, NULL, &d->dns, &err) != GP_OK)
		line_die(err.msg);
	(void)puts("ok");
}

static enum gp_engine
engine_of(struct gp_str name)
{
	if (gp_str_eq(name, GP_STR("libopendkim")))
		return GP_SECOND;
	if (!gp_str_eq(name, GP_STR("builtin")))
		line_die("no such engine");
	return GP_BUILTIN;
}

static void
serve(struct driver *d, const struct line *l)
{
	const bool ready = d->dns != NULL && d->opendkim != NULL;
	const struct gp_str word = l->f[0];

	if (l->n == 2 && gp_str_eq(word, GP_STR("policy")))
		open_policy(d, l->f[1].p);
	else if (l->n == 2 && gp_str_eq(word, GP_STR("zone")))
		open_zone(d, l->f[1]);
	else if (ready && l->n == 3 && gp_str_eq(word, GP_STR("sign")))
		sign(d, l->f[1].p, l->f[2].p);
	else if (ready && l->n == 3 && gp_str_eq(word, GP_STR("verify")))
		verify(d, engine_of(l->f[1]), l->f[2].p);
	else
		line_die("unknown line");
	(void)fflush(stdout);
}

int
main(void)
{
	struct driver d = { .arena = gp_arena_new() };
	struct line l;

	while (line_read(d.arena, &l)) {
		serve(&d, &l);
		gp_arena_clear(d.arena);
	}
	close_policy(&d);
	gp_dns_close(d.dns);
	gp_arena_free(d.arena);
	return 0;
}
