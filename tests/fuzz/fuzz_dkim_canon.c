/*
 * Any chunking, and a reference that looks at each octet, give the same body;
 * fields are as a reference reads them; the choice of fields is as counting
 * from the bottom chooses.
 *
 * Input: flags, a seed for the chunks, a limit, then the text.
 */
#include "core/dkim_canon.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
append(void *arg, const char *p, size_t n)
{
	assert(n > 0);
	gp_buf_add(arg, p, n);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
has_crlf(struct gp_str s, size_t at)
{
	return at + 1 < s.n && s.p[at] == '\r' && s.p[at + 1] == '\n';
}

/* -- body ---------------------------------------------------------------- */

/* Blanks at the ends of lines away, others to one space: RFC 6376 3.4.4. */
static void
reduce_blanks(struct gp_str s, struct gp_buf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t end = i;

		while (end < s.n && is_blank(s.p[end]))
			end++;
		if (end == i)
			gp_buf_addc(out, s.p[i++]);
		else if (!has_crlf(s, end))
			gp_buf_addc(out, ' ');
		i = end > i ? end : i;
	}
}

static void
reference_body(enum gp_dkim_canon canon, struct gp_str s, struct gp_buf *out)
{
	if (canon == GP_DKIM_RELAXED)
		reduce_blanks(s, out);
	else
		gp_buf_add_str(out, s);
	while (out->n >= 2 && has_crlf(gp_buf_str(out), out->n - 2))
		out->n -= 2;
	if (canon == GP_DKIM_SIMPLE || out->n > 0)
		gp_buf_adds(out, "\r\n");
}

struct cuts {
	uint32_t state;
	size_t most; /* octets of a chunk; 0: all in one */
};

static size_t
next_cut(struct cuts *c, size_t left)
{
	size_t n;

	if (c->most == 0)
		return left;
	c->state = c->state * 1664525 + 1013904223;
	n = (c->state >> 16) % (c->most + 1);
	return n < left ? n : left;
}

static uint64_t
run_body(enum gp_dkim_canon canon, uint64_t limit, struct gp_str s,
    struct cuts cuts, struct gp_buf *out)
{
	struct gp_dkim_body b;

	gp_buf_reset(out);
	gp_dkim_body_init(&b, canon, limit, append, out);
	while (s.n > 0) {
		size_t n = next_cut(&cuts, s.n);
		/* of just its size, so that an octet too far is seen */
		char *exact = malloc(n + 1);

		assert(exact != NULL);
		memcpy(exact + 1, s.p, n);
		gp_dkim_body_add(&b, gp_str_n(exact + 1, n));
		free(exact);
		s = gp_str_n(s.p + n, s.n - n);
	}
	gp_dkim_body_end(&b);
	return b.total;
}

static void
check_body(enum gp_dkim_canon canon, struct gp_str s, const uint8_t *head)
{
	const struct cuts cuts[] = { { 0, 0 }, { head[1], 1 }, { head[1], 7 },
		{ head[1], 100 }, { head[1], 1 + head[2] } };
	struct gp_buf expected, out;
	uint64_t limit = head[3], total;

	gp_buf_init(&expected, s.n + 3);
	gp_buf_init(&out, s.n + 3);
	reference_body(canon, s, &expected);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		total = run_body(canon, GP_DKIM_NO_LIMIT, s, cuts[i], &out);
		assert(gp_str_eq(gp_buf_str(&out), gp_buf_str(&expected)));
		assert(total == expected.n && !out.overflow);
		total = run_body(canon, limit, s, cuts[i], &out);
		assert(total == expected.n);
		assert(out.n == (total < limit ? total : limit));
		assert(out.n == 0 || memcmp(out.p, expected.p, out.n) == 0);
	}
	gp_buf_clear(&expected);
	gp_buf_clear(&out);
}

/* -- fields -------------------------------------------------------------- */

/* The octets of the line end at `at` that white space follows. */
static size_t
fold_at(struct gp_str s, size_t at)
{
	size_t n = has_crlf(s, at) ? 2 : s.p[at] == '\n';

	return n > 0 && at + n < s.n && is_blank(s.p[at + n]) ? n : 0;
}

static void
reference_value(enum gp_dkim_canon canon, struct gp_str s, struct gp_buf *out)
{
	struct gp_buf flat;

	gp_buf_init(&flat, s.n * 2 + 2);
	for (size_t i = 0; i < s.n; i++) {
		size_t fold = fold_at(s, i);

		if (fold == 0) {
			gp_buf_addc(&flat, s.p[i]);
			continue;
		}
		if (canon == GP_DKIM_SIMPLE)
			gp_buf_adds(&flat, "\r\n");
		i += fold - 1;
	}
	if (canon == GP_DKIM_RELAXED) {
		struct gp_buf reduced;

		gp_buf_init(&reduced, flat.n + 2);
		for (size_t i = 0; i < flat.n; i++)
			if (!is_blank(flat.p[i]))
				gp_buf_addc(&reduced, flat.p[i]);
			else if (i == 0 || !is_blank(flat.p[i - 1]))
				gp_buf_addc(&reduced, ' ');
		gp_buf_add_str(out, gp_str_trim(gp_buf_str(&reduced)));
		gp_buf_clear(&reduced);
	} else {
		gp_buf_add_str(out, gp_buf_str(&flat));
	}
	gp_buf_clear(&flat);
}

