/*
 * See warmup.h.
 *
 * Powers and logarithms are our own: pure code has no libm, and processes on
 * machines with different ones come to the same state here.
 */
#include "core/warmup.h"

#include <stdio.h>
#include <string.h>

#define LN_2 0.693147180559945309417

#define DAYS_MAX     100000000 /* of a state's dates */
#define N_MAX        100000    /* grow 1.001 from 1 to 10^12 takes 27,645 */
#define N_UNIT       1000000   /* a state keeps n in millionths */
#define HOURS        12
#define PATIENCE     3   /* days of pause that cost nothing */
#define HALF_LIFE    9   /* days, of those beyond */
#define BEGIN_AGAIN  30  /* days of pause that are not too many */
#define SPREAD_BURST 100 /* a cap's part that may leave at once */

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* -- powers and logarithms --------------------------------------------- */

/* By the series of artanh, for x over 0. */
static double
natural_log(double x)
{
	double sum = 0, term, square;
	int twos = 0;

	while (x > 1.5) {
		x /= 2;
		twos++;
	}
	while (x < .75) {
		x *= 2;
		twos--;
	}
	term = (x - 1) / (x + 1);
	square = term * term;
	for (int i = 1; i < 40; i += 2) {
		sum += term / i;
		term *= square;
	}
	return 2 * sum + twos * LN_2;
}

/* By its own series, for -40 to 2. */
static double
exponential(double x)
{
	double sum = 1, term = 1;
	unsigned halves = 0;

	while (x < -LN_2) {
		x += LN_2;
		halves++;
	}
	for (int i = 1; i < 24; i++) {
		term *= x / i;
		sum += term;
	}
	for (; halves > 0; halves--)
		sum /= 2;
	return sum;
}

/* Whole powers by multiplication, which is exact where the table is. */
static double
power(double base, double exponent)
{
	unsigned whole = (unsigned)exponent;
	double fraction = exponent - whole;
	double result = 1, square = base;

	while (whole > 0) {
		if (whole % 2 == 1)
			result *= square;
		square *= square;
		whole /= 2;
	}
	if (fraction > 0)
		result *= exponential(fraction * natural_log(base));
	return result;
}

/* -- the rules --------------------------------------------------------- */

struct row {
	const char *provider;
	int64_t first_day;
	unsigned grow; /* thousandths */
	int64_t plateau;
};

/* The last is for those that are none of these. */
static const struct row table[] = {
	{ "google", 200, 1400, 20000 },
	{ "ms_consumer", 100, 1300, 10000 },
	{ "ms_365", 100, 1350, 10000 },
	{ "yahoo_aol", 100, 1350, 10000 },
	{ "apple", 100, 1300, 5000 },
	{ "unitedinternet", 50, 1250, 5000 },
	{ "telekom", 50, 1250, 3000 },
	{ "orange", 50, 1250, 3000 },
	{ "laposte", 50, 1250, 3000 },
	{ "free", 50, 1250, 3000 },
	{ "sfr", 50, 1250, 3000 },
	{ "comcast", 100, 1300, 5000 },
	{ "charter", 100, 1300, 5000 },
	{ "other", 50, 1500, 2000 },
};

static const struct row *
row_of(const char *provider)
{
	const size_t last = sizeof(table) / sizeof(table[0]) - 1;

	for (size_t i = 0; i < last; i++)
		if (strcmp(table[i].provider, provider) == 0)
			return &table[i];
	return &table[last];
}

struct gp_warmup_rule
gp_warmup_rule_of(const struct gp_warmup_policy *w, const char *provider)
{
	const struct row *row = row_of(provider);
	struct gp_warmup_rule r = {
		.first_day = w->first_day > 0 ? w->first_day : row->first_day,
		.grow = w->grow > 0 ? w->grow : row->grow,
		.plateau = w->plateau > 0 ? w->plateau : row->plateau,
		.hours = w->hours > 0 ? w->hours : HOURS,
	};

	if (r.plateau >= r.first_day)
		return r;
	/* one of the two is the table's: the operator's own counts */
	if (w->plateau > 0)
		r.first_day = r.plateau;
	else
		r.plateau = r.first_day;
	return r;
}

const struct gp_warmup_policy *
gp_warmup_find(const struct gp_policy *p, const char *provider)
{
	const struct gp_warmup_policy *all = NULL;

	for (size_t i = 0; i < p->n_warmups; i++) {
		const struct gp_warmup_policy *w = &p->warmups[i];

		if (strcmp(w->name, provider) == 0)
			return w;
		if (all == NULL && strcmp(w->name, "all") == 0)
			all = w;
	}
	return all;
}

/* -- days -------------------------------------------------------------- */

static double
growth_of(const struct gp_warmup_rule *r)
{
	return r->grow / 1000.;
}

