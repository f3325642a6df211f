#!/usr/bin/python3
"""suite_preflight on Postfix."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_postfix
import suite_preflight

suite_preflight.main(lab_postfix.Postfix)
