/* See dmarc_records.h. */
#include "mta/dmarc_records.h"

#include "base/buf.h"
#include "base/time.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/record_store.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RETRY_US (60 * GP_US_PER_S)

/* Labels of GP_M_DMARC_RECORDS. */
enum { KEPT, REFUSED, UNAVAILABLE };

struct gp_dmarc_records {
	atomic_uint refs;
	char *dir;
	struct gp_metrics *metrics;
	/* set once; NULL: it is not open */
	_Atomic(struct gp_record_store *) store;

	pthread_mutex_t opening; /* of what follows */
	int64_t retry_us;        /* not before */
	bool failed;             /* and the log knows */
};

static struct gp_dmarc_records *
records_new(const struct gp_opening *with)
{
	struct gp_dmarc_records *r = gp_xcalloc(1, sizeof(*r));
	struct gp_buf dir;

	gp_buf_init(&dir, PATH_MAX);
	gp_buf_addf(&dir, "%s/" GP_DMARC_RECORDS_DIR, with->state_dir);
	r->dir = gp_xstrdup(gp_buf_cstr(&dir));
	gp_buf_clear(&dir);
	r->metrics = with->metrics;
	atomic_init(&r->refs, 1);
	atomic_init(&r->store, NULL);
	(void)pthread_mutex_init(&r->opening, NULL);
	return r;
}

/* r->opening is held. */
static void
try_open(struct gp_dmarc_records *r, const struct gp_dmarc_checking *how)
{
	struct gp_record_store *store;
	struct gp_err err = { .msg = "" };

	if (gp_record_store_open(r->dir, how->record_bytes,
		how->record_age_ms / 1000, &store, &err) == GP_OK) {
		atomic_store(&r->store, store);
		if (r->failed)
			gp_log(GP_LOG_INFO, "records: kept again");
		r->failed = false;
		return;
	}
	if (!r->failed)
		gp_log(GP_LOG_WARNING,
		    "records: %s; none are kept, which is tried again every"
		    " minute",
		    err.msg);
	r->failed = true;
	r->retry_us = gp_time_add(gp_clock_us(), RETRY_US);
}

/* With the bounds of this policy. */
static void
open_for(struct gp_dmarc_records *r, const struct gp_dmarc_checking *how)
{
	struct gp_record_store *store;

	(void)pthread_mutex_lock(&r->opening);
	store = atomic_load(&r->store);
	if (store == NULL)
		try_open(r, how);
	else
		gp_record_store_limit(store, how->record_bytes,
		    how->record_age_ms / 1000);
	(void)pthread_mutex_unlock(&r->opening);
}

struct gp_dmarc_records *
gp_dmarc_records_open(const struct gp_opening *with,
    struct gp_dmarc_records *old)
{
	const struct gp_dmarc_checking *how =
	    &gp_config_globals(with->config)->dmarc;
	struct gp_dmarc_records *r = old;

	if (with->state_dir == NULL)
		return NULL;
	if (r == NULL)
		r = records_new(with);
	else
		atomic_fetch_add(&r->refs, 1);
	if (how->records)
		open_for(r, how);
	return r;
}

void
gp_dmarc_records_close(struct gp_dmarc_records *r)
{
	if (r == NULL || atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	gp_record_store_close(atomic_load(&r->store));
	(void)pthread_mutex_destroy(&r->opening);
	free(r->dir);
	free(r);
}

/* The store; NULL: not now. */
static struct gp_record_store *
find_store(struct gp_dmarc_records *r, const struct gp_dmarc_checking *how)
{
	struct gp_record_store *store = atomic_load(&r->store);

	if (store != NULL || pthread_mutex_trylock(&r->opening) != 0)
		return store;
	if (atomic_load(&r->store) == NULL && gp_clock_us() >= r->retry_us)
		try_open(r, how);
	(void)pthread_mutex_unlock(&r->opening);
	return atomic_load(&r->store);
}

void
gp_dmarc_records_keep(struct gp_dmarc_records *r,
    const struct gp_dmarc_checking *how, const struct gp_record_source *from,
    struct gp_arena *arena)
{
	struct gp_record_store *store;
	struct gp_record record;
	unsigned outcome = UNAVAILABLE;

	if (r == NULL || !how->records ||
	    gp_record_of_dmarc(from, arena, &record) != GP_OK)
		return;
	store = find_store(r, how);
	if (store != NULL)
		outcome = gp_record_store_append(store, &record) == GP_OK
		              ? KEPT
		              : REFUSED;
	gp_metrics_add(r->metrics, GP_M_DMARC_RECORDS, outcome, 1);
}

void
gp_dmarc_records_flush(struct gp_dmarc_records *r, int64_t deadline_us)
{
	struct gp_record_store *store =
	    r == NULL ? NULL : atomic_load(&r->store);

	if (store != NULL && gp_record_store_flush(store, deadline_us) != GP_OK)
		gp_log(GP_LOG_WARNING,
		    "records: the last ones could not be written and are lost");
}
