/* See dns_breaker.h. */
#include "io/dns_breaker.h"

#include "base/time.h"

#include <limits.h>

void
gp_dns_breaker_silent(struct gp_dns_breaker *b, int64_t now_us)
{
	b->silent_us[b->n % GP_DNS_BREAKER_SILENT] = now_us;
	/* the place in the ring must not jump where the counter would wrap */
	if (++b->n == UINT_MAX - UINT_MAX % GP_DNS_BREAKER_SILENT)
		b->n = GP_DNS_BREAKER_SILENT;
}

bool
gp_dns_breaker_suspects(const struct gp_dns_breaker *b, int64_t now_us)
{
	if (b->n < GP_DNS_BREAKER_SILENT)
		return false;
	return gp_time_sub(now_us,
		   b->silent_us[b->n % GP_DNS_BREAKER_SILENT]) <=
	       GP_DNS_BREAKER_WINDOW_US;
}

bool
gp_dns_breaker_proven(struct gp_dns_breaker *b, int64_t now_us)
{
	if (b->open || !gp_dns_breaker_suspects(b, now_us))
		return false;
	b->open = true;
	return true;
}

bool
gp_dns_breaker_answered(struct gp_dns_breaker *b)
{
	const bool was_open = b->open;

	b->n = 0;
	b->open = false;
	return was_open;
}
