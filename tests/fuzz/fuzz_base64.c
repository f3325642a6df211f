/* Each run of bytes has one text: what decodes encodes to itself. */
#include "base/base64.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str text = gp_str_n((const char *)data, size);
	uint8_t *bytes = malloc(size + 1);
	struct gp_buf out;
	size_t n;

	assert(bytes != NULL);
	gp_buf_init(&out, size * 2 + 8);
	if (gp_base64_decode(text, bytes, size, &n) == GP_OK) {
		gp_base64_encode(bytes, n, &out);
		assert(gp_str_eq(gp_buf_str(&out), text));
		assert(n == 0 ||
		       gp_base64_decode(text, bytes, n - 1, &n) == GP_PERM);
	} else {
		assert(n == 0);
	}
	gp_buf_reset(&out);
	gp_base64_encode(data, size, &out);
	assert(gp_base64_decode(gp_buf_str(&out), bytes, size, &n) == GP_OK);
	assert(n == size && (n == 0 || memcmp(bytes, data, n) == 0));
	gp_buf_clear(&out);
	free(bytes);
	return 0;
}
