/*
 * promtext: any bytes added as two texts give a text of printable lines in
 * which each family stands once, and which merges into itself.
 */
#include "core/promtext.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

static void
merge(const struct gp_str *texts, size_t n, struct gp_buf *out)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_promtext t;

	gp_promtext_init(&t, arena);
	for (size_t i = 0; i < n; i++)
		gp_promtext_add(&t, texts[i]);
	gp_promtext_format(&t, out);
	gp_arena_free(arena);
}

static void
check_samples(struct gp_str text)
{
	struct gp_prom_sample s;
	struct gp_str name;
	struct gp_str value;

	while (gp_prom_next(&text, &s)) {
		struct gp_str labels = s.labels;

		REQUIRE(s.name.n > 0 && s.value.n > 0);
		while (gp_prom_label(&labels, &name, &value))
			REQUIRE(name.n > 0 && name.p >= s.labels.p);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str second = gp_str_n((const char *)data, size);
	struct gp_str texts[2];
	struct gp_buf once;
	struct gp_buf again;
	struct gp_str whole;

	texts[0] = gp_str_split(&second, '\xff');
	texts[1] = second;
	gp_buf_init(&once, SIZE_MAX);
	gp_buf_init(&again, SIZE_MAX);
	merge(texts, 2, &once);
	for (size_t i = 0; i < once.n; i++)
		REQUIRE(once.p[i] == '\n' || gp_is_print(once.p[i]));
	whole = gp_buf_str(&once);
	merge(&whole, 1, &again);
	REQUIRE(gp_str_eq(whole, gp_buf_str(&again)));
	check_samples(whole);
	check_samples(gp_str_n((const char *)data, size));
	gp_buf_clear(&once);
	gp_buf_clear(&again);
	return 0;
}