static void
reference_name(enum gp_dkim_canon canon, struct gp_str s, struct gp_buf *out)
{
	if (canon == GP_DKIM_RELAXED)
		s = gp_str_trim(s);
	for (size_t i = 0; i < s.n; i++)
		gp_buf_addc(out,
		    canon == GP_DKIM_RELAXED ? gp_lower(s.p[i]) : s.p[i]);
	gp_buf_addc(out, ':');
}

static bool
is_named_b(const char *p, const char *end)
{
	struct gp_str name = gp_str_trim(gp_str_n(p, (size_t)(end - p)));

	return name.n == 1 && *name.p == 'b';
}

/* The value without that of its first tag "b". */
static void
without_b(struct gp_str s, struct gp_buf *out)
{
	const char *tag = s.p, *end = s.p + s.n;
	bool name = true, in_b = false, done = false;

	for (const char *p = s.p; p < end; p++) {
		if (*p == ';') {
			tag = p + 1;
			done |= in_b;
			name = true;
			in_b = false;
		} else if (*p == '=' && name) {
			name = false;
			if (!done && is_named_b(tag, p)) {
				gp_buf_addc(out, '=');
				in_b = true;
			}
		}
		if (!in_b)
			gp_buf_addc(out, *p);
	}
}

static void
check_field(enum gp_dkim_canon canon, struct gp_str s)
{
	size_t colon = gp_str_find(s, ':');
	size_t from = colon < s.n ? colon + 1 : s.n;
	struct gp_field f = { .name = gp_str_n(s.p, colon),
		.value = gp_str_n(s.p + from, s.n - from) };
	struct gp_buf expected, out, cut;

	gp_buf_init(&expected, s.n * 2 + 8);
	gp_buf_init(&out, s.n * 2 + 8);
	gp_buf_init(&cut, s.n + 2);
	reference_name(canon, f.name, &expected);
	reference_value(canon, f.value, &expected);
	gp_buf_adds(&expected, "\r\n");
	gp_dkim_canon_field(canon, &f, &out);
	assert(gp_str_eq(gp_buf_str(&out), gp_buf_str(&expected)));

	gp_buf_reset(&out);
	gp_buf_reset(&expected);
	without_b(f.value, &cut);
	reference_name(canon, f.name, &expected);
	reference_value(canon, gp_buf_str(&cut), &expected);
	gp_dkim_canon_signature(canon, &f, &out);
	assert(gp_str_eq(gp_buf_str(&out), gp_buf_str(&expected)));
	assert(!out.overflow && !expected.overflow && !cut.overflow);
	gp_buf_clear(&expected);
	gp_buf_clear(&out);
	gp_buf_clear(&cut);
}

/* -- choice -------------------------------------------------------------- */

/* Names of one letter, in two cases, from the two lower and the sixth bit. */
static struct gp_str
letter(uint8_t byte)
{
	static const char names[] = "abcdABCD";

	return gp_str_n(names + (byte & 3) + (byte & 32 ? 4 : 0), 1);
}

static void
expect_chosen(const struct gp_header *h, const struct gp_str *names, size_t at,
    const struct gp_field *self, struct gp_buf *out)
{
	size_t wanted = 0;

	for (size_t i = 0; i <= at; i++)
		wanted += gp_str_eq_nocase(names[i], names[at]);
	for (size_t i = h->n; i-- > 0;) {
		if (&h->v[i] == self ||
		    !gp_str_eq_nocase(h->v[i].name, names[at]) || --wanted > 0)
			continue;
		gp_dkim_canon_field(GP_DKIM_RELAXED, &h->v[i], out);
		return;
	}
}

static void
check_choice(struct gp_str s)
{
	struct gp_field fields[32];
	struct gp_str names[32];
	struct gp_header h = { .v = fields, .cap = 32 };
	struct gp_buf expected, out;
	size_t n = 0;

	for (size_t i = 0; i < s.n && i < 64; i++) {
		uint8_t byte = (uint8_t)s.p[i];

		if (i % 2 == 0)
			fields[h.n++] = (struct gp_field){ .name = letter(byte),
				.value = gp_str_n(s.p + i, 1) };
		else
			names[n++] = letter(byte);
	}
	if (n == 0)
		return;
	gp_buf_init(&expected, 4096);
	gp_buf_init(&out, 4096);
	for (size_t i = 0; i < n; i++)
		expect_chosen(&h, names, i, &fields[0], &expected);
	gp_dkim_canon_signature(GP_DKIM_RELAXED, &fields[0], &expected);
	gp_dkim_header_input(GP_DKIM_RELAXED, &h, names, n, &fields[0], &out);
	assert(gp_str_eq(gp_buf_str(&out), gp_buf_str(&expected)));
	gp_buf_clear(&expected);
	gp_buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum gp_dkim_canon canon;
	struct gp_str s;

	if (size < HEAD)
		return 0;
	canon = (data[0] & 1) != 0 ? GP_DKIM_RELAXED : GP_DKIM_SIMPLE;
	s = gp_str_n((const char *)data + HEAD, size - HEAD);
	check_body(canon, s, data);
	check_field(canon, s);
	check_choice(s);
	return 0;
}
