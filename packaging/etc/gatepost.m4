dnl gatepost, in this order.  In sendmail.mc, before the MAILER lines:
dnl   include(`/etc/mail/m4/gatepost.m4')dnl
dnl then: make -C /etc/mail && systemctl restart sendmail
dnl F=T: while a filter does not answer, mail waits; without F= it passes.
INPUT_MAIL_FILTER(`gatepost-spf', `S=local:/run/gatepost/spf/milter.sock, F=T, T=C:30s;S:30s;R:1m;E:5m')dnl
INPUT_MAIL_FILTER(`gatepost-dkim', `S=local:/run/gatepost/dkim/milter.sock, F=T, T=C:30s;S:30s;R:1m;E:5m')dnl
INPUT_MAIL_FILTER(`gatepost-dmarc', `S=local:/run/gatepost/dmarc/milter.sock, F=T, T=C:30s;S:30s;R:1m;E:5m')dnl
INPUT_MAIL_FILTER(`gatepost-rate', `S=local:/run/gatepost/rate/milter.sock, F=T, T=C:30s;S:30s;R:1m;E:5m')dnl
