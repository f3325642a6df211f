/* See str.h. */
#include "base/str.h"

#include <string.h>

struct gp_str
gp_str(const char *s)
{
	return gp_str_n(s, s == NULL ? 0 : strlen(s));
}

struct gp_str
gp_str_n(const char *p, size_t n)
{
	return (struct gp_str){ .p = p, .n = n };
}

int
gp_hex_value(char c)
{
	if (gp_is_digit(c))
		return c - '0';
	c = gp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
gp_str_eq(struct gp_str a, struct gp_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
gp_str_eq_nocase(struct gp_str a, struct gp_str b)
{
	return a.n == b.n && gp_str_starts_nocase(a, b);
}

bool
gp_str_starts_nocase(struct gp_str s, struct gp_str prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++)
		if (gp_lower(s.p[i]) != gp_lower(prefix.p[i]))
			return false;
	return true;
}

bool
gp_str_ends_nocase(struct gp_str s, struct gp_str suffix)
{
	if (s.n < suffix.n)
		return false;
	return suffix.n == 0 ||
	       gp_str_eq_nocase(gp_str_n(s.p + (s.n - suffix.n), suffix.n),
		   suffix);
}

/* Bytes of the UTF-8 sequence at the start of s (not empty), 0 if broken. */
static size_t
utf8_length(struct gp_str s)
{
	const unsigned char *b = (const unsigned char *)s.p;
	size_t n = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;

	if (n == 1)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
	    (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return n;
}

bool
gp_str_is_utf8(struct gp_str s)
{
	while (s.n > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			return false;
		s = gp_str_n(s.p + n, s.n - n);
	}
	return true;
}

bool
gp_str_is_text(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		/* C1 controls are 0xc2 0x80 to 0xc2 0x9f in UTF-8 */
		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && i + 1 < s.n &&
			(unsigned char)s.p[i + 1] < 0xa0))
			return false;
	}
	return gp_str_is_utf8(s);
}

size_t
gp_str_find(struct gp_str s, char c)
{
	const char *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	return at == NULL ? s.n : (size_t)(at - s.p);
}

struct gp_str
gp_str_trim(struct gp_str s)
{
	while (s.n > 0 && gp_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && gp_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct gp_str
gp_str_split(struct gp_str *rest, char sep)
{
	size_t at = gp_str_find(*rest, sep);
	struct gp_str head = gp_str_n(rest->p, at);

	if (at == rest->n)
		*rest = gp_str_n(NULL, 0);
	else
		*rest = gp_str_n(rest->p + at + 1, rest->n - at - 1);
	return head;
}

enum gp_rc
gp_parse_u64(struct gp_str s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0)
		return GP_PERM;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit;

		if (!gp_is_digit(s.p[i]))
			return GP_PERM;
		digit = (uint64_t)(s.p[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return GP_PERM;
		value = value * 10 + digit;
	}
	*out = value;
	return GP_OK;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static enum gp_rc
parse_with_unit(struct gp_str s, const struct unit *units, int64_t *out)
{
	size_t digits = 0;
	uint64_t value;

	if (s.n == 0)
		return GP_PERM; /* the pointer may be NULL */
	while (digits < s.n && gp_is_digit(s.p[digits]))
		digits++;
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (!gp_str_eq(gp_str_n(s.p + digits, s.n - digits),
			gp_str(u->name)))
			continue;
		if (gp_parse_u64(gp_str_n(s.p, digits),
			(uint64_t)INT64_MAX / u->factor, &value) != GP_OK)
			return GP_PERM;
		*out = (int64_t)(value * u->factor);
		return GP_OK;
	}
	return GP_PERM;
}

enum gp_rc
gp_parse_duration_ms(struct gp_str s, int64_t *out)
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1000 },
		{ "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
		{ NULL, 0 } };

	if (gp_str_eq(s, GP_STR("0"))) {
		*out = 0;
		return GP_OK;
	}
	return parse_with_unit(s, units, out);
}

enum gp_rc
gp_parse_size(struct gp_str s, int64_t *out)
{
	static const struct unit units[] = { { "", 1 }, { "k", 1024 },
		{ "m", 1048576 }, { "g", 1073741824 }, { NULL, 0 } };

	return parse_with_unit(s, units, out);
}

unsigned
gp_edit_distance(struct gp_str a, struct gp_str b)
{
	enum { LONGEST = 32 };
	unsigned row[LONGEST + 1];

	if (a.n > LONGEST)
		a.n = LONGEST;
	if (b.n > LONGEST)
		b.n = LONGEST;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned best = diagonal + (gp_lower(a.p[i - 1]) !=
						       gp_lower(b.p[j - 1]));

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}
