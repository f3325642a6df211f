/*
 * drive_taglist - core/taglist on a pipe, for taglist_dkimpy.py.
 *
 * A question is one line, the text; %XX stands for a byte.  The answer is one
 * line of fields with tabs between: the outcome, then the name and the value
 * of each tag of a list.
 */
#include "core/taglist.h"
#include "support/line_pipe.h"

#include <stdio.h>

int
main(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_taglist list;
	struct line l;

	while (line_read(arena, &l)) {
		enum gp_rc rc = gp_taglist_parse(l.f[0], &list, NULL);

		(void)printf("%s", gp_rc_name(rc));
		for (size_t i = 0; rc == GP_OK && i < list.n; i++) {
			line_print_field(list.v[i].name);
			line_print_field(list.v[i].value);
		}
		(void)putchar('\n');
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
	return 0;
}
