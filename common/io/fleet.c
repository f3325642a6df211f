/* See fleet.h. */
#include "io/fleet.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WANTS "/etc/systemd/system/multi-user.target.wants"

const char *const gp_fleet[GP_FLEET] = { "spf", "dkim", "dmarc", "rate" };

void
gp_fleet_path(const char *runtime_dir, const char *name, const char *file,
    char out[GP_FLEET_PATH_MAX])
{
	(void)snprintf(out, GP_FLEET_PATH_MAX, "%s/%s/%s", runtime_dir, name,
	    file);
}

bool
gp_fleet_enabled(const char *runtime_dir, const char *name)
{
	char path[GP_FLEET_PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", runtime_dir, name);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	if (strcmp(runtime_dir, GP_FLEET_RUNTIME_DIR) != 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/gatepost-%s.service", WANTS,
	    name);
	return lstat(path, &st) == 0;
}
