/* See store.h. */
#include "io/store.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/store_backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct gp_store {
	unsigned refs;
	struct gp_store_backend main;
};

static enum gp_rc
open_main(const struct gp_store_options *o, struct gp_store_backend *out,
    struct gp_err *err)
{
	if (strcmp(o->where, "mem") == 0) {
		*out = gp_store_mem_open(o->max_bytes);
		return GP_OK;
	}
	if (strcmp(o->where, "lmdb") == 0)
		return gp_store_lmdb_open(o->directory, o->max_bytes, out, err);
	if (strncmp(o->where, "redis", 5) == 0)
		return gp_store_redis_open(o->where, o->password_file,
		    o->timeout_ms, out, err);
	return gp_fail(err, GP_PERM,
	    "store: not \"mem\", \"lmdb\" or \"redis://...\"");
}

enum gp_rc
gp_store_open(const struct gp_store_options *options, struct gp_store **out,
    struct gp_err *err)
{
	struct gp_store_backend main;
	enum gp_rc rc = open_main(options, &main, err);

	*out = NULL;
	if (rc != GP_OK)
		return rc;
	*out = gp_xcalloc(1, sizeof(**out));
	(*out)->refs = 1;
	(*out)->main = main;
	return GP_OK;
}

struct gp_store *
gp_store_ref(struct gp_store *s)
{
	(void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
gp_store_unref(struct gp_store *s)
{
	if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	s->main.ops->close(s->main.self);
	free(s);
}

void
gp_store_sync(struct gp_store *s)
{
	if (s->main.ops->sync != NULL)
		s->main.ops->sync(s->main.self);
}

static enum gp_rc
apply(struct gp_store *s, enum gp_store_how how,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	assert(n > 0 && n <= GP_CHARGES_MAX);
	return s->main.ops->apply(s->main.self, how, gp_clock_boot_ms(),
	    charges, n, out);
}

enum gp_rc
gp_store_charge(struct gp_store *s, const struct gp_charge *charges, size_t n,
    struct gp_charged *out)
{
	return apply(s, GP_STORE_CHARGE, charges, n, out);
}

enum gp_rc
gp_store_peek(struct gp_store *s, const struct gp_charge *charges, size_t n,
    struct gp_charged *out)
{
	return apply(s, GP_STORE_PEEK, charges, n, out);
}

void
gp_store_refund(struct gp_store *s, const struct gp_charge *charges, size_t n,
    const struct gp_charged *made)
{
	struct gp_charged *out = gp_xcalloc(n, sizeof(*out));

	memcpy(out, made, n * sizeof(*out));
	(void)apply(s, GP_STORE_REFUND, charges, n, out);
	free(out);
}

void
gp_store_put(struct gp_store *s, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	assert(value.n <= GP_STORE_NOTE_MAX);
	(void)s->main.ops->put(s->main.self, gp_clock_boot_ms(), key, value,
	    keep_ms);
}

enum gp_rc
gp_store_get(struct gp_store *s, struct gp_str key, struct gp_arena *arena,
    struct gp_str *value)
{
	return s->main.ops->get(s->main.self, gp_clock_boot_ms(), key, arena,
	    value);
}

enum gp_rc
gp_store_walk(struct gp_store *s, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	return s->main.ops->walk(s->main.self, gp_clock_boot_ms(), prefix, most,
	    fn, arg);
}

void
gp_store_describe(struct gp_store *s, struct gp_buf *out)
{
	gp_buf_addf(out, "store %s\nstate up\n", s->main.ops->name);
	if (s->main.ops->describe != NULL)
		s->main.ops->describe(s->main.self, out);
}
