/* gatepost sendmail snippet: lines for sendmail.mc, which only the
 * administrator edits. */
#include "ctl/postfix.h"

#include <stdio.h>

int
ctl_sendmail_snippet(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_postfix_wish wish;
	int code = ctl_postfix_wish(ctl, args, &wish);
	const char *failure = wish.failure == GP_POSTFIX_OPEN ? "" : " F=T,";

	if (code != 0)
		return code;
	(void)puts("dnl gatepost, in this order.  In sendmail.mc, before the "
		   "MAILER lines:\n"
		   "dnl   include(`/etc/mail/m4/gatepost.m4')dnl\n"
		   "dnl then: make -C /etc/mail && systemctl restart sendmail\n"
		   "dnl F=T: while a filter does not answer, mail waits; "
		   "without F= it passes.");
	for (size_t d = 0; d < GP_POSTFIX_DAEMONS; d++)
		if (gp_postfix_wish_has(&wish, d))
			(void)printf("INPUT_MAIL_FILTER(`gatepost-%s', "
				     "`S=local:%s/%s/milter.sock,%s "
				     "T=C:30s;S:30s;R:1m;E:5m')dnl\n",
			    gp_postfix_daemons[d], ctl->runtime_dir,
			    gp_postfix_daemons[d], failure);
	return 0;
}
