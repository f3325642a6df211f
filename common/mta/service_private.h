/*
 * service_private - what the parts of a service share: its life (service.c)
 * and what it says of itself, when asked and to systemd (service_control.c).
 *
 * Threads:  as each member says.
 */
#ifndef GP_MTA_SERVICE_PRIVATE_H
#define GP_MTA_SERVICE_PRIVATE_H

#include "io/control.h"
#include "mta/service.h"

#include <pthread.h>

struct gp_service {
	struct gp_app app;
	const struct gp_options *options;
	char *socket;
	char *seal_key; /* path of the key that is in force */
	int lock_fd;
	int64_t started_us;
	struct gp_control *control;
	struct gp_control *stats; /* what everybody in our group may ask */

	pthread_mutex_t reloading; /* one reload at a time */
	pthread_mutex_t lock;      /* guards what follows */
	struct world *world;
	char *last_problems; /* of the last reload, NULL when it was good */
	int64_t policy_us;   /* since when this policy is in force */
	int64_t policy_wall_s;
	int64_t reload_us; /* the last one; 0: there was none */

	pthread_mutex_t telling; /* taken before `lock`; guards what follows */
	char *told;              /* the last STATUS= */
	bool stopping;
};

/* gp_service_controls_open - listen for requests.  0, or the exit code after
 * having said why on stderr. */
int gp_service_controls_open(struct gp_service *s);

/*
 * gp_service_tell - tell systemd `state` ("READY=1"; "": nothing) and how we
 * are.  Once it was told "STOPPING=1" it is told nothing more.  With no state
 * nothing is sent unless something has changed.
 */
void gp_service_tell(struct gp_service *s, const char *state);

#endif
