/* See store_step.h. */
#include "io/store_step.h"

#include "base/time.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

/* -- each key once ---------------------------------------------------------
 */

/* What a charge wants a cell for. */
struct want {
	enum gp_store_kind kind;
	struct gp_str key;
	struct gp_store_cell **slot;
};

static int
compare_wants(const void *left, const void *right)
{
	const struct want *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->key.n != b->key.n)
		return a->key.n < b->key.n ? -1 : 1;
	return memcmp(a->key.p, b->key.p, a->key.n);
}

static struct gp_store_cell *
add_cell(struct gp_store_cells *c, const struct want *w)
{
	struct gp_store_cell *cell = &c->cell[c->n++];

	*cell = (struct gp_store_cell){ .kind = w->kind, .key = w->key };
	return cell;
}

static void
assign_few(struct gp_store_cells *c, const struct want *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < c->n && (c->cell[k].kind != want[i].kind ||
				       !gp_str_eq(c->cell[k].key, want[i].key)))
			k++;
		*want[i].slot = k < c->n ? &c->cell[k] : add_cell(c, &want[i]);
	}
}

static void
assign_many(struct gp_store_cells *c, struct want *want, size_t n)
{
	qsort(want, n, sizeof(*want), compare_wants);
	for (size_t i = 0; i < n; i++)
		*want[i].slot =
		    i > 0 && compare_wants(&want[i - 1], &want[i]) == 0
			? *want[i - 1].slot
			: add_cell(c, &want[i]);
}

void
gp_store_cells_init(struct gp_store_cells *c, const struct gp_charge *charges,
    size_t n)
{
	const bool few = n <= GP_STORE_CELLS_FEW;
	struct want few_wants[2 * GP_STORE_CELLS_FEW];
	struct want *want = few ? few_wants : gp_xcalloc(2 * n, sizeof(*want));
	size_t wants = 0;

	c->cell = few ? c->few : gp_xcalloc(2 * n, sizeof(*c->cell));
	c->slot = few ? c->few_slots : gp_xcalloc(n, sizeof(*c->slot));
	c->n = 0;
	c->charges = n;
	for (size_t i = 0; i < n; i++) {
		c->slot[i].mark = NULL;
		want[wants++] = (struct want){ GP_STORE_METER, charges[i].key,
			&c->slot[i].meter };
		if (charges[i].mark.n > 0)
			want[wants++] = (struct want){ GP_STORE_MARK,
				charges[i].mark, &c->slot[i].mark };
	}
	if (few)
		assign_few(c, want, wants);
	else
		assign_many(c, want, wants);
	if (!few)
		free(want);
}

void
gp_store_cells_clear(struct gp_store_cells *c)
{
	if (c->charges <= GP_STORE_CELLS_FEW)
		return;
	free(c->cell);
	free(c->slot);
}

/* -- the step --------------------------------------------------------------
 */

static void
forget_old(struct gp_store_cells *c, int64_t now_ms)
{
	for (size_t i = 0; i < c->n; i++) {
		struct gp_store_cell *cell = &c->cell[i];

		cell->dirty = false;
		if (cell->until_ms > now_ms)
			continue;
		cell->until_ms = 0;
		cell->meter = (struct gp_meter){ 0 };
	}
}

/* Callers read the clock before they wait for the lock: one that comes late
 * must not set the meter back, or the next would drain it twice. */
static void
drain(struct gp_store_cell *meter, const struct gp_charge *charge,
    int64_t now_ms)
{
	const int64_t late_ms = gp_time_sub(meter->meter.at_ms, now_ms);

	if (late_ms > 0 && late_ms <= GP_STORE_LATE_MS)
		return;
	gp_meter_drain(&meter->meter, &charge->rule, now_ms);
}