/* Recipients of effective day `n`, before rounding. */
static double
volume_of(const struct gp_warmup_rule *r, double n)
{
	double volume = (double)r->first_day * power(growth_of(r), n - 1);

	return volume < (double)r->plateau ? volume : (double)r->plateau;
}

static int64_t
cap_of(const struct gp_warmup_rule *r, double n)
{
	return (int64_t)larger(1, volume_of(r, n) + .5);
}

int64_t
gp_warmup_cap(const struct gp_warmup_state *s, const struct gp_warmup_rule *r)
{
	return cap_of(r, s->n);
}

struct gp_warmup_state
gp_warmup_begin(int64_t today)
{
	return (struct gp_warmup_state){ .day = today, .n = 1 };
}

/* As its text has it. */
static double
rounded(double n)
{
	if (!(n < N_MAX))
		return N_MAX;
	return n < 1 ? 1 : (double)(int64_t)(n * N_UNIT + .5) / N_UNIT;
}

/* Days of a pause so far that lower the cap. */
static double
costly_days(int64_t last_send, int64_t day)
{
	return larger(0, (double)(day - last_send - PATIENCE));
}

/*
 * From one day of a pause to a later one; the step depends on both, so that
 * who asks every day and who asks at the end hear the same.
 */
static double
after_pause(const struct gp_warmup_rule *r, double n, double days)
{
	const double left =
	    volume_of(r, n) * exponential(-days / HALF_LIFE * LN_2);

	return 1 + natural_log(left / (double)r->first_day) /
	               natural_log(growth_of(r));
}

struct gp_warmup_state
gp_warmup_next(const struct gp_warmup_state *s, const struct gp_warmup_rule *r,
    double used, int64_t today)
{
	const int64_t cap = gp_warmup_cap(s, r);
	struct gp_warmup_state next = *s;
	double days;

	if (today <= s->day)
		return next;
	next.day = today;
	if (used * 5 >= (double)cap)
		next.last_send = s->day;
	if (used * 2 >= (double)cap && cap < r->plateau)
		next.n = rounded(s->n + 1);
	days = costly_days(next.last_send, today) -
	       costly_days(next.last_send, s->day);
	if (today - next.last_send > BEGIN_AGAIN)
		next.n = 1;
	else if (days > 0)
		next.n = rounded(after_pause(r, next.n, days));
	return next;
}

unsigned
gp_warmup_forecast(const struct gp_warmup_rule *r, int64_t volume)
{
	if (volume > r->plateau)
		return 0;
	for (unsigned n = 1; n < N_MAX; n++)
		if (cap_of(r, n) >= volume)
			return n;
	return 0;
}

/* -- meters ------------------------------------------------------------ */

struct gp_meter_rule
gp_warmup_day_rule(int64_t cap)
{
	return (struct gp_meter_rule){ .capacity = larger(1, (double)cap),
		.rate = 0,
		.factor = 1,
		.share = 1 };
}

struct gp_meter_rule
gp_warmup_spread_rule(int64_t cap, const struct gp_warmup_rule *r)
{
	return (struct gp_meter_rule){
		.capacity = larger(1, (double)cap / SPREAD_BURST),
		.rate = (double)cap / (3600. * r->hours),
		.factor = 1,
		.share = 1,
	};
}

/* -- text -------------------------------------------------------------- */

void
gp_warmup_format(const struct gp_warmup_state *s, char out[GP_WARMUP_TEXT])
{
	(void)snprintf(out, GP_WARMUP_TEXT, "1 %lld %lld %lld",
	    (long long)s->day, (long long)(s->n * N_UNIT + .5),
	    (long long)s->last_send);
}

static bool
take_number(struct gp_str *rest, uint64_t max, int64_t *out)
{
	struct gp_str word = gp_str_split(rest, ' ');
	uint64_t v;

	/* one number has one text */
	if (word.n > 1 && word.p[0] == '0')
		return false;
	if (gp_parse_u64(word, max, &v) != GP_OK)
		return false;
	*out = (int64_t)v;
	return true;
}

enum gp_rc
gp_warmup_parse(struct gp_str text, struct gp_warmup_state *out)
{
	struct gp_warmup_state s = { .day = 0 };
	struct gp_str rest = text;
	int64_t version, n;

	*out = s;
	if (!take_number(&rest, 1, &version) || version != 1 ||
	    !take_number(&rest, DAYS_MAX, &s.day) ||
	    !take_number(&rest, (uint64_t)N_MAX * N_UNIT, &n) || n < N_UNIT ||
	    !take_number(&rest, (uint64_t)s.day, &s.last_send) ||
	    rest.p != NULL || (n > N_UNIT && s.last_send == 0))
		return GP_NONE;
	s.n = (double)n / N_UNIT;
	*out = s;
	return GP_OK;
}
