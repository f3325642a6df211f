/* One option of one key, changed in the text of a policy file. */
#include "core/policy_edit.h"

#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum what { SET, REMOVE, ADD };

/* Each is about key "s" of domain "a.example"; NULL: it is not there. */
static const struct {
	const char *label;
	enum what what;
	const char *word, *value; /* of ADD the statement */
	const char *in, *out;
} rows[] = {
	{ "a word of a one-line block", SET, "state", "active",
	    "domain a.example { key s { file = x state = staged } }\n",
	    "domain a.example { key s { file = x state = active } }\n" },
	{ "a text", SET, "state", "active",
	    "domain a.example { key s { file = x state = \"staged\" } }",
	    "domain a.example { key s { file = x state = active } }" },
	{ "no blanks at all", SET, "state", "active",
	    "domain\"a.example\"{key\"s\"{file=\"x\"state=staged}}",
	    "domain\"a.example\"{key\"s\"{file=\"x\"state=active}}" },
	{ "a comment between name and value", SET, "state", "active",
	    "domain a.example { key s { file = x state = /* b */ staged } }",
	    "domain a.example { key s { file = x state = /* b */ active } }" },
	{ "other keys and domains before and behind", SET, "state", "active",
	    "domain b.example { key s { file = x state = staged } }\n"
	    "domain a.example { key r { file = x state = staged }\n"
	    " key s { file = x state = staged }\n"
	    " key t { file = x state = staged } }\n",
	    "domain b.example { key s { file = x state = staged } }\n"
	    "domain a.example { key r { file = x state = staged }\n"
	    " key s { file = x state = active }\n"
	    " key t { file = x state = staged } }\n" },
	{ "an option of the same name outside", SET, "state", "active",
	    "store = lmdb\ndomain a.example {\n"
	    " senders { else = reject }\n sign = { \"state\", default }\n"
	    " key s { file = \"state = staged }\" state = staged }\n}\n",
	    "store = lmdb\ndomain a.example {\n"
	    " senders { else = reject }\n sign = { \"state\", default }\n"
	    " key s { file = \"state = staged }\" state = active }\n}\n" },
	{ "braces and quotes in texts and comments", SET, "state", "active",
	    "# domain a.example { key s { state = staged } }\n"
	    "domain 'a.example' { // {\n"
	    " sign = { 'X-}', \"X-{\" } /* } */\n"
	    " key \"s\" { file = 'it\\'s}' # state = staged }\n"
	    "  state = staged } }\n",
	    "# domain a.example { key s { state = staged } }\n"
	    "domain 'a.example' { // {\n"
	    " sign = { 'X-}', \"X-{\" } /* } */\n"
	    " key \"s\" { file = 'it\\'s}' # state = staged }\n"
	    "  state = active } }\n" },
	{ "titles in another spelling", SET, "state", "active",
	    "domain \"A.EXAMPLE.\" { key S { file = x state = staged } }",
	    "domain \"A.EXAMPLE.\" { key S { file = x state = active } }" },
	{ "a list for the value", SET, "state", "active",
	    "domain a.example { key s { state = { staged } file = x } }",
	    "domain a.example { key s { state = active file = x } }" },

	{ "not there, one line", SET, "state", "staged",
	    "domain a.example { key s { file = x } }",
	    "domain a.example { key s { file = x state = staged } }" },
	{ "not there, one line without blanks", SET, "state", "staged",
	    "domain a.example {key s {file=x}}",
	    "domain a.example {key s {file=x state = staged }}" },
	{ "not there, several lines", SET, "state", "staged",
	    "domain a.example {\n\tkey s {\n\t\tfile = x # here\n\t}\n}\n",
	    "domain a.example {\n\tkey s {\n\t\tfile = x # here\n"
	    "\t\tstate = staged\n\t}\n}\n" },
	{ "not there, line ends of two bytes", SET, "state", "staged",
	    "domain a.example {\r\n  key s {\r\n    file = x\r\n  }\r\n}\r\n",
	    "domain a.example {\r\n  key s {\r\n    file = x\r\n"
	    "    state = staged\r\n  }\r\n}\r\n" },
	{ "not there, a comment before the brace", SET, "state", "staged",
	    "domain a.example { key s { file = x // y\n /* z */ } }",
	    "domain a.example { key s { file = x // y\n"
	    " /* z */ state = staged } }" },
	{ "not there, first option behind the brace", SET, "state", "staged",
	    "domain a.example { key s { file = x\n } }",
	    "domain a.example { key s { file = x\n"
	    " \tstate = staged\n } }" },
	{ "an empty block of several lines", SET, "state", "staged",
	    "domain a.example {\n key s {\n }\n}\n",
	    "domain a.example {\n key s {\n \tstate = staged\n }\n}\n" },
	{ "an empty block", SET, "state", "staged",
	    "domain a.example { key s {} }",
	    "domain a.example { key s { state = staged } }" },
	{ "no such key", SET, "state", "staged",
	    "domain a.example { key t { file = x } }", NULL },
	{ "no such domain", SET, "state", "staged",
	    "domain b.example { key s { file = x } }", NULL },
	{ "the key of a comment", SET, "state", "staged",
	    "domain a.example { # key s { file = x }\n }", NULL },
	{ "an empty text", SET, "state", "staged", "", NULL },
	{ "a brace that is missing", SET, "state", "staged",
	    "domain a.example { key t {", NULL },

	{ "removed from one line", REMOVE, "activate-after", NULL,
	    "domain a.example { key s { file = x activate-after = "
	    "2026-01-01 } }",
	    "domain a.example { key s { file = x } }" },
	{ "removed from the middle", REMOVE, "activate-after", NULL,
	    "domain a.example { key s { file=x activate-after=\"\""
	    " state=staged } }",
	    "domain a.example { key s { file=x state=staged } }" },
	{ "removed where nothing parts the others", REMOVE, "activate-after",
	    NULL,
	    "domain a.example {key s {file=x activate-after=\"\""
	    "state=staged}}",
	    "domain a.example {key s {file=x state=staged}}" },
	{ "removed with its line", REMOVE, "activate-after", NULL,
	    "domain a.example {\r\n key s {\r\n  file = x\r\n"
	    "  activate-after = \"\" \r\n }\r\n}\r\n",
	    "domain a.example {\r\n key s {\r\n  file = x\r\n }\r\n}\r\n" },
	{ "removed, but not its comment", REMOVE, "activate-after", NULL,
	    "domain a.example {\n key s {\n  file = x\n"
	    "  activate-after = \"\" # later\n }\n}\n",
	    "domain a.example {\n key s {\n  file = x\n"
	    " # later\n }\n}\n" },
	{ "removed though it was not there", REMOVE, "activate-after", NULL,
	    "domain a.example { key s { file = x } } # c\n",
	    "domain a.example { key s { file = x } } # c\n" },
	{ "removed from a key that is not there", REMOVE, "activate-after",
	    NULL, "domain a.example { }\n", NULL },

	{ "behind the last key", ADD, "key n { file = y }", NULL,
	    "domain a.example {\n\tkey s { file = x } # old\n"
	    "\tclass = bulk\n}\n",
	    "domain a.example {\n\tkey s { file = x } # old\n"
	    "\tkey n { file = y }\n\tclass = bulk\n}\n" },
	{ "behind the last of several lines", ADD, "key n { file = y }", NULL,
	    "domain a.example {\n\tkey r { file = x }\n\tkey s {\n"
	    "\t\tfile = x\n\t}\n\n\tclass = bulk\n}\n",
	    "domain a.example {\n\tkey r { file = x }\n\tkey s {\n"
	    "\t\tfile = x\n\t}\n\tkey n { file = y }\n\n"
	    "\tclass = bulk\n}\n" },
	{ "the last key is not alone", ADD, "key n { file = y }", NULL,
	    "domain a.example {\n  key s { file = x } class = bulk\n}\n",
	    "domain a.example {\n  key s { file = x } class = bulk\n"
	    "  key n { file = y }\n}\n" },
	{ "a comment over lines behind the last key", ADD, "key n { file = y }",
	    NULL, "domain a.example {\n  key s { file = x } /* a\n b */\n}\n",
	    "domain a.example {\n  key s { file = x } /* a\n b */\n"
	    "  key n { file = y }\n}\n" },
	{ "no key yet", ADD, "key n { file = y }", NULL,
	    "domain a.example {\n    class = bulk\n}\n",
	    "domain a.example {\n    class = bulk\n"
	    "    key n { file = y }\n}\n" },
	{ "one line", ADD, "key n { file = y }", NULL,
	    "domain a.example { key s { file = x } }",
	    "domain a.example { key s { file = x } key n { file = y } }" },
	{ "an empty domain", ADD, "key n { file = y }", NULL,
	    "domain a.example {\n}",
	    "domain a.example {\n"
	    "\tkey n { file = y }\n}" },
	{ "a domain that is not there", ADD, "key n { file = y }", NULL,
	    "domain c.example { }", NULL },
};

