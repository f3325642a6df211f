/*
 * See dkim_canon.h.
 *
 * Of a body only four things ever change: a tab, white space in a row, white
 * space at the end of a line, and the empty lines at the end.  The first three
 * are searched for in blocks, with a loop that compilers turn into vector
 * instructions; what may be the end of the body is cut off a chunk from behind
 * and held as three numbers.
 */
#include "core/dkim_canon.h"

#include <string.h>

/* Octets that are looked at together. */
#define BLOCK 64
#define WORD  8

/* A word of octets of 1, and one of 127. */
#define EACH     (UINT64_MAX / UINT8_MAX)
#define LOW_BITS (EACH * 127)

#define CRLF GP_STR("\r\n")

/* -- header -------------------------------------------------------------- */

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of the line end of a fold at `at`; 0: there is none. */
static size_t
fold_at(struct gp_str s, size_t at)
{
	size_t n = 0;

	if (s.p[at] == '\r' && at + 1 < s.n && s.p[at + 1] == '\n')
		n = 2;
	else if (s.p[at] == '\n')
		n = 1;
	return n > 0 && at + n < s.n && is_wsp(s.p[at + n]) ? n : 0;
}

/* White space and folds from `at` on; returns where they end. */
static size_t
skip_fws(struct gp_str s, size_t at)
{
	size_t n;

	while (at < s.n) {
		n = is_wsp(s.p[at]) ? 1 : fold_at(s, at);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

static void
add_simple(struct gp_str value, struct gp_buf *out)
{
	size_t from = 0, at = 0;

	for (;; at++) {
		at += gp_str_find(gp_str_n(value.p + at, value.n - at), '\n');
		if (at == value.n)
			break;
		if (fold_at(value, at) == 0 ||
		    (at > 0 && value.p[at - 1] == '\r'))
			continue;
		gp_buf_add(out, value.p + from, at - from);
		gp_buf_addc(out, '\r');
		from = at;
	}
	gp_buf_add(out, value.p + from, value.n - from);
}

static void
add_relaxed(struct gp_str value, struct gp_buf *out)
{
	struct gp_str s = gp_str_trim(value);
	size_t from = 0, at = 0, end;

	while (at < s.n) {
		end = gp_is_space(s.p[at]) ? skip_fws(s, at) : at;
		if (end == at || (end == at + 1 && s.p[at] == ' ')) {
			at++;
			continue;
		}
		gp_buf_add(out, s.p + from, at - from);
		gp_buf_addc(out, ' ');
		from = at = end;
	}
	gp_buf_add(out, s.p + from, s.n - from);
}

static void
add_name(enum gp_dkim_canon canon, struct gp_str name, struct gp_buf *out)
{
	size_t at = out->n;

	if (canon == GP_DKIM_RELAXED)
		name = gp_str_trim(name);
	gp_buf_add_str(out, name);
	gp_buf_addc(out, ':');
	if (canon == GP_DKIM_RELAXED)
		for (; at < out->n; at++)
			out->p[at] = gp_lower(out->p[at]);
}

static void
add_value(enum gp_dkim_canon canon, struct gp_str value, struct gp_buf *out)
{
	if (value.n == 0)
		return;
	if (canon == GP_DKIM_RELAXED)
		add_relaxed(value, out);
	else
		add_simple(value, out);
}

void
gp_dkim_canon_field(enum gp_dkim_canon canon, const struct gp_field *f,
    struct gp_buf *out)
{
	add_name(canon, f->name, out);
	add_value(canon, f->value, out);
	gp_buf_add_str(out, CRLF);
}

/* What stands before the value of the b= tag, and in *rest what stands behind
 * it; all of the field when there is no such tag. */
static struct gp_str
cut_b(struct gp_str value, struct gp_str *rest)
{
	struct gp_str left = value, tag, name;
	size_t equals;

	while (left.p != NULL) {
		tag = gp_str_split(&left, ';');
		equals = gp_str_find(tag, '=');
		name = gp_str_trim(gp_str_n(tag.p, equals));
		if (equals == tag.n || !gp_str_eq(name, GP_STR("b")))
			continue;
		equals += (size_t)(tag.p - value.p) + 1;
		tag.n += (size_t)(tag.p - value.p);
		*rest = gp_str_n(value.p + tag.n, value.n - tag.n);
		return gp_str_n(value.p, equals);
	}
	*rest = GP_STR("");
	return value;
}

void
gp_dkim_canon_signature(enum gp_dkim_canon canon, const struct gp_field *f,
    struct gp_buf *out)
{
	struct gp_str rest, before = cut_b(f->value, &rest);

	add_name(canon, f->name, out);
	add_value(canon, before, out);
	add_value(canon, rest, out);
}

static bool
is_same(const struct gp_field *a, const struct gp_field *b)
{
	return a->value.p == b->value.p && a->value.n == b->value.n;
}

/* The last field of that name that is not yet `used`; NULL: there is none. */
static const struct gp_field *
choose(const struct gp_header *h, struct gp_str name,
    const struct gp_field *self, uint64_t *used)
{
	for (size_t i = h->n; i-- > 0;) {
		const struct gp_field *f = &h->v[i];

		if (f->name.n != name.n || (used[i / 64] >> i % 64 & 1) != 0 ||
		    !gp_str_eq_nocase(f->name, name) || is_same(f, self))
			continue;
		used[i / 64] |= UINT64_C(1) << i % 64;
		return f;
	}
	return NULL;
}

void
gp_dkim_header_input(enum gp_dkim_canon canon, const struct gp_header *h,
    const struct gp_str *names, size_t n_names, const struct gp_field *self,
    struct gp_buf *out)
{
	uint64_t used[GP_FIELDS_MAX / 64 + 1] = { 0 };

	for (size_t i = 0; i < n_names; i++) {
		const struct gp_field *f = choose(h, names[i], self, used);

		if (f != NULL)
			gp_dkim_canon_field(canon, f, out);
	}
	gp_dkim_canon_signature(canon, self, out);
}

/* -- body: handing on ---------------------------------------------------- */

static void
flush(struct gp_dkim_body *b)
{
	if (b->staged > 0)
		b->emit(b->arg, b->stage, b->staged);
	b->staged = 0;
}

/* Hand on n octets, within the limit; short pieces by way of the stage. */
static void
put(struct gp_dkim_body *b, const char *p, size_t n)
{
	uint64_t room = b->total < b->limit ? b->limit - b->total : 0;

	b->total += n;
	if (n > room)
		n = (size_t)room;
	if (n > sizeof(b->stage) - b->staged)
		flush(b);
	if (n > sizeof(b->stage) / 4) {
		flush(b);
		b->emit(b->arg, p, n);
		return;
	}
	memcpy(b->stage + b->staged, p, n);
	b->staged += n;
}

/* Content follows: what was held is part of the body. */
static void
release(struct gp_dkim_body *b)
{
	for (; b->line_ends > 0; b->line_ends--)
		put(b, "\r\n", 2);
	if (b->blank)
		put(b, " ", 1);
	if (b->cr)
		put(b, "\r", 1);
	b->blank = b->cr = false;
}

/* -- body: searching ----------------------------------------------------- */

/* Must white space at p be changed?  p[1] can be read. */
static bool
changes(const char *p)
{
	return p[0] == '\t' || (p[0] == ' ' && (is_wsp(p[1]) || p[1] == '\r'));
}

/* May one of the BLOCK octets from p on change?  Behind SP any control octet
 * is suspected; changes() clears those that are innocent. */
static bool
block_may_change(const char *p)
{
	unsigned char any = 0;

	for (size_t i = 0; i < BLOCK; i++)
		any |= (unsigned char)(p[i] == '\t') |
		       ((unsigned char)(p[i] == ' ') &
			   (unsigned char)((unsigned char)p[i + 1] <= ' '));
	return any != 0;
}

/* WORD octets, the first one lowest. */
static uint64_t
load(const char *p)
{
	uint64_t x;

	memcpy(&x, p, WORD);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? x
	                                                 : __builtin_bswap64(x);
}

/* The high bit of each octet of `x` that is at most `top`, below 128. */
static uint64_t
at_most(uint64_t x, uint64_t top)
{
	return ~(((x & LOW_BITS) + EACH * (127 - top)) | x) & EACH << 7;
}

/* The same of a word: the high bit of each octet that may change. */
static uint64_t
word_may_change(const char *p)
{
	uint64_t x = load(p);

	return at_most(x ^ EACH * '\t', 0) |
	       (at_most(x ^ EACH * ' ', 0) & at_most(load(p + 1), ' '));
}

/* The first octet from p on that is changed by "relaxed", or `end`.  The octet
 * before `end` is none that is. */
static const char *
find_change(const char *p, const char *end)
{
	uint64_t may = 0;

	for (;; p++) {
		while (end - p > BLOCK && !block_may_change(p))
			p += BLOCK;
		while (end - p > WORD && (may = word_may_change(p)) == 0)
			p += WORD;
		if (end - p <= WORD)
			break;
		p += __builtin_ctzll(may) / 8;
		if (changes(p))
			return p;
	}
	while (end - p > 1 && !changes(p))
		p++;
	return end - p > 1 ? p : end;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (end - p >= WORD && load(p) == EACH * ' ')
		p += WORD;
	while (p < end && is_wsp(*p))
		p++;
	return p;
}

/* Hold line ends, and with "relaxed" white space.  Returns the first octet
 * behind them, all that was held having been handed on, or `end`. */
static const char *
hold(struct gp_dkim_body *b, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (b->cr && *p == '\n') {
			b->cr = b->blank = false;
			b->line_ends++;
		} else if (!b->cr && *p == '\r') {
			b->cr = true;
		} else if (!b->cr && b->canon == GP_DKIM_RELAXED &&
			   is_wsp(*p)) {
			b->blank = true;
		} else {
			release(b);
			break;
		}
	}
	return p;
}

/* Where the octets begin that only what follows the chunk can decide about. */
static const char *
open_end(enum gp_dkim_canon canon, const char *p, const char *end)
{
	if (end > p && end[-1] == '\r')
		end--;
	for (;;) {
		if (end - p >= 2 && end[-1] == '\n' && end[-2] == '\r')
			end -= 2;
		else if (end > p && canon == GP_DKIM_RELAXED && is_wsp(end[-1]))
			end--;
		else
			return end;
	}
}

/* -- body ---------------------------------------------------------------- */

void
gp_dkim_body_init(struct gp_dkim_body *b, enum gp_dkim_canon canon,
    uint64_t limit, gp_dkim_emit_fn emit, void *arg)
{
	b->canon = canon;
	b->emit = emit;
	b->arg = arg;
	b->limit = limit;
	b->total = b->line_ends = 0;
	b->blank = b->cr = false;
	b->staged = 0;
}

/* Hand on what the octets from p to `end` become with "relaxed".  The octet
 * before `end` is content, so that all line ends before it are, too. */
static void
put_relaxed(struct gp_dkim_body *b, const char *p, const char *end)
{
	const char *q, *r;

	for (; p < end; p = r) {
		q = find_change(p, end);
		r = skip_blanks(q, end);
		if (q == end || (end - r > 1 && r[0] == '\r' && r[1] == '\n')) {
			put(b, p, (size_t)(q - p));
		} else if (*q == ' ') {
			put(b, p, (size_t)(q - p) + 1);
		} else {
			put(b, p, (size_t)(q - p));
			put(b, " ", 1);
		}
	}
}

void
gp_dkim_body_add(struct gp_dkim_body *b, struct gp_str chunk)
{
	const char *p, *open, *end;

	if (chunk.n == 0)
		return;
	end = chunk.p + chunk.n;
	p = hold(b, chunk.p, end);
	open = open_end(b->canon, p, end);
	if (b->canon == GP_DKIM_RELAXED)
		put_relaxed(b, p, open);
	else
		put(b, p, (size_t)(open - p));
	for (p = open; p < end;)
		p = hold(b, p, end);
}

void
gp_dkim_body_end(struct gp_dkim_body *b)
{
	if (b->blank || b->cr)
		release(b);
	if (b->total > 0 || b->canon == GP_DKIM_SIMPLE)
		put(b, "\r\n", 2);
	flush(b);
}
