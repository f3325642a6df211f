/* Zone, author and identifiers out of the bytes: core/dmarc says what the naive
 * reading of RFC 9989 says, and what else holds for every case. */
#include "support/dmarc_naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dmarc_case c;

	dmarc_case_read(&c, data, size);
	dmarc_case_check(&c);
	return 0;
}
