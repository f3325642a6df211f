/* See mail.h. */
#include "mail.h"

#include "base/buf.h"
#include "base/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FILE_MAX   ((size_t)64 << 20)
#define FIELDS_MAX 512

void
ml_mails_init(struct ml_mails *m)
{
	memset(m, 0, sizeof *m);
	m->arena = gp_arena_new();
}

void
ml_mails_clear(struct ml_mails *m)
{
	gp_arena_free(m->arena);
	free(m->v);
	memset(m, 0, sizeof *m);
}

static struct ml_mail *
add_mail(struct ml_mails *m, const char *origin)
{
	struct ml_mail *mail;

	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 64 : m->cap * 2;
		m->v = gp_xrealloc(m->v, m->cap, sizeof *m->v);
	}
	mail = &m->v[m->n++];
	memset(mail, 0, sizeof *mail);
	mail->origin = gp_arena_strdup(m->arena, origin);
	mail->from = "";
	return mail;
}

/* Cuts the first field, with its folded lines, off `rest`; the empty span at
 * the empty line that ends the header. */
static struct gp_str
cut_field(struct gp_str *rest)
{
	const char *start = rest->p;
	size_t n = 0;

	if (rest->n == 0 || rest->p[0] == '\n')
		return gp_str_n(start, 0);
	do {
		n += gp_str_find(gp_str_n(start + n, rest->n - n), '\n');
		if (n < rest->n)
			n++;
	} while (n < rest->n && (start[n] == ' ' || start[n] == '\t'));
	rest->p += n;
	rest->n -= n;
	return gp_str_n(start, n);
}

/* The address in a From value: between the last angle brackets, or all. */
static const char *
address_of(struct gp_arena *arena, const char *value)
{
	const char *open = strrchr(value, '<');
	struct gp_str text;

	if (open == NULL) {
		text = gp_str_trim(gp_str(value));
		return gp_arena_strndup(arena, text.p, text.n);
	}
	return gp_arena_strndup(arena, open + 1, strcspn(open + 1, ">"));
}

static enum gp_rc
parse_header(struct ml_mails *m, struct ml_mail *mail, struct gp_str *rest,
    struct gp_err *err)
{
	struct ml_field fields[FIELDS_MAX] = { 0 };
	struct gp_str field, name;

	for (mail->n = 0; (field = cut_field(rest)).n > 0; mail->n++) {
		if (mail->n == FIELDS_MAX)
			return gp_fail(err, GP_PERM, "%s: too many fields",
			    mail->origin);
		name = gp_str_n(field.p, gp_str_find(field, ':'));
		if (name.n == field.n)
			return gp_fail(err, GP_PERM, "%s: no field: %.*s",
			    mail->origin, GP_STR_ARG(field));
		fields[mail->n].name =
		    gp_arena_strndup(m->arena, name.p, name.n);
		field.p += name.n + 1;
		field.n -= name.n + 1;
		while (field.n > 0 && field.p[field.n - 1] == '\n')
			field.n--;
		fields[mail->n].value =
		    gp_arena_strndup(m->arena, field.p, field.n);
		if (strcasecmp(fields[mail->n].name, "From") == 0)
			mail->from =
			    address_of(m->arena, fields[mail->n].value);
	}
	mail->field = gp_arena_alloc(m->arena, mail->n * sizeof fields[0] + 1);
	memcpy(mail->field, fields, mail->n * sizeof fields[0]);
	return GP_OK;
}

/* A message of lines that end in LF alone becomes what an MTA sends. */
static enum gp_rc
parse_mail(struct ml_mails *m, struct ml_mail *mail, struct gp_str text,
    struct gp_err *err)
{
	struct gp_buf body;
	struct gp_str rest = text;

