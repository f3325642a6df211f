/*
 * drive_mailbox - core/mailbox on a pipe, for mailbox_oracle.py.  A line is the
 * value of one field; the answer is "ok", "none" or "permanent", then the local
 * part and the domain of each mailbox.
 */
#include "core/mailbox.h"
#include "support/line_pipe.h"

#include <stdio.h>

int
main(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct line l;

	while (line_read(arena, &l)) {
		struct gp_mailboxes list;
		enum gp_rc rc;

		if (l.n != 1)
			line_die("a line is one value");
		rc = gp_mailboxes_parse(l.f[0], arena, &list, NULL);
		(void)printf("%s", gp_rc_name(rc));
		for (size_t i = 0; i < list.n; i++) {
			line_print_field(list.v[i].local);
			line_print_field(gp_str(list.v[i].domain));
		}
		(void)putchar('\n');
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
	return 0;
}
