#!/usr/bin/python3
"""The suite of DMARC on Sendmail: see suite_dmarc."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_host

lab_host.enter("DMARC with Sendmail")
import lab_sendmail
import suite_dmarc

suite_dmarc.main(lab_sendmail.Sendmail)
