/* See finding.h. */
#include "core/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096

GP_PRINTF(2, 0)
static const char *
format(struct gp_arena *arena, const char *fmt, va_list ap) GP_PRINTF(2, 0);

static const char *
format(struct gp_arena *arena, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	return gp_arena_strdup(arena, text);
}

void
gp_findings_init(struct gp_findings *f, struct gp_arena *arena)
{
	*f = (struct gp_findings){ .arena = arena };
}

static void
grow(struct gp_findings *f)
{
	size_t cap = f->cap == 0 ? 16 : 2 * f->cap;
	struct gp_finding *v = gp_arena_alloc(f->arena, cap * sizeof(*v));

	if (f->n > 0)
		(void)memcpy(v, f->v, f->n * sizeof(*v));
	f->v = v;
	f->cap = cap;
}

struct gp_finding *
gp_findings_add(struct gp_findings *f, enum gp_light light, const char *topic,
    const char *subject, const char *fmt, ...)
{
	struct gp_finding *finding;
	va_list ap;

	if (f->n == f->cap)
		grow(f);
	finding = &f->v[f->n++];
	va_start(ap, fmt);
	*finding = (struct gp_finding){ .light = light,
		.topic = topic,
		.subject = gp_arena_strdup(f->arena, subject),
		.what = format(f->arena, fmt, ap) };
	va_end(ap);
	return finding;
}

void
gp_findings_remedy(struct gp_findings *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	f->v[f->n - 1].remedy = format(f->arena, fmt, ap);
	va_end(ap);
}

enum gp_light
gp_findings_worst(const struct gp_findings *f)
{
	enum gp_light worst = GP_GREEN;

	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].light > worst)
			worst = f->v[i].light;
	return worst;
}

const char *
gp_light_name(enum gp_light light)
{
	static const char *const names[] = { "green", "yellow", "red" };

	return names[light];
}
