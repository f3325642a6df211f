/* See dns.h. */
#include "ctl/dns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define ZONE_MAX 1048576

static int
read_zone(const char *path, struct gp_buf *out)
{
	char block[4096];
	FILE *f = fopen(path, "rbe");
	size_t n;
	bool failed;

	if (f == NULL)
		return ctl_fail(EX_NOINPUT, "%s: %m", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		gp_buf_add(out, block, n);
	failed = ferror(f) != 0;
	(void)fclose(f);
	if (failed)
		return ctl_fail(EX_NOINPUT, "%s: can not be read", path);
	return out->overflow
	           ? ctl_fail(EX_DATAERR, "%s: over %d bytes", path, ZONE_MAX)
	           : 0;
}

static int
open_zone(const char *path, struct gp_dns **out)
{
	struct gp_buf text;
	struct gp_err err;
	int code;

	gp_buf_init(&text, ZONE_MAX);
	code = read_zone(path, &text);
	if (code == 0 &&
	    gp_dns_open_zone(gp_buf_str(&text), NULL, out, &err) != GP_OK)
		code = ctl_fail(EX_DATAERR, "%s: %s", path, err.msg);
	gp_buf_clear(&text);
	return code;
}

int
ctl_dns_open(const struct ctl_args *args, const struct gp_config *config,
    struct gp_dns **out)
{
	struct gp_resolver_policy how = gp_config_globals(config)->resolver;
	const char *server = ctl_option(args, "--resolver");
	const char *zone = ctl_option(args, "--zone");
	struct gp_err err;

	*out = NULL;
	if (server != NULL && zone != NULL)
		return ctl_usage("--zone: expected no --resolver beside it");
	if (zone != NULL)
		return open_zone(zone, out);
	if (server != NULL)
		how.servers = (struct gp_strings){ .n = 1, .v = &server };
	if (gp_dns_open(&how, NULL, out, &err) == GP_OK)
		return 0;
	return server != NULL ? ctl_usage("--resolver: %s", err.msg)
	                      : ctl_fail(EX_UNAVAILABLE, "%s", err.msg);
}
