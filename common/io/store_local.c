/* See store_local.h. */
#include "io/store_local.h"

#include "base/siphash.h"
#include "base/time.h"
#include "base/xalloc.h"
#include "io/random.h"
#include "io/store_step.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384 /* a power of two */

/* Meters that are settled in one call. */
#define BATCH 256

/* Calls in one settlement: where others go on charging, it ends. */
#define BATCHES_MOST 300

/* What the store knows less by this part of the capacity is no loss: its clock
 * is another. */
#define LOSS_LEAST 0.01

/* A meter or a mark. */
struct place {
	struct place *next; /* in its bucket */
	struct place *newer, *older;
	uint64_t hash;
	int64_t until_ms; /* of a mark */
	/* of a meter: */
	struct gp_meter_rule rule;
	int64_t keep_ms;
	struct gp_meter heard; /* the store's */
	struct gp_meter here;  /* where it is owing: ours */
	unsigned changes;      /* of `here` */
	unsigned doubt;        /* when `heard` was last true */
	bool owing;
	uint8_t kind;
	uint8_t key_n;
	char key[];
};

struct list {
	struct place *newest, *oldest;
};

struct gp_store_local {
	unsigned peers;
	uint64_t seed[2];
	pthread_mutex_t lock; /* of what follows */
	struct place *bucket[BUCKETS];
	struct list heard, owing;
	size_t n, owed, lost;
	unsigned doubt;
};

/* -- the table -------------------------------------------------------------
 */

static struct list *
list_of(struct gp_store_local *l, const struct place *p)
{
	return p->owing ? &l->owing : &l->heard;
}

static void
list_remove(struct list *list, struct place *p)
{
	*(p->newer != NULL ? &p->newer->older : &list->newest) = p->older;
	*(p->older != NULL ? &p->older->newer : &list->oldest) = p->newer;
}

static void
list_add(struct list *list, struct place *p)
{
	p->newer = NULL;
	p->older = list->newest;
	*(list->newest != NULL ? &list->newest->newer : &list->oldest) = p;
	list->newest = p;
}

static struct place *
find(struct gp_store_local *l, enum gp_store_kind kind, struct gp_str key)
{
	const uint64_t hash = gp_siphash(l->seed, key.p, key.n) ^ kind;
	struct place *p = l->bucket[hash % BUCKETS];

	while (p != NULL && (p->hash != hash || p->kind != kind ||
				!gp_str_eq(gp_str_n(p->key, p->key_n), key)))
		p = p->next;
	return p;
}

static void
forget(struct gp_store_local *l, struct place *p)
{
	struct place **link = &l->bucket[p->hash % BUCKETS];

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	list_remove(list_of(l, p), p);
	l->n--;
	l->owed -= p->owing;
	free(p);
}

/* find, or a new one; it is the last to be forgotten then. */
static struct place *
place_of(struct gp_store_local *l, enum gp_store_kind kind, struct gp_str key)
{
	struct place *p = find(l, kind, key);

	if (p != NULL) {
		list_remove(list_of(l, p), p);
		list_add(list_of(l, p), p);
		return p;
	}
	if (l->n == GP_STORE_LOCAL_MOST) {
		l->lost += l->heard.oldest == NULL;
		forget(l, l->heard.oldest != NULL ? l->heard.oldest
						  : l->owing.oldest);
	}
	p = gp_xcalloc(1, sizeof(*p) + key.n);
	p->hash = gp_siphash(l->seed, key.p, key.n) ^ kind;
	p->kind = (uint8_t)kind;
	p->key_n = (uint8_t)key.n;
	memcpy(p->key, key.p, key.n);
	p->doubt = l->doubt;
	p->next = l->bucket[p->hash % BUCKETS];
	l->bucket[p->hash % BUCKETS] = p;
	list_add(&l->heard, p);
	l->n++;
	return p;
}

static void
set_owing(struct gp_store_local *l, struct place *p, bool owing)
{
	if (p->owing == owing)
		return;
	list_remove(list_of(l, p), p);
	p->owing = owing;
	list_add(list_of(l, p), p);
	l->owed = owing ? l->owed + 1 : l->owed - 1;
}

