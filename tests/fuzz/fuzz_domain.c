/* Any bytes give one spelling or none, and that spelling is a domain name. */
#include "core/domain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_spelling(const char *name)
{
	size_t label = 0;
	size_t n = strlen(name);

	assert(n >= 1 && n <= GP_DOMAIN_MAX);
	for (size_t i = 0; i <= n; i++) {
		char c = name[i];

		if (c == '.' || c == '\0') {
			assert(label >= 1 && label <= GP_LABEL_MAX);
			assert(name[i - 1] != '-' && name[i - label] != '-');
			label = 0;
			continue;
		}
		assert((c >= 'a' && c <= 'z') || gp_is_digit(c) || c == '-' ||
		       c == '_');
		label++;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[GP_DOMAIN_TEXT];
	char again[GP_DOMAIN_TEXT];
	struct gp_str in = gp_str_n((const char *)data, size);
	struct gp_err err;

	if (gp_domain_normalize(in, out, &err) != GP_OK) {
		assert(out[0] == '\0' && err.msg[0] != '\0');
		assert(gp_str_is_utf8(gp_str(err.msg)));
		return 0;
	}
	check_spelling(out);
	assert(gp_domain_normalize(gp_str(out), again, NULL) == GP_OK);
	assert(strcmp(out, again) == 0);
	assert(gp_domain_labels(out) >= 1);
	if (gp_domain_parent(out) != NULL)
		assert(gp_domain_is_below(out, gp_domain_parent(out)));
	assert(!gp_domain_is_below(out, out));
	return 0;
}
