/* The store in memory, by the suite of all stores. */
#include "support/store_suite.h"

static struct gp_store_backend
open_mem(void)
{
	return gp_store_mem_open(INT64_C(64) << 20);
}

int
main(void)
{
	static const struct store_suite suite = {
		.name = "mem",
		.open = open_mem,
	};

	return store_suite_run(&suite);
}
