/*
 * limits - every bound on what others can make us hold or do, in one place.
 *
 * Each has its reason; those of a standard name it.  A bound that an operator
 * may move is an option of the policy file and only its range stands here.
 *
 * Purity:   constants.
 */
#ifndef GP_CORE_LIMITS_H
#define GP_CORE_LIMITS_H

/* -- names ------------------------------------------------------------- */
#define GP_DOMAIN_MAX     253 /* RFC 1035 2.3.4, as text without the root dot */
#define GP_LABEL_MAX      63  /* RFC 1035 2.3.4 */
#define GP_DOMAIN_TEXT    (GP_DOMAIN_MAX + 1)
#define GP_LOCAL_PART_MAX 256  /* RFC 5321 4.5.3.1.1 says 64; mail has more */
#define GP_PATH_MAX       1024 /* MAIL and RCPT arguments that we read */
#define GP_HELO_MAX       512  /* HELO argument that we read */

/* -- SPF --------------------------------------------------------------- */
#define GP_SPF_TERMS_MAX    10   /* RFC 7208 4.6.4, terms that query */
#define GP_SPF_VOIDS_MAX    2    /* RFC 7208 4.6.4 */
#define GP_SPF_MX_MAX       10   /* RFC 7208 4.6.4, names of one "mx" */
#define GP_SPF_PTR_MAX      10   /* RFC 7208 4.6.4, names of one "ptr" */
#define GP_SPF_QUERIES_MAX  32   /* our own: RFC 7208 11.1 warns of 111 */
#define GP_SPF_DEPTH_MAX    12   /* include and redirect; above the 10 terms */
#define GP_SPF_RECORD_MAX   4096 /* a TXT record that we evaluate, bytes */
#define GP_SPF_RECORD_TERMS 256  /* terms of one record that we read */
#define GP_SPF_EXPLAIN_MAX  400  /* explanation text after expansion, bytes */
#define GP_EGRESS_MAX       32   /* addresses that preflight checks */
#define GP_SPF_TIMEOUT_S    20   /* RFC 7208 4.6.4 */

/* -- DNS --------------------------------------------------------------- */
#define GP_DNS_ANSWER_MAX      65536 /* bytes of one answer that we keep */
#define GP_DNS_RRS_MAX         256   /* records of one answer that we keep */
#define GP_DNS_TXT_MAX         16384 /* one TXT record, its strings joined */
#define GP_DNS_TTL_MAX_S       86400 /* nothing is cached longer */
#define GP_DNS_MESSAGE_QUERIES 64    /* look-ups for one message, all kinds */
#define GP_DNS_CNAME_MAX       8     /* links of one chain */

/* -- header fields ----------------------------------------------------- */
#define GP_FIELD_MAX           131072 /* one field; Postfix sends up to 102,400 */
#define GP_FIELDS_MAX          1000   /* fields of one message that we keep */
#define GP_FIELDS_BYTES        262144 /* all kept fields of one message */
#define GP_AUTHRES_RESULTS_MAX 32     /* results of one field */
#define GP_AUTHRES_PROPS_MAX   16     /* properties of one result */
#define GP_COMMENT_DEPTH_MAX   32     /* nested comments */

/* -- DKIM -------------------------------------------------------------- */
#define GP_DKIM_FIELDS_MAX   64    /* DKIM-Signature fields that we look at */
#define GP_DKIM_NAMES_MAX    1100  /* names of one h=: GP_FIELDS_MAX and some */
#define GP_DKIM_RSA_BITS_MAX 8192  /* modulus; RFC 8301 asks for 4096 */
#define GP_DKIM_RSA_E_BYTES  8     /* public exponent */
#define GP_DKIM_DRIFT_S      300   /* allowance for clocks with t= and x= */
#define GP_MAILBOXES_MAX     256   /* mailboxes of one field */
#define GP_KEY_FILE_MAX      65536 /* bytes of a private key's file */

/* -- process: LimitNOFILE= and TasksMax= of the units are above these -- */
#define GP_SESSIONS_MAX     16384 /* connections of the MTA at a time */
#define GP_DESCRIPTORS_KEPT 512   /* for DNS, stores, keys, who asks us */
#define GP_THREADS_MAX      2048  /* that judge, sessions wait for one */
#define GP_THREADS_KEPT     8     /* that stand ready for the next session */

/* -- session ----------------------------------------------------------- */
#define GP_RCPTS_MAX      10000 /* recipients of one message */
#define GP_LOG_LINE_MAX   512   /* bytes of one log line */
#define GP_REPLY_TEXT_MAX 400   /* text of one SMTP reply line, RFC 5321 512 */
#define GP_SEAL_AGE_MIN   15    /* minutes for which a seal is believed */

/* -- policy file ------------------------------------------------------- */
#define GP_CONFIG_FILE_MAX     4194304 /* bytes, 4 MiB */
#define GP_CONFIG_PROBLEMS_MAX 100     /* problems shown in one run */
#define GP_OVERRIDES_MAX       1000    /* override blocks */
#define GP_PROVIDERS_MAX       1000    /* provider blocks */
#define GP_PARTS_MAX           100     /* of one kind in one block: keys ... */
#define GP_LIMIT_RATES_MAX     8       /* rates of one limit */

#endif
