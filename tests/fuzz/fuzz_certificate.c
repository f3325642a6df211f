/*
 * certificate: what is found in the words of openssl(1) lies within them, and
 * a certificate is found again in what was cut out.
 */
#include "core/certificate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_str all = gp_str_n((const char *)data, size);
	struct gp_str pem, again;
	int64_t from_s, until_s;

	if (gp_certificate_pem(all, &pem) == GP_OK) {
		REQUIRE(pem.p >= all.p && pem.p + pem.n <= all.p + all.n);
		REQUIRE(gp_certificate_pem(pem, &again) == GP_OK);
		REQUIRE(gp_str_eq(pem, again));
	}
	if (gp_certificate_dates(all, &from_s, &until_s) == GP_OK)
		REQUIRE(from_s >= 0 && until_s >= 0);
	return 0;
}