/* -- one relay's share -----------------------------------------------------
 */

static struct gp_meter_rule
share_of_rule(const struct gp_store_local *l, const struct gp_meter_rule *rule)
{
	struct gp_meter_rule part = *rule;

	part.capacity = rule->capacity / l->peers;
	if (part.capacity < 1)
		part.capacity = 1;
	part.rate = rule->rate / l->peers;
	return part;
}

static struct gp_meter
share_of_meter(const struct gp_store_local *l, const struct gp_meter *m)
{
	return (struct gp_meter){ m->level / l->peers, m->at_ms };
}

/* -- what the store says ---------------------------------------------------
 */

static double
level_at(struct gp_meter m, const struct gp_meter_rule *rule, int64_t now_ms)
{
	if (m.at_ms < now_ms)
		gp_meter_drain(&m, rule, now_ms);
	return m.level;
}

/* An answer may be overtaken by a later one on its way here: less than is known
 * is old, unless the store has forgotten. */
static void
hear(struct gp_store_local *l, int64_t now_ms, const struct gp_charge *charge,
    double level)
{
	struct place *p = place_of(l, GP_STORE_METER, charge->key);

	if (p->owing)
		return;
	p->rule = charge->rule;
	p->keep_ms = charge->keep_ms;
	if (p->doubt == l->doubt &&
	    level_at(p->heard, &p->rule, now_ms) > level)
		return;
	p->heard = (struct gp_meter){ level, now_ms };
	p->doubt = l->doubt;
}

void
gp_store_local_heard(struct gp_store_local *l, int64_t now_ms,
    const struct gp_charge *charges, size_t n, const struct gp_charged *out,
    enum gp_rc rc)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++)
		if (rc == GP_OK || !out[i].fits) /* else it was not made */
			hear(l, now_ms, &charges[i], out[i].level);
	pthread_mutex_unlock(&l->lock);
}

void
gp_store_local_refunded(struct gp_store_local *l,
    const struct gp_charge *charges, size_t n, const struct gp_charged *made)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++) {
		struct place *p = made[i].fits && !made[i].free
		                      ? find(l, GP_STORE_METER, charges[i].key)
		                      : NULL;

		if (p != NULL && !p->owing)
			gp_meter_refund(&p->heard, charges[i].cost);
	}
	pthread_mutex_unlock(&l->lock);
}

/* -- in the store's place --------------------------------------------------
 */

static void
fetch(struct gp_store_local *l, struct gp_store_cell *cell)
{
	const struct place *p = find(l, cell->kind, cell->key);

	if (p == NULL)
		return;
	cell->until_ms = p->until_ms;
	if (cell->kind == GP_STORE_MARK)
		return;
	/* the bound of the table is enough: none is too old */
	cell->until_ms = INT64_MAX;
	cell->meter = p->owing ? p->here : share_of_meter(l, &p->heard);
}

static void
write_cell(struct gp_store_local *l, const struct gp_store_cell *cell)
{
	struct place *p = place_of(l, cell->kind, cell->key);

	p->until_ms = cell->until_ms;
	if (cell->kind == GP_STORE_MARK)
		return;
	p->here = cell->meter;
	p->changes++;
	set_owing(l, p, true);
}

static void
set_rule(struct gp_store_local *l, const struct gp_charge *charge)
{
	struct place *p = find(l, GP_STORE_METER, charge->key);

	if (p == NULL)
		return;
	p->rule = charge->rule;
	p->keep_ms = charge->keep_ms;
}

enum gp_rc
gp_store_local_apply(struct gp_store_local *l, enum gp_store_how how,
    int64_t now_ms, const struct gp_charge *charges, size_t n,
    struct gp_charged *out)
{
	struct gp_charge *part = gp_xcalloc(n, sizeof(*part));
	struct gp_store_cells cells;
	enum gp_rc rc;

