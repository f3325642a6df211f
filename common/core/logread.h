/*
 * logread - a line of core/logfmt read back: its id and its values, decoded.
 *
 * Strict: what core/logfmt would not have written is no such line.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_LOGREAD_H
#define GP_CORE_LOGREAD_H

#include "base/buf.h"

struct gp_logfield {
	struct gp_str key;   /* within the line */
	struct gp_buf value; /* decoded: any octets */
	bool cut;            /* only the beginning of the value is there */
};

/*
 * gp_logread_id - the id of `*line`, decoded, appended to `id`; `*line` is what
 * stands behind it.  GP_PERM: no line of ours.
 */
GP_MUST_USE enum gp_rc
gp_logread_id(struct gp_str *line, struct gp_buf *id, struct gp_err *err);

/*
 * gp_logread_next - the next field.  `field->value` was initialised before
 * the first, and is replaced.
 * GP_OK    `*rest` is what stands behind it.
 * GP_NONE  there is none; `*rest` is empty, or "..." where fields were left out
 * GP_PERM  it is no field of ours; `*rest` is unchanged.
 */
GP_MUST_USE enum gp_rc gp_logread_next(struct gp_str *rest,
    struct gp_logfield *field, struct gp_err *err);

#endif
