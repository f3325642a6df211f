#!/usr/bin/python3
"""suite_rate on Sendmail."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_host

lab_host.enter("gatepost-rate with Sendmail")
import lab_sendmail
import suite_rate

suite_rate.main(lab_sendmail.Sendmail)