	for (size_t i = 0; i < n; i++) {
		part[i] = charges[i];
		part[i].rule = share_of_rule(l, &charges[i].rule);
	}
	gp_store_cells_init(&cells, part, n);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < cells.n; i++)
		fetch(l, &cells.cell[i]);
	rc = gp_store_step(&cells, how, now_ms, part, out);
	for (size_t i = 0; i < cells.n; i++)
		if (cells.cell[i].dirty)
			write_cell(l, &cells.cell[i]);
	for (size_t i = 0; i < n; i++)
		set_rule(l, &charges[i]);
	pthread_mutex_unlock(&l->lock);
	gp_store_cells_clear(&cells);
	free(part);
	return rc;
}

/* -- settling --------------------------------------------------------------
 */

/* What one meter owes, and what the store said to it. */
struct debt {
	char key[GP_CHARGE_KEY_MAX];
	struct gp_charge charge;
	double heard; /* now, by what was heard */
	double here;  /* now, in this process */
	double own;   /* of `here`, what is no share of `heard` */
	double level; /* in the store */
	bool doubted; /* it may have forgotten what was heard */
	unsigned changes;
};

struct bill {
	struct debt debt[BATCH];
	struct gp_charge charge[BATCH]; /* of one call */
	struct gp_charged out[BATCH];
	size_t n;
};

static void
add_debt(struct gp_store_local *l, struct bill *b, const struct place *p,
    int64_t now_ms)
{
	const struct gp_meter_rule part = share_of_rule(l, &p->rule);
	struct debt *d = &b->debt[b->n++];

	memcpy(d->key, p->key, p->key_n);
	d->charge = (struct gp_charge){ .key = gp_str_n(d->key, p->key_n),
		.rule = p->rule,
		.cost = 1,
		.watch = true,
		.keep_ms = p->keep_ms };
	d->heard = level_at(p->heard, &p->rule, now_ms);
	d->here =
	    p->owing ? level_at(p->here, &part, now_ms) : d->heard / l->peers;
	d->own = d->here - d->heard / l->peers;
	d->doubted = p->doubt != l->doubt;
	d->changes = p->changes;
}

/* What the store has forgotten of what it had; 0: nothing. */
static double
forgotten(const struct debt *d)
{
	const double missing = d->doubted ? d->heard - d->level : 0;

	return missing > LOSS_LEAST * d->charge.rule.capacity ? missing : 0;
}

static enum gp_rc
ask_levels(struct bill *b, const struct gp_store_backend *store, int64_t now_ms)
{
	enum gp_rc rc;

	for (size_t i = 0; i < b->n; i++)
		b->charge[i] = b->debt[i].charge;
	rc = store->ops->apply(store->self, GP_STORE_PEEK, now_ms, b->charge,
	    b->n, b->out);
	for (size_t i = 0; rc != GP_TEMP && i < b->n; i++)
		b->debt[i].level =
		    b->out[i].fits ? b->out[i].level - 1 : b->out[i].level;
	return rc;
}

/*
 * The debts with that sign, in one call.  Of what was forgotten the store is
 * told the level and not the difference: another relay may tell it the same at
 * the same time.
 */
static enum gp_rc
pay(struct bill *b, const struct gp_store_backend *store, int64_t now_ms,
    enum gp_store_how how)
{
	const double sign = how == GP_STORE_DEBIT ? 1 : -1;
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct debt *d = &b->debt[i];
		const double cost = sign * d->own;
		const bool tells = how == GP_STORE_DEBIT && forgotten(d) > 0;

		if (cost < 1e-6 && !tells)
			continue;
		b->out[n] = (struct gp_charged){ .fits = true };
		b->charge[n] = d->charge;
		b->charge[n].cost = cost < 0 ? 0 : cost;
		b->charge[n++].least = tells ? d->heard : 0;
	}
	return n == 0 ? GP_OK
	              : store->ops->apply(store->self, how, now_ms, b->charge,
			    n, b->out);
}

