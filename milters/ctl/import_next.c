/* gatepost import: in which order mail goes over from the other filter. */
#include "ctl/import.h"

#include <stdio.h>
#include <string.h>

static void
beside(const char *daemon, const char *program)
{
	(void)printf(
	    "\nnext, in this order:\n"
	    "  1. gatepost check\n"
	    "  2. systemctl reload 'gatepost-*'\n"
	    "  3. gatepost postfix enable\n"
	    "     gatepost-%s now works behind %s, and its mode = monitor in\n"
	    "     gatepost.conf refuses nothing; while both run, give one of\n"
	    "     them another authserv-id, so that both results stay\n"
	    "  4. gatepost tail\n"
	    "     compare for some days: Authentication-Results of both%s\n",
	    daemon, program, strcmp(daemon, "dkim") == 0 ? ", signatures" : "");
}

static void
milter(const struct import *job)
{
	const char *program = job->im.program;
	const char *daemon =
	    strcmp(program, "opendkim") == 0 ? "dkim" : "dmarc";

	beside(daemon, program);
	(void)printf("  5. take the socket of %s out of smtpd_milters and\n"
		     "     non_smtpd_milters, then postfix reload: ",
	    program);
	ctl_print_text(gp_str(gp_arena_printf(job->arena, "%s\n",
	    job->im.socket == NULL ? "see main.cf" : job->im.socket)));
	(void)printf("  6. set mode = enforce in the section %s of "
		     "gatepost.conf, when you want what\n"
		     "     it says carried out; systemctl reload gatepost-%s\n"
		     "  7. systemctl disable --now %s\n",
	    daemon, daemon, program);
}

static void
policy_service(void)
{
	(void)puts(
	    "\nnext, in this order:\n"
	    "  1. write mode = monitor into the new limits\n"
	    "  2. gatepost check\n"
	    "  3. systemctl reload gatepost-rate\n"
	    "  4. gatepost postfix enable\n"
	    "  5. gatepost rate meters\n"
	    "     compare for some days what would be deferred\n"
	    "  6. take mode = monitor out; systemctl reload gatepost-rate\n"
	    "  7. take check_policy_service of policyd-rate-limit out of\n"
	    "     smtpd_recipient_restrictions, then postfix reload\n"
	    "  8. systemctl disable --now policyd-rate-limit");
}

void
ctl_import_next(const struct import *job)
{
	if (strcmp(job->im.program, "policyd-rate-limit") == 0)
		policy_service();
	else
		milter(job);
}