static enum gp_rc
make(size_t i, struct gp_buf *out)
{
	const struct gp_policy_key key = { .text = gp_str(rows[i].in),
		.domain = "a.example",
		.selector = "s" };

	switch (rows[i].what) {
	case SET:
		return gp_policy_edit_set(&key, rows[i].word, rows[i].value,
		    out);
	case REMOVE:
		return gp_policy_edit_remove(&key, rows[i].word, out);
	case ADD:
		break;
	}
	return gp_policy_edit_add(&key, rows[i].word, out);
}

static void
policy_edit_changes_only_what_it_shall(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_buf out;
		enum gp_rc rc;

		gp_buf_init(&out, SIZE_MAX);
		rc = make(i, &out);
		if (rc != (rows[i].out == NULL ? GP_NONE : GP_OK) ||
		    strcmp(gp_buf_cstr(&out),
			rows[i].out == NULL ? "" : rows[i].out) != 0)
			fail_msg("%s: %s: %s", rows[i].label, gp_rc_name(rc),
			    gp_buf_cstr(&out));
		gp_buf_clear(&out);
	}
}

/* Every way to write the block, as the reader of the policy sees it. */
static void
policy_edit_is_what_the_policy_reads(void **state)
{
	static const char *const texts[] = {
		"domain a.example { key s { file = x state = staged } }",
		"domain a.example { key s { file = x\n state = staged\n} }",
		"domain a.example {\n key s {\n  file = x\n  state = staged\n"
		"  activate-after = \"2026-01-01\" # c\n }\n}\n",
		"domain a.example{key s{file=x activate-after=2026-01-01"
		" state=staged}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct gp_policy_key key = { .text = gp_str(texts[i]),
			.domain = "a.example",
			.selector = "s" };
		struct gp_config *config = NULL;
		struct gp_problems problems;
		struct gp_buf one, two, three;
		const struct gp_key_policy *k;

		gp_problems_init(&problems);
		gp_buf_init(&one, SIZE_MAX);
		gp_buf_init(&two, SIZE_MAX);
		gp_buf_init(&three, SIZE_MAX);
		assert_int_equal(gp_policy_edit_set(&key, "state", "retired",
				     &one),
		    GP_OK);
		key.text = gp_buf_str(&one);
		assert_int_equal(gp_policy_edit_remove(&key, "activate-after",
				     &two),
		    GP_OK);
		key.text = gp_buf_str(&two);
		assert_int_equal(gp_policy_edit_set(&key, "retired-on",
				     "\"2026-11-22\"", &three),
		    GP_OK);
		if (gp_policy_parse(gp_buf_str(&three), "c", &config,
			&problems) != GP_OK)
			fail_msg("%s%s", gp_buf_cstr(&problems.text),
			    gp_buf_cstr(&three));
		k = gp_policy_for(config, "a.example")->keys;
		assert_int_equal(k->state, GP_KEY_RETIRED);
		assert_int_equal(k->retired_on_s, 1795305600);
		assert_int_equal(k->activate_after_s, 0);
		assert_string_equal(k->file, "x");
		gp_config_unref(config);
		gp_problems_clear(&problems);
		gp_buf_clear(&one);
		gp_buf_clear(&two);
		gp_buf_clear(&three);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_edit_changes_only_what_it_shall),
		cmocka_unit_test(policy_edit_is_what_the_policy_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
