#!/usr/bin/python3
"""The suite of DMARC on Postfix: see suite_dmarc."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_postfix
import suite_dmarc

suite_dmarc.main(lab_postfix.Postfix)
