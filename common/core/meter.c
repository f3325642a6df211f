/* See meter.h. */
#include "core/meter.h"

/* At and above this a double is no int64_t: 2^63. */
#define INT64_END 0x1p63

/* Of capacity that is left however small the factor. */
#define FACTOR_FLOOR 0.1

#define DEBIT_SECONDS 600

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* Tokens a second. */
static double
speed_of(const struct gp_meter_rule *rule)
{
	return rule->rate * rule->factor;
}

static double
room_of(const struct gp_meter_rule *rule)
{
	return larger(1,
	    rule->capacity * rule->share * larger(rule->factor, FACTOR_FLOOR));
}

static double
drained(const struct gp_meter *m, const struct gp_meter_rule *rule, double ms)
{
	return larger(0, m->level - speed_of(rule) * (ms / 1000));
}

void
gp_meter_drain(struct gp_meter *m, const struct gp_meter_rule *rule,
    int64_t now_ms)
{
	if (now_ms > m->at_ms) {
		/* the difference may be larger than an int64_t */
		uint64_t ms = (uint64_t)now_ms - (uint64_t)m->at_ms;

		m->level = drained(m, rule, (double)ms);
	}
	m->at_ms = now_ms;
}

static bool
fits(double level, const struct gp_meter_rule *rule, double q)
{
	return level <= 0 || level + q <= room_of(rule);
}

bool
gp_meter_admits(const struct gp_meter *m, const struct gp_meter_rule *rule,
    double q)
{
	return fits(m->level, rule, q);
}

static double
raised(double level, double q)
{
	return level + q < GP_METER_LEVEL_MAX ? level + q : GP_METER_LEVEL_MAX;
}

void
gp_meter_commit(struct gp_meter *m, double q)
{
	m->level = raised(m->level, q);
}

void
gp_meter_refund(struct gp_meter *m, double q)
{
	m->level = larger(0, m->level - q);
}

/* Who is in a larger debt already stays there. */
void
gp_meter_debit(struct gp_meter *m, const struct gp_meter_rule *rule, double q)
{
	double bound = rule->capacity + DEBIT_SECONDS * speed_of(rule);
	double level = raised(m->level, q);

	m->level = level <= bound ? level : larger(m->level, bound);
}

/* Milliseconds until `tokens` have drained, rounded up. */
static int64_t
time_of(const struct gp_meter_rule *rule, double tokens)
{
	double ms = tokens / speed_of(rule) * 1000;

	if (!(ms < INT64_END))
		return GP_METER_NEVER;
	return (int64_t)ms + ((double)(int64_t)ms < ms ? 1 : 0);
}

/* Division and multiplication round differently: the promise is that of the
 * one who will be asked, which is drain. */
static int64_t
until(const struct gp_meter *m, const struct gp_meter_rule *rule, double q,
    int64_t ms)
{
	int64_t step = 1;

	while (ms < GP_METER_NEVER - step &&
	       !fits(drained(m, rule, (double)ms), rule, q)) {
		ms += step;
		step *= 2;
	}
	return ms;
}

int64_t
gp_meter_wait_ms(const struct gp_meter *m, const struct gp_meter_rule *rule,
    double q)
{
	double surplus = m->level + q - room_of(rule);

	if (gp_meter_admits(m, rule, q))
		return 0;
	if (speed_of(rule) <= 0)
		return GP_METER_NEVER;
	/* what is larger than the room waits for an empty meter, no longer */
	return until(m, rule, q,
	    time_of(rule, surplus < m->level ? surplus : m->level));
}

int64_t
gp_meter_rest_ms(const struct gp_meter *m, const struct gp_meter_rule *rule)
{
	if (m->level <= 0)
		return 0;
	return speed_of(rule) > 0 ? time_of(rule, m->level) : GP_METER_NEVER;
}