static void
used(struct gp_store_cell *meter, const struct gp_charge *charge,
    int64_t now_ms)
{
	meter->until_ms = gp_time_add(now_ms, charge->keep_ms);
	meter->empty_ms =
	    gp_time_add(now_ms, gp_meter_rest_ms(&meter->meter, &charge->rule));
	meter->dirty = true;
}

static void
set_mark(struct gp_store_cell *mark, int64_t until_ms)
{
	mark->until_ms = until_ms;
	mark->dirty = true;
}

/* Is it kept?  One that is kept for longer than a mark can be was set before
 * the clock went back. */
static bool
is_marked(struct gp_store_cell *mark, const struct gp_charge *charge,
    int64_t now_ms)
{
	const int64_t latest = gp_time_add(now_ms, charge->mark_ms);

	if (mark == NULL || mark->until_ms <= now_ms)
		return false;
	if (mark->until_ms > latest)
		set_mark(mark, latest);
	return true;
}

static struct gp_charged
charge_one(struct gp_store_slot *slot, const struct gp_charge *charge,
    int64_t now_ms)
{
	struct gp_meter *m = &slot->meter->meter;
	struct gp_charged done = { .fits = true };

	drain(slot->meter, charge, now_ms);
	done.free = is_marked(slot->mark, charge, now_ms);
	if (!done.free)
		done.fits = gp_meter_admits(m, &charge->rule, charge->cost);
	if (!done.fits)
		done.wait_ms = gp_meter_wait_ms(m, &charge->rule, charge->cost);
	if (done.fits && !done.free) {
		gp_meter_commit(m, charge->cost);
		used(slot->meter, charge, now_ms);
		if (slot->mark != NULL)
			set_mark(slot->mark,
			    gp_time_add(now_ms, charge->mark_ms));
	}
	done.level = m->level;
	return done;
}

static void
refund_one(struct gp_store_slot *slot, const struct gp_charge *charge,
    int64_t now_ms)
{
	struct gp_store_cell *meter = slot->meter;

	if (slot->mark != NULL)
		set_mark(slot->mark, 0);
	if (meter->until_ms == 0)
		return;
	drain(meter, charge, now_ms);
	gp_meter_refund(&meter->meter, charge->cost);
	used(meter, charge, now_ms);
}

static void
debit_one(struct gp_store_slot *slot, const struct gp_charge *charge,
    int64_t now_ms)
{
	struct gp_store_cell *meter = slot->meter;
	double missing;

	drain(meter, charge, now_ms);
	missing = charge->least - meter->meter.level;
	gp_meter_debit(&meter->meter, &charge->rule,
	    charge->cost + (missing > 0 ? missing : 0));
	used(meter, charge, now_ms);
}

static enum gp_rc
charge_all(struct gp_store_cells *c, int64_t now_ms,
    const struct gp_charge *charges, struct gp_charged *out)
{
	enum gp_rc rc = GP_OK;

	for (size_t i = 0; i < c->charges; i++) {
		out[i] = charge_one(&c->slot[i], &charges[i], now_ms);
		if (!out[i].fits && !charges[i].watch)
			rc = GP_NONE;
	}
	return rc;
}

enum gp_rc
gp_store_step(struct gp_store_cells *c, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, struct gp_charged *out)
{
	enum gp_rc rc = GP_OK;

	forget_old(c, now_ms);
	if (how == GP_STORE_CHARGE || how == GP_STORE_PEEK)
		rc = charge_all(c, now_ms, charges, out);
	for (size_t i = 0; how == GP_STORE_REFUND && i < c->charges; i++)
		if (out[i].fits && !out[i].free)
			refund_one(&c->slot[i], &charges[i], now_ms);
	for (size_t i = 0; how == GP_STORE_DEBIT && i < c->charges; i++)
		debit_one(&c->slot[i], &charges[i], now_ms);
	if (rc == GP_OK && how != GP_STORE_PEEK)
		return GP_OK;
	for (size_t i = 0; i < c->n; i++)
		c->cell[i].dirty = false;
	return rc;
}
