/* Whatever stands in a reply or in a reason is one line of printable text. */
#include "core/spf_macro.h"
#include "core/verdict.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Printable, no blank at either end, no two together. */
static void
check_line(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		assert(gp_is_print(s.p[i]));
		if (s.p[i] == ' ')
			assert(i > 0 && i + 1 < s.n && s.p[i - 1] != ' ');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char shown[GP_SPF_SHOW];
	struct gp_buf once, twice;
	char *text;

	text = malloc(size + 1);
	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	gp_buf_init(&once, GP_REPLY_TEXT_MAX);
	gp_buf_init(&twice, GP_REPLY_TEXT_MAX);
	gp_reply_text(&once, text);
	assert(!once.overflow);
	check_line(gp_buf_str(&once));
	gp_reply_text(&twice, gp_buf_cstr(&once));
	assert(gp_str_eq(gp_buf_str(&once), gp_buf_str(&twice)));

	(void)gp_spf_show(gp_str_n(text, size), shown);
	assert(strlen(shown) < sizeof(shown));
	for (const char *p = shown; *p != '\0'; p++)
		assert(gp_is_print(*p) && *p != '"');
	gp_buf_clear(&once);
	gp_buf_clear(&twice);
	free(text);
	return 0;
}
