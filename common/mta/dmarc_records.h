/*
 * dmarc_records - one record of each judged message, in
 * STATE-DIR/dmarc-records, for aggregate reports.
 *
 * There is one store a process, opened with the first policy that wants it and
 * carried from one policy to the next.  A report is never worth a message: what
 * goes wrong here is told by the log and by metrics, refuses no policy and
 * changes nothing about the mail.
 *
 * Source:   RFC 9990.
 * Blocking: open, flush and close: disk.  keep does not wait, but for one
 *           message a minute while the store is not open: that one tries.
 * Threads:  any.
 */
#ifndef GP_MTA_DMARC_RECORDS_H
#define GP_MTA_DMARC_RECORDS_H

#include "core/record_dmarc.h"
#include "mta/session.h"

#define GP_DMARC_RECORDS_DIR "dmarc-records"

struct gp_dmarc_records; /* reference counted */

/* gp_dmarc_records_open - for this policy; `old` are those of the one before.
 * NULL: nothing is kept here (--check).  gp_dmarc_records_close it. */
struct gp_dmarc_records *gp_dmarc_records_open(const struct gp_opening *with,
    struct gp_dmarc_records *old);

/* gp_dmarc_records_close - the last one writes what is queued.  NULL is
 * ignored. */
void gp_dmarc_records_close(struct gp_dmarc_records *r);

/* gp_dmarc_records_keep - keep what there is to keep of this message; `how` is
 * that of its policy.  NULL is ignored. */
void gp_dmarc_records_keep(struct gp_dmarc_records *r,
    const struct gp_dmarc_checking *how, const struct gp_record_source *from,
    struct gp_arena *arena);

/* gp_dmarc_records_flush - wait until what was kept is written, until
 * `deadline_us`; the log says when it is not.  NULL is ignored. */
void gp_dmarc_records_flush(struct gp_dmarc_records *r, int64_t deadline_us);

#endif
