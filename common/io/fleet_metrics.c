/* See fleet_metrics.h. */
#include "io/fleet_metrics.h"

#include "core/promtext.h"
#include "io/control_client.h"
#include "io/fleet.h"

static void
add_up(const char *runtime_dir, const struct gp_control_ask asks[GP_FLEET],
    struct gp_buf *out)
{
	gp_buf_adds(out, "# HELP gatepost_up Whether the daemon answers; absent"
			 " where it need not run.\n"
			 "# TYPE gatepost_up gauge\n");
	for (size_t i = 0; i < GP_FLEET; i++) {
		const bool up = asks[i].rc == GP_OK;

		if (up || gp_fleet_enabled(runtime_dir, gp_fleet[i]))
			gp_buf_addf(out, "gatepost_up{daemon=\"%s\"} %d\n",
			    gp_fleet[i], up);
	}
	gp_buf_adds(out,
	    "# HELP gatepost_exporter_build_info The version of"
	    " the exporter; always 1.\n"
	    "# TYPE gatepost_exporter_build_info gauge\n"
	    "gatepost_exporter_build_info{version=\"" GP_VERSION "\"} 1\n");
}

void
gp_fleet_metrics(const char *runtime_dir, struct gp_buf *out)
{
	struct gp_arena *arena = gp_arena_new();
	char paths[GP_FLEET][GP_FLEET_PATH_MAX];
	struct gp_control_ask asks[GP_FLEET];
	struct gp_promtext merged;

	for (size_t i = 0; i < GP_FLEET; i++) {
		gp_fleet_path(runtime_dir, gp_fleet[i], GP_FLEET_STATS,
		    paths[i]);
		asks[i] = (struct gp_control_ask){ .path = paths[i] };
	}
	gp_control_ask_all(asks, GP_FLEET, "stats", GP_FLEET_SCRAPE_MS);
	add_up(runtime_dir, asks, out);
	gp_promtext_init(&merged, arena);
	for (size_t i = 0; i < GP_FLEET; i++) {
		if (asks[i].rc == GP_OK)
			gp_promtext_add(&merged, gp_buf_str(&asks[i].out));
		gp_buf_clear(&asks[i].out);
	}
	gp_promtext_format(&merged, out);
	gp_arena_free(arena);
}
