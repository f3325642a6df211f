/*
 * options - the table of options, and whether a file is a policy.
 *
 *   options            each option: SECTION, NAME, DEFAULT, parted by tabs
 *   options FILE...    load each; the problems go to stderr
 */
#include "io/policy_file.h"

#include <stdio.h>

static void
print_table(void)
{
	struct gp_option_info info;

	for (size_t i = 0; (info = gp_option_info(i)).section != NULL; i++)
		if (info.name != NULL)
			(void)printf("%s\t%s\t%s\n", info.section, info.name,
			    info.fallback);
}

static int
load(const char *path)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	enum gp_rc rc;

	gp_problems_init(&problems);
	rc = gp_policy_load(path, &config, &problems);
	(void)fputs(gp_buf_cstr(&problems.text), stderr);
	gp_config_unref(config);
	gp_problems_clear(&problems);
	return rc == GP_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	int bad = 0;

	if (argc < 2)
		print_table();
	for (int i = 1; i < argc; i++)
		bad |= load(argv[i]);
	return bad;
}
