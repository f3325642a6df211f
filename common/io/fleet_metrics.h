/*
 * fleet_metrics - what all daemons of this host have counted, as one page.
 *
 * Beside theirs: gatepost_up of each that should run, 0 where no answer came.
 *
 * Blocking: GP_FLEET_SCRAPE_MS at most.
 * Threads:  any.
 */
#ifndef GP_IO_FLEET_METRICS_H
#define GP_IO_FLEET_METRICS_H

#include "base/buf.h"

#define GP_FLEET_SCRAPE_MS 1500

/* gp_fleet_metrics - append the page. */
void gp_fleet_metrics(const char *runtime_dir, struct gp_buf *out);

#endif
