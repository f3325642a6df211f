#!/usr/bin/python3
"""gatepost-spf with Postfix: see suite_spf."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_postfix
import suite_spf

suite_spf.main(lab_postfix.Postfix)
