/* See store_double.h. */
#include "support/store_double.h"

#include "base/xalloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MOST 4096

struct store_double {
	unsigned fronts;
	pthread_mutex_t lock;
	struct gp_store_backend mem;
	enum store_double_mood mood;
	unsigned skip;
	unsigned restarts;
	char calls[CALLS_MOST + 1];
	size_t n;
	char during; /* the letter of the call; '\0': none */
	void (*fn)(void *arg);
	void *arg;
};

_Atomic int64_t store_double_now_ms;

int64_t
store_double_clock_ms(void)
{
	return atomic_load(&store_double_now_ms);
}

/* The mood for a call, which is written down. */
static enum store_double_mood
mood_for(struct store_double *d, char letter)
{
	enum store_double_mood mood = d->mood;

	if (d->skip > 0) {
		d->skip--;
		mood = STORE_ANSWERS;
	}
	if (mood != STORE_ANSWERS)
		letter = (char)(letter - 'a' + 'A');
	if (d->n < CALLS_MOST)
		d->calls[d->n++] = letter;
	return mood;
}

static void
interrupt(struct store_double *d, char letter)
{
	void (*fn)(void *arg) = NULL;

	pthread_mutex_lock(&d->lock);
	if (d->during == letter)
		fn = d->fn;
	if (fn != NULL)
		d->during = '\0';
	pthread_mutex_unlock(&d->lock);
	if (fn != NULL)
		fn(d->arg);
}

static enum gp_rc
double_apply(void *self, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	static const char letters[] = {
		[GP_STORE_CHARGE] = 'c',
		[GP_STORE_PEEK] = 'p',
		[GP_STORE_REFUND] = 'r',
		[GP_STORE_DEBIT] = 'd',
	};
	struct store_double *d = self;
	enum store_double_mood mood;
	enum gp_rc rc = GP_TEMP;

	interrupt(d, letters[how]);
	pthread_mutex_lock(&d->lock);
	mood = mood_for(d, letters[how]);
	if (mood != STORE_REFUSES)
		rc = d->mem.ops->apply(d->mem.self, how, now_ms, charges, n,
		    out);
	if (mood == STORE_HANGS && how != GP_STORE_REFUND && out != NULL)
		memset(out, 0, n * sizeof(*out));
	pthread_mutex_unlock(&d->lock);
	return mood == STORE_ANSWERS ? rc : GP_TEMP;
}

static enum gp_rc
double_put(void *self, int64_t now_ms, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	struct store_double *d = self;
	enum gp_rc rc = GP_TEMP;

	pthread_mutex_lock(&d->lock);
	if (mood_for(d, 'n') == STORE_ANSWERS)
		rc = d->mem.ops->put(d->mem.self, now_ms, key, value, keep_ms);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static enum gp_rc
double_get(void *self, int64_t now_ms, struct gp_str key,
    struct gp_arena *arena, struct gp_str *value)
{
	struct store_double *d = self;
	enum gp_rc rc = GP_TEMP;

	pthread_mutex_lock(&d->lock);
	if (mood_for(d, 'g') == STORE_ANSWERS)
		rc = d->mem.ops->get(d->mem.self, now_ms, key, arena, value);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static enum gp_rc
double_walk(void *self, int64_t now_ms, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	struct store_double *d = self;
	enum gp_rc rc = GP_TEMP;

	pthread_mutex_lock(&d->lock);
	if (mood_for(d, 'w') == STORE_ANSWERS)
		rc = d->mem.ops->walk(d->mem.self, now_ms, prefix, most, fn,
		    arg);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static unsigned
double_restarts(void *self)
{
	struct store_double *d = self;
	unsigned n;

	pthread_mutex_lock(&d->lock);
	n = d->restarts;
	pthread_mutex_unlock(&d->lock);
	return n;
}

static void
double_close(void *self)
{
	struct store_double *d = self;

	if (--d->fronts > 0)
		return;
	d->mem.ops->close(d->mem.self);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void
store_double_share(struct store_double *d, struct gp_store_backend *front)
{
	static const struct gp_store_ops ops = {
		.name = "double",
		.apply = double_apply,
		.put = double_put,
		.get = double_get,
		.walk = double_walk,
		.restarts = double_restarts,
		.close = double_close,
	};

	d->fronts++;
	front->ops = &ops;
	front->self = d;
}

struct store_double *
store_double_new(struct gp_store_backend *front)
{
	struct store_double *d = gp_xcalloc(1, sizeof(*d));

	pthread_mutex_init(&d->lock, NULL);
	d->mem = gp_store_mem_open(INT64_C(64) << 20);
	store_double_share(d, front);
	return d;
}

void
store_double_mood(struct store_double *d, enum store_double_mood mood,
    unsigned skip)
{
	pthread_mutex_lock(&d->lock);
	d->mood = mood;
	d->skip = skip;
	pthread_mutex_unlock(&d->lock);
}

void
store_double_during(struct store_double *d, char letter, void (*fn)(void *arg),
    void *arg)
{
	d->during = letter;
	d->fn = fn;
	d->arg = arg;
}

void
store_double_forget(struct store_double *d)
{
	pthread_mutex_lock(&d->lock);
	d->mem.ops->close(d->mem.self);
	d->mem = gp_store_mem_open(INT64_C(64) << 20);
	d->restarts++;
	pthread_mutex_unlock(&d->lock);
}

const char *
store_double_calls(const struct store_double *d)
{
	return d->calls;
}

void
store_double_clear_calls(struct store_double *d)
{
	memset(d->calls, 0, sizeof(d->calls));
	d->n = 0;
}

double
store_double_level(struct store_double *d, const struct gp_charge *c)
{
	struct gp_charge peek = *c;
	struct gp_charged out;

	peek.mark = (struct gp_str){ 0 };
	peek.watch = true;
	if (d->mem.ops->apply(d->mem.self, GP_STORE_PEEK,
		store_double_clock_ms(), &peek, 1, &out) != GP_OK)
		return -1;
	return out.fits ? out.level - peek.cost : out.level;
}
