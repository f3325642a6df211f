#!/usr/bin/python3
"""gatepost-spf without room, with Sendmail: see suite_busy."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_host

lab_host.enter("no room with Sendmail")
import lab_sendmail
import suite_busy

suite_busy.main(lab_sendmail.Sendmail)
