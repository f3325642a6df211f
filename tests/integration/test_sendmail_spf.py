#!/usr/bin/python3
"""gatepost-spf with Sendmail: see suite_spf."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_host

lab_host.enter("SPF with Sendmail")
import lab_sendmail
import suite_spf

suite_spf.main(lab_sendmail.Sendmail)