	if (parse_header(m, mail, &rest, err) != GP_OK)
		return GP_PERM;
	if (rest.n > 0) { /* the empty line */
		rest.p++;
		rest.n--;
	}
	gp_buf_init(&body, FILE_MAX * 2);
	for (size_t i = 0; i < rest.n; i++) {
		if (rest.p[i] == '\n')
			gp_buf_addc(&body, '\r');
		gp_buf_addc(&body, rest.p[i]);
	}
	mail->body = gp_arena_dup(m->arena, gp_buf_str(&body));
	mail->size = text.n + (body.n - rest.n) + mail->n + 1;
	gp_buf_clear(&body);
	return GP_OK;
}

/* The file with lines that end in LF alone. */
static enum gp_rc
read_file(const char *path, struct gp_buf *text, struct gp_err *err)
{
	char piece[65536];
	FILE *f = fopen(path, "rbe");
	size_t got;

	if (f == NULL)
		return gp_fail(err, GP_PERM, "%s: %m", path);
	while ((got = fread(piece, 1, sizeof piece, f)) > 0)
		for (size_t i = 0; i < got; i++)
			if (piece[i] != '\r')
				gp_buf_addc(text, piece[i]);
	if (ferror(f) != 0 || text->overflow) {
		(void)fclose(f);
		return gp_fail(err, GP_PERM, "%s: %s", path,
		    text->overflow ? "too large" : "read error");
	}
	(void)fclose(f);
	return GP_OK;
}

static enum gp_rc
load_file(struct ml_mails *m, const char *path, struct gp_err *err)
{
	struct gp_buf text;
	enum gp_rc rc;

	gp_buf_init(&text, FILE_MAX);
	rc = read_file(path, &text, err);
	if (rc == GP_OK)
		rc = parse_mail(m, add_mail(m, path), gp_buf_str(&text), err);
	gp_buf_clear(&text);
	return rc;
}

static int
only_eml(const struct dirent *entry)
{
	return gp_str_ends_nocase(gp_str(entry->d_name), GP_STR(".eml"));
}

enum gp_rc
ml_mails_load(struct ml_mails *m, const char *path, struct gp_err *err)
{
	struct dirent **entries;
	enum gp_rc rc = GP_OK;
	struct stat st;
	int n;

	if (stat(path, &st) != 0)
		return gp_fail(err, GP_PERM, "%s: %m", path);
	if (!S_ISDIR(st.st_mode))
		return load_file(m, path, err);
	if ((n = scandir(path, &entries, only_eml, alphasort)) < 0)
		return gp_fail(err, GP_PERM, "%s: %m", path);
	for (int i = 0; i < n; i++) {
		if (rc == GP_OK)
			rc = load_file(m,
			    gp_arena_printf(m->arena, "%s/%s", path,
				entries[i]->d_name),
			    err);
		free(entries[i]);
	}
	free(entries);
	if (rc == GP_OK && n == 0)
		rc = gp_fail(err, GP_PERM, "%s: no *.eml in it", path);
	return rc;
}

/* A small generator of numbers (a linear congruence of Knuth's), so that the
 * messages are the same on every machine. */
static uint64_t
next_number(uint64_t *state, uint64_t below)
{
	*state = *state * UINT64_C(6364136223846793005) +
	         UINT64_C(1442695040888963407);
	return (*state >> 33) % below;
}

static void
add_words(struct gp_buf *b, uint64_t *state, size_t bytes)
{
	static const char *const words[] = { "the", "order", "of", "your",
		"invoice", "has", "been", "shipped", "and", "will", "arrive",
		"on", "Tuesday", "please", "confirm", "at", "our", "office",
		"before", "noon", "with", "kind", "regards", "meeting" };
	size_t end = b->n + bytes, line = 0, n;
	const char *word;

	while (b->n < end) {
		word =
		    words[next_number(state, sizeof words / sizeof words[0])];
		n = strlen(word);
		if (line > 0 && line + n > 70) {
			gp_buf_addc(b, '\n');
			line = 0;
		} else if (line > 0) {
			gp_buf_addc(b, ' ');
		}
		gp_buf_add(b, word, n);
		line += n + 1;
	}
}