static void
settled(struct gp_store_local *l, const struct debt *d, int64_t now_ms)
{
	struct place *p = find(l, GP_STORE_METER, d->charge.key);
	double level = d->level + forgotten(d) + d->own;

	if (p == NULL)
		return;
	if (level < 0)
		level = 0;
	p->heard = (struct gp_meter){ level, now_ms };
	p->doubt = l->doubt;
	if (p->changes == d->changes) {
		set_owing(l, p, false);
		return;
	}
	/* charged again since: that much it still owes */
	p->here.level += level / l->peers - d->here;
	if (p->here.level < 0)
		p->here.level = 0;
}

static enum gp_rc
settle(struct gp_store_local *l, struct bill *b,
    const struct gp_store_backend *store, int64_t now_ms)
{
	enum gp_rc rc = ask_levels(b, store, now_ms);

	if (rc != GP_TEMP)
		rc = pay(b, store, now_ms, GP_STORE_DEBIT);
	if (rc == GP_TEMP)
		return rc;
	rc = pay(b, store, now_ms, GP_STORE_REFUND);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < b->n; i++)
		settled(l, &b->debt[i], now_ms);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

enum gp_rc
gp_store_local_settle(struct gp_store_local *l,
    const struct gp_store_backend *store, int64_t now_ms)
{
	struct bill *b = gp_xcalloc(1, sizeof(*b));
	enum gp_rc rc = GP_OK;

	for (int i = 0; i < BATCHES_MOST && rc == GP_OK; i++) {
		const struct place *p;

		b->n = 0;
		pthread_mutex_lock(&l->lock);
		for (p = l->owing.oldest; p != NULL && b->n < BATCH;
		     p = p->newer)
			add_debt(l, b, p, now_ms);
		pthread_mutex_unlock(&l->lock);
		if (b->n == 0)
			break;
		rc = settle(l, b, store, now_ms);
	}
	free(b);
	return rc;
}

/* -- doubts ----------------------------------------------------------------
 */

void
gp_store_local_doubt(struct gp_store_local *l)
{
	pthread_mutex_lock(&l->lock);
	l->doubt++;
	pthread_mutex_unlock(&l->lock);
}

static void
add_doubt(struct gp_store_local *l, struct bill **b, struct place *p,
    int64_t now_ms)
{
	if (p == NULL || p->owing || p->doubt == l->doubt)
		return;
	if (*b == NULL)
		*b = gp_xcalloc(1, sizeof(**b));
	if ((*b)->n == BATCH)
		return;
	add_debt(l, *b, p, now_ms);
	p->doubt = l->doubt; /* no other thread has to ask */
}

enum gp_rc
gp_store_local_remind(struct gp_store_local *l,
    const struct gp_store_backend *store, int64_t now_ms,
    const struct gp_charge *charges, size_t n)
{
	struct bill *b = NULL;
	enum gp_rc rc;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; l->doubt > 0 && i < n; i++)
		add_doubt(l, &b, find(l, GP_STORE_METER, charges[i].key),
		    now_ms);
	pthread_mutex_unlock(&l->lock);
	if (b == NULL)
		return GP_OK;
	rc = settle(l, b, store, now_ms);
	free(b);
	if (rc == GP_TEMP)
		gp_store_local_doubt(l);
	return rc;
}

/* -- the whole -------------------------------------------------------------
 */

size_t
gp_store_local_owed(struct gp_store_local *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->owed;
	pthread_mutex_unlock(&l->lock);
	return n;
}

size_t
gp_store_local_lost(struct gp_store_local *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->lost;
	pthread_mutex_unlock(&l->lock);
	return n;
}

struct gp_store_local *
gp_store_local_new(unsigned peers)
{
	struct gp_store_local *l = gp_xcalloc(1, sizeof(*l));

	if (gp_random_bytes((uint8_t *)l->seed, sizeof(l->seed)) != GP_OK)
		abort();
	pthread_mutex_init(&l->lock, NULL);
	l->peers = peers == 0 ? 1 : peers;
	return l;
}

static void
free_list(const struct list *list)
{
	struct place *p = list->oldest, *newer;

	for (; p != NULL; p = newer) {
		newer = p->newer;
		free(p);
	}
}

void
gp_store_local_free(struct gp_store_local *l)
{
	if (l == NULL)
		return;
	free_list(&l->heard);
	free_list(&l->owing);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
