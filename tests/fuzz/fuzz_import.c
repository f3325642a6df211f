/*
 * Configurations of other filters.  The first octet says of which; what
 * follows is cut at form feeds: the file itself, then the tables that it names
 * as /1, /2 ... (every other path is the first of them).
 *
 * Whatever they say, what comes of it is a policy that our own reader takes,
 * every decision says what to do, and every key has one place.
 */
#include "core/import.h"
#include "io/policy_file.h"
#include "io/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gp_str
part(struct gp_str all, size_t n)
{
	struct gp_str one = gp_str_split(&all, '\f');

	while (n-- > 0)
		one = gp_str_split(&all, '\f');
	return one.p == NULL ? gp_str_n("", 0) : one;
}

static enum gp_rc
read_part(void *arg, const char *path, struct gp_str *text, struct gp_err *err)
{
	size_t n = path[0] == '/' && gp_is_digit(path[1])
	               ? (size_t)(path[1] - '0')
	               : 1;

	if (strcmp(path, "conf") == 0)
		n = 0;
	if (n == 9)
		return gp_fail(err, GP_NONE, "there is no such file");
	*text = part(*(struct gp_str *)arg, n);
	return GP_OK;
}

static enum gp_rc
map(struct gp_import *im, struct gp_str all, char program)
{
	struct gp_import_override *overrides = NULL;
	struct gp_import_node *root;
	const char *conf = NULL;

	if (program == 2)
		return gp_yaml_read(all, im->arena, &root, NULL) == GP_OK
		           ? gp_import_rate(im, "conf", root, NULL)
		           : GP_PERM;
	gp_import_default(im, "/etc/default/x", part(all, 7));
	(void)gp_import_unit(im, "unit", part(all, 8), &overrides, &conf);
	return program == 1 ? gp_import_opendmarc(im, "conf", overrides, NULL)
	                    : gp_import_opendkim(im, "conf", overrides, NULL);
}

static void
check_policy(const struct gp_import *im)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;

	gp_buf_init(&text, SIZE_MAX);
	gp_import_write(im, &text);
	gp_problems_init(&problems);
	if (text.n < GP_CONFIG_FILE_MAX &&
	    gp_policy_parse(gp_buf_str(&text), "imported", &config,
		&problems) != GP_OK) {
		(void)fprintf(stderr, "%s\n%s\n", gp_buf_cstr(&text),
		    gp_buf_cstr(&problems.text));
		abort();
	}
	gp_config_unref(config);
	gp_problems_clear(&problems);
	gp_buf_clear(&text);
}

static void
check_report(const struct gp_import *im, struct gp_arena *arena)
{
	struct gp_findings report;

	gp_findings_init(&report, arena);
	gp_import_report(im, &report);
	for (size_t i = 0; i < report.n; i++)
		if (report.v[i].light != GP_GREEN &&
		    (report.v[i].remedy == NULL ||
			*report.v[i].remedy == '\0')) {
			(void)fprintf(stderr, "no remedy: %s\n",
			    report.v[i].what);
			abort();
		}
	for (const struct gp_import_key *k = im->keys; k != NULL; k = k->next)
		for (const struct gp_import_key *l = k->next; l != NULL;
		     l = l->next)
			if (strcmp(k->file, l->file) == 0)
				abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena;
	struct gp_import im;
	struct gp_import_files files = { .read = read_part };
	struct gp_str all;
	static const char *const programs[] = { "opendkim", "opendmarc",
		"policyd-rate-limit" };

	if (size < 1 || data[0] - '0' > 2 || data[0] < '0')
		return -1;
	all = gp_str_n((const char *)data + 1, size - 1);
	arena = gp_arena_new();
	files.arg = &all;
	gp_import_init(&im, arena, &files, programs[data[0] - '0']);
	if (map(&im, all, (char)(data[0] - '0')) == GP_OK) {
		check_policy(&im);
		check_report(&im, arena);
	}
	gp_arena_free(arena);
	return 0;
}
