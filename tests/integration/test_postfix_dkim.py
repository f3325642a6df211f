#!/usr/bin/python3
"""The suite of DKIM on Postfix: see suite_dkim."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_postfix
import suite_dkim

suite_dkim.main(lab_postfix.Postfix)
