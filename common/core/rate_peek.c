/* See rate_peek.h. */
#include "core/rate_peek.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_DIGITS 17 /* GP_METER_LEVEL_MAX has 16 */
#define PART_DIGITS  15
#define NEVER        GP_STR("never")

/* -- numbers ------------------------------------------------------------ */

static size_t
digits(struct gp_str s)
{
	size_t n = 0;

	while (n < s.n && gp_is_digit(s.p[n]))
		n++;
	return n;
}

/* Digits, and a point with digits behind it: no sign, no exponent. */
static bool
read_number(struct gp_str s, double *out)
{
	char text[WHOLE_DIGITS + PART_DIGITS + 2];
	const size_t whole = digits(s);
	size_t part = 0;

	if (whole == 0 || whole > WHOLE_DIGITS)
		return false;
	if (whole < s.n) {
		if (s.p[whole] != '.')
			return false;
		part = digits(gp_str_n(s.p + whole + 1, s.n - whole - 1));
		if (part == 0 || part > PART_DIGITS || whole + 1 + part != s.n)
			return false;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*out = strtod(text, NULL);
	return true;
}

static void
write_number(double number, struct gp_buf *out)
{
	gp_buf_addf(out, " %.*f", PART_DIGITS, number);
}

/* -- the request -------------------------------------------------------- */

bool
gp_rate_peek_key(struct gp_str key)
{
	for (size_t i = 0; i < key.n; i++)
		if (!gp_is_print(key.p[i]) || key.p[i] == ' ')
			return false;
	return key.n > 0 && key.n <= GP_CHARGE_KEY_MAX;
}

void
gp_rate_peek_write(const struct gp_charge *charge, struct gp_buf *out)
{
	gp_buf_addf(out, GP_RATE_PEEK " %.*s", GP_STR_ARG(charge->key));
	write_number(charge->cost, out);
	write_number(charge->rule.capacity, out);
	write_number(charge->rule.rate, out);
	write_number(charge->rule.share, out);
	if (charge->mark.n > 0)
		gp_buf_addf(out, " %.*s", GP_STR_ARG(charge->mark));
}

/* The next word of *rest; p NULL behind the last one. */
static struct gp_str
next_word(struct gp_str *rest)
{
	return rest->p == NULL ? gp_str_n(NULL, 0) : gp_str_split(rest, ' ');
}

enum gp_rc
gp_rate_peek_read(struct gp_str words, struct gp_charge *out)
{
	struct gp_charge c = { .rule = { .factor = 1 }, .keep_ms = 1 };
	double *const numbers[] = { &c.cost, &c.rule.capacity, &c.rule.rate,
		&c.rule.share };

	c.key = next_word(&words);
	if (!gp_rate_peek_key(c.key))
		return GP_PERM;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!read_number(next_word(&words), numbers[i]) ||
		    *numbers[i] > GP_METER_LEVEL_MAX)
			return GP_PERM;
	c.mark = next_word(&words);
	if (words.p != NULL || (c.mark.p != NULL && !gp_rate_peek_key(c.mark)))
		return GP_PERM;
	if (c.cost <= 0 || c.rule.capacity < 1 || c.rule.share <= 0 ||
	    c.rule.share > 1)
		return GP_PERM;
	*out = c;
	return GP_OK;
}

/* -- the answer --------------------------------------------------------- */

void
gp_rate_peek_answer(const struct gp_charged *made, struct gp_buf *out)
{
	gp_buf_addf(out, "fits %d free %d level", made->fits, made->free);
	write_number(made->level, out);
	if (made->wait_ms == GP_METER_NEVER)
		gp_buf_addf(out, " wait_ms %.*s\n", GP_STR_ARG(NEVER));
	else
		gp_buf_addf(out, " wait_ms %lld\n", (long long)made->wait_ms);
}

/* The value of the next "NAME VALUE". */
static struct gp_str
value_of(struct gp_str *rest, const char *name)
{
	return gp_str_eq(next_word(rest), gp_str(name)) ? next_word(rest)
	                                                : gp_str_n(NULL, 0);
}

static bool
read_flag(struct gp_str s, bool *out)
{
	*out = gp_str_eq(s, GP_STR("1"));
	return *out || gp_str_eq(s, GP_STR("0"));
}

enum gp_rc
gp_rate_peek_understand(struct gp_str answer, struct gp_charged *out)
{
	struct gp_str rest = gp_str_trim(answer);
	struct gp_charged made = { .level = 0 };
	struct gp_str wait;
	uint64_t ms = 0;

	if (!read_flag(value_of(&rest, "fits"), &made.fits) ||
	    !read_flag(value_of(&rest, "free"), &made.free) ||
	    !read_number(value_of(&rest, "level"), &made.level))
		return GP_PERM;
	wait = value_of(&rest, "wait_ms");
	made.wait_ms = GP_METER_NEVER;
	if (!gp_str_eq(wait, NEVER)) {
		if (gp_parse_u64(wait, INT64_MAX - 1, &ms) != GP_OK)
			return GP_PERM;
		made.wait_ms = (int64_t)ms;
	}
	if (rest.p != NULL)
		return GP_PERM;
	*out = made;
	return GP_OK;
}