static void
compose(struct gp_buf *b, size_t number, size_t body, uint64_t *state)
{
	size_t k = number % 10;

	gp_buf_reset(b);
	for (size_t hop = 0; hop <= number % 3; hop++)
		gp_buf_addf(b,
		    "Received: from out%zu.s%zu.example (out%zu.s%zu.example "
		    "[198.51.100.%zu])\n\tby relay.s%zu.example with ESMTPS id "
		    "%08zX\n\tfor <rcpt@local.example>; Mon, 2 Mar 2026 "
		    "10:%02zu:00 +0000\n",
		    hop, k, hop, k, number % 250 + 1, k, number * 7919, hop);
	gp_buf_addf(b, "From: \"Sender %zu\" <user@s%zu.example>\n", number, k);
	gp_buf_adds(b, "To: Recipient <rcpt@local.example>\n");
	gp_buf_addf(b, "Reply-To: <help@s%zu.example>\nSubject: ", k);
	add_words(b, state, 30);
	gp_buf_addf(b,
	    "\nDate: Mon, 2 Mar 2026 10:%02zu:01 +0000\n"
	    "Message-ID: <%016zx@s%zu.example>\nMIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n"
	    "List-Unsubscribe: <mailto:out-%zu@s%zu.example>,\n"
	    " <https://s%zu.example/out/%zu>\n"
	    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
	    "X-Mailer: milterload\n\n",
	    number % 60, number, k, number, k, k, number);
	add_words(b, state, body);
	gp_buf_addc(b, '\n');
}

void
ml_mails_generate(struct ml_mails *m, size_t count, size_t min, size_t max)
{
	uint64_t state = 1;
	struct gp_buf text;
	struct gp_err err;
	size_t body;

	gp_buf_init(&text, FILE_MAX);
	for (size_t i = 0; i < count; i++) {
		body = min + (size_t)next_number(&state, max - min + 1);
		compose(&text, i, body, &state);
		if (parse_mail(m,
			add_mail(m, gp_arena_printf(m->arena, "#%zu", i)),
			gp_buf_str(&text), &err) != GP_OK)
			abort(); /* our own text is a message */
	}
	gp_buf_clear(&text);
}

void
ml_header_init(struct ml_header *h)
{
	memset(h, 0, sizeof *h);
	h->arena = gp_arena_new();
}

void
ml_header_clear(struct ml_header *h)
{
	gp_arena_free(h->arena);
	free(h->v);
	memset(h, 0, sizeof *h);
}

static void
make_room(struct ml_header *h, size_t n)
{
	if (n <= h->cap)
		return;
	h->cap = n * 2;
	h->v = gp_xrealloc(h->v, h->cap, sizeof *h->v);
}

void
ml_header_start(struct ml_header *h, const struct ml_mail *mail)
{
	gp_arena_clear(h->arena);
	make_room(h, mail->n + 1);
	memcpy(h->v, mail->field, mail->n * sizeof *h->v);
	h->n = mail->n;
}

void
ml_header_insert(struct ml_header *h, size_t at, const char *name,
    const char *value)
{
	if (at > h->n)
		at = h->n;
	make_room(h, h->n + 1);
	memmove(h->v + at + 1, h->v + at, (h->n - at) * sizeof *h->v);
	h->v[at].name = gp_arena_strdup(h->arena, name);
	h->v[at].value = gp_arena_strdup(h->arena, value);
	h->n++;
}

void
ml_header_change(struct ml_header *h, size_t index, const char *name,
    const char *value)
{
	size_t seen = 0, at;

	for (at = 0; at < h->n; at++)
		if (strcasecmp(h->v[at].name, name) == 0 &&
		    ++seen >= (index == 0 ? 1 : index))
			break;
	if (at < h->n) {
		h->n--;
		memmove(h->v + at, h->v + at + 1, (h->n - at) * sizeof *h->v);
	}
	if (*value != '\0')
		ml_header_insert(h, at, name, value);
}
